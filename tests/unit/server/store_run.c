/* Jobs and runs of Ansible in the store. */
#include "store_help.h"

static void jobs(void **state)
{
    (void)state;
    struct store *s = open_store();
    int64_t a = add(s, "a", 1), b = add(s, "b", 2), c = add(s, "c", 3), due[4], next;
    int64_t count[JOB_STATES];
    struct job j = { .instance = a, .generation = 7, .not_before_ms = 500, .outcome = "ok" }, back;

    assert_int_equal(store_job_get(s, a, &back, NULL), 0);
    must(store_jobs_next(s, false, &next, e));
    assert_true(next == INT64_MAX);
    must(store_job_put(s, &j, e));
    j = (struct job){ .instance = b, .generation = 1, .not_before_ms = 300, .attempts = 2 };
    must(store_job_put(s, &j, e));
    j = (struct job){ .instance = c, .ready = true, .not_before_ms = 100, .interruptions = 1 };
    must(store_job_put(s, &j, e));
    assert_int_equal(store_job_get(s, a, &back, NULL), 1);
    assert_int_equal(back.generation, 7);
    assert_string_equal(back.outcome, "ok");
    assert_int_equal(store_jobs_due(s, false, 299, due, 4, NULL), 0);
    assert_int_equal(store_jobs_due(s, false, 600, due, 4, NULL), 2);
    assert_true(due[0] == b && due[1] == a);
    assert_int_equal(store_jobs_due(s, false, 600, due, 1, NULL), 1);
    assert_int_equal(store_jobs_due(s, true, 600, due, 4, NULL), 1);
    must(store_jobs_next(s, true, &next, e));
    assert_int_equal(next, 100);
    j.state = JOB_RUNNING;
    must(store_job_put(s, &j, e));
    must(store_jobs_next(s, true, &next, e));
    assert_true(next == INT64_MAX);
    must(store_jobs_next(s, false, &next, e));
    assert_int_equal(next, 300);
    must(store_jobs_cap(s, 200, e)); /* the clock was set back */
    assert_int_equal(store_jobs_due(s, false, 200, due, 4, NULL), 2);
    must(store_jobs_count(s, count, e));
    assert_true(count[JOB_PENDING] == 2 && count[JOB_RUNNING] == 1 && count[JOB_DONE] == 0);
    must(store_instance_remove(s, b, e));
    assert_int_equal(store_job_get(s, b, &back, NULL), 0);
    must(store_job_remove(s, a, e));
    assert_int_equal(store_job_get(s, a, &back, NULL), 0);
    store_close(s);
}

static int run_ids(const struct run *r, void *arg)
{
    buf_printf(arg, "%lld ", (long long)r->id);
    return 0;
}

static int host_names(const struct run_host *h, void *arg)
{
    buf_printf(arg, "%s=%s ", h->name.s, h->outcome);
    return 0;
}

static struct run a_run(struct store *s, const char *playbook, enum job_state state)
{
    struct run r = { .state = state, .hosts = 2, .asked_ms = 10, .by_hand = true };

    snprintf(r.playbook, sizeof r.playbook, "%s", playbook);
    snprintf(r.actor, sizeof r.actor, "uid 0");
    must(store_run_add(s, &r, e));
    return r;
}

static void runs(void **state)
{
    (void)state;
    struct store *s = open_store();
    auto_buf struct buf b = BUF_INIT;
    struct run one = a_run(s, "site.yaml", JOB_PENDING), two = a_run(s, "web.yaml", JOB_RUNNING), r;
    struct run_host h = { .instance = 5, .name = { "web1" }, .generation = 1 };
    struct err why;

    assert_true(one.id > 0 && two.id > one.id);
    must(store_run_host_put(s, two.id, &h, e));
    snprintf(h.outcome, sizeof h.outcome, "changed");
    h.changed = 3;
    must(store_run_host_put(s, two.id, &h, e));
    h = (struct run_host){ .instance = 6, .name = { "db1" }, .generation = 1 };
    must(store_run_host_put(s, two.id, &h, e));
    must(store_run_hosts(s, two.id, host_names, &b, e));
    assert_string_equal(buf_str(&b), "db1= web1=changed ");
    buf_clear(&b);
    must(store_runs_open(s, run_ids, &b, e));
    must(store_runs(s, 0, 10, run_ids, &b, e));
    must(store_runs(s, 6, 10, run_ids, &b, e));
    must(store_runs(s, 7, 10, run_ids, &b, e));
    assert_string_equal(buf_str(&b), "1 2 2 1 2 ");
    one.state = JOB_DONE;
    one.ended_ms = 1000;
    one.pid = 4711;
    snprintf(one.reason, sizeof one.reason, "as it should");
    must(store_run_put(s, &one, e));
    must(store_run_get(s, one.id, &r, e));
    assert_string_equal(r.reason, "as it should");
    assert_string_equal(r.playbook, "site.yaml");
    assert_int_equal(r.pid, 4711);
    assert_int_equal(store_run_get(s, 99, &r, &why), -1);
    assert_int_equal(why.kind, ERR_NOT_FOUND);
    store_close(s);
}

/* By age and by number, and never one that is not done; numbers are not given again. */
static void forgotten(void **state)
{
    (void)state;
    struct store *s = open_store();
    int64_t id = 0;

    for (int i = 1; i <= 4; i++) {
        struct run r = a_run(s, "site.yaml", i == 2 ? JOB_RUNNING : JOB_DONE);
        r.ended_ms = 100 * i;
        must(store_run_put(s, &r, e));
    }
    assert_int_equal(store_run_forget(s, 0, 10, &id, NULL), 0);
    assert_int_equal(store_run_forget(s, 150, 10, &id, NULL), 1);
    assert_int_equal(id, 1);
    assert_int_equal(store_run_forget(s, 150, 2, &id, NULL), 0);
    assert_int_equal(store_run_forget(s, 150, 1, &id, NULL), 1);
    assert_int_equal(id, 3);
    assert_int_equal(store_run_forget(s, 500, 0, &id, NULL), 1);
    assert_int_equal(id, 4);
    assert_int_equal(store_run_forget(s, 500, 0, &id, NULL), 0);
    assert_int_equal(a_run(s, "x", JOB_PENDING).id, 5);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = { WITH_DIR(jobs), WITH_DIR(runs), WITH_DIR(forgotten) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
