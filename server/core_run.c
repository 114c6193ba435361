/* A run's life: on record, prepared (worker), started, ended, its outcomes read (worker), on record
 * again. Whatever becomes of roost, the run goes on; the next roost finds it. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "server/core_ansible.h"

/* ---- the list ---- */

static int by_instance_name(const void *a, const void *b)
{
    return strcmp(((const struct run_host *)a)->name.s, ((const struct run_host *)b)->name.s);
}

struct active *active_of(struct core *c, int64_t instance)
{
    for (struct active *a = c->ansible->active; a; a = a->next)
        for (int i = 0; i < a->n; i++)
            if (a->hosts[i].instance == instance)
                return a;
    return NULL;
}

struct active *active_by_id(struct core *c, int64_t run)
{
    struct active *a = c->ansible ? c->ansible->active : NULL;

    while (a && a->run.id != run)
        a = a->next;
    return a;
}

bool runs_room(const struct core *c)
{
    return c->ansible->n_active < c->config.runs_at_once;
}

static void active_free(struct active *a)
{
    runner_forget(a->runner);
    prepared_free(a->prepared);
    outcomes_free(a->outcomes);
    free(a->hosts);
    free(a);
}

static void active_drop(struct active *a)
{
    struct core *c = a->c;
    struct active **at;

    for (at = &c->ansible->active; *at != a; at = &(*at)->next)
        ;
    *at = a->next;
    c->ansible->n_active--;
    active_free(a);
    ansible_soon(c, 0); /* there is room */
}

/* ---- the worker ---- */

static int worker_there(struct core *c, struct err *e)
{
    struct ansible *a = c->ansible;

    a->config = c->config;
    if (!a->reader && store_open_reader(c->config.state, &a->reader, e) < 0)
        return -1;
    if (!a->worker && !(a->worker = worker_new(c->loop, e)))
        return -1;
    return 0;
}

/* ---- the end ---- */

/* On record, or tried again: what became of a run is not lost to a disk that is full. */
static void recorded(bool committed, void *arg)
{
    struct active *a = arg;

    (void)committed; /* else the next start reads the directory again */
    active_drop(a);
}

static void record(struct active *a)
{
    struct core *c = a->c;
    struct err e;

    if (core_write(c, true, &e) < 0 || store_savepoint(c->store, &e) < 0) {
        core_fault(c, "run %lld could not be recorded: %s", (long long)a->run.id, e.text);
        active_drop(a);
        return;
    }
    if (run_record(c, a, &e) < 0) {
        store_rollback_to(c->store);
        core_fault(c, "run %lld could not be recorded: %s", (long long)a->run.id, e.text);
    } else {
        store_release(c->store);
    }
    if (core_after(c, recorded, a, &e) < 0)
        active_drop(a);
}

static void read_outcomes(void *arg)
{
    struct active *a = arg;
    auto_free struct name *names = calloc((size_t)a->n, sizeof *names);

    for (int i = 0; names && i < a->n; i++)
        names[i] = a->hosts[i].name;
    a->outcomes = names ? runner_outcomes(a->dir, names, a->n, &a->err) : NULL;
}

static void outcomes_read(void *arg)
{
    struct active *a = arg;

    if (!a->c->ending) /* else the next roost does */
        record(a);
}

static void ended(const struct runner_end *end, void *arg)
{
    struct active *a = arg;
    struct err e;

    a->runner = NULL;
    a->end = *end;
    if (worker_there(a->c, &e) < 0 ||
        worker_post(a->c->ansible->worker, read_outcomes, outcomes_read, a, &e) < 0) {
        core_fault(a->c, "run %lld: %s", (long long)a->run.id, e.text);
        record(a);
    }
}

/* One that could not even begin: nobody was touched. */
static void refused(struct active *a, const struct err *why)
{
    a->end = (struct runner_end){ .how = RUNNER_REFUSED };
    snprintf(a->end.reason, sizeof a->end.reason, "%s", why->text);
    record(a);
}

/* ---- the beginning ---- */

static void remember(struct active *a)
{
    const struct runner_id *id = runner_id(a->runner);
    struct core *c = a->c;
    struct err e;

    a->run.pid = id->pid;
    a->run.start_time = (int64_t)id->start_time;
    snprintf(a->run.boot_id, sizeof a->run.boot_id, "%s", id->boot_id);
    if (core_write(c, true, &e) < 0 || store_run_put(c->store, &a->run, &e) < 0)
        core_fault(c, "run %lld: %s", (long long)a->run.id, e.text);
}

static void prepared(void *arg)
{
    struct active *a = arg;
    struct core *c = a->c;
    struct err e;

    if (c->ending)
        return;
    if (a->cancelled) {
        a->end = (struct runner_end){ .how = RUNNER_CANCELLED };
        record(a);
    } else if (a->failed) {
        refused(a, &a->err);
    } else if (run_start(a, ended, &e) < 0) {
        refused(a, &e);
    } else {
        remember(a);
    }
}

static void prepare(void *arg)
{
    struct active *a = arg;

    a->failed = run_prepare(a, a->c->ansible->reader, &a->c->ansible->config, &a->err) < 0;
}

/* The worker sees what is committed, and a run that is not on record is not begun. */
static void committed(bool ok, void *arg)
{
    struct active *a = arg;
    struct core *c = a->c;
    struct err e;

    if (c->ending || !ok) {
        active_drop(a);
        return;
    }
    if (worker_there(c, &e) < 0 || worker_post(c->ansible->worker, prepare, prepared, a, &e) < 0)
        refused(a, &e);
}

static struct active *active_new(struct core *c, const struct run *r, struct run_host *hosts, int n,
                                 struct err *e)
{
    struct active *a = calloc(1, sizeof *a);

    if (!a) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    qsort(hosts, (size_t)n, sizeof *hosts, by_instance_name);
    *a = (struct active){ .next = c->ansible->active, .c = c, .run = *r, .hosts = hosts, .n = n };
    run_dir(&c->config, r->id, a->dir);
    c->ansible->active = a;
    c->ansible->n_active++;
    return a;
}

int run_add(struct core *c, struct run *r, const struct run_host *hosts, int n, struct err *e)
{
    r->hosts = (uint32_t)n;
    if (store_run_add(c->store, r, e) < 0)
        return -1;
    for (int i = 0; i < n; i++)
        if (store_run_host_put(c->store, r->id, &hosts[i], e) < 0)
            return -1;
    return store_run_put(c->store, r, e);
}

static int tell_begun(struct core *c, const struct run *r, struct err *e)
{
    return core_appliance(c, EV_RUN_STARTED, r->actor, e, "run %lld: %s on %u guest%s%s",
                          (long long)r->id, r->playbook, r->hosts, r->hosts == 1 ? "" : "s",
                          r->check ? ", checking only" : "");
}

int run_launch(struct core *c, const struct run *r, struct run_host *hosts, int n, struct err *e)
{
    struct active *a = active_new(c, r, hosts, n, e);

    if (!a)
        return -1;
    if (tell_begun(c, r, e) == 0 && core_after(c, committed, a, e) == 0)
        return 0;
    a->hosts = NULL; /* the caller's */
    active_drop(a);
    return -1;
}

/* ---- what is on record ---- */

int run_resume(struct core *c, const struct run *r, struct err *e)
{
    struct run now = *r;
    struct run_host *hosts = NULL;
    int n = 0;

    now.state = JOB_RUNNING;
    now.started_ms = loop_now(c->loop).real_ms;
    if (run_hosts_load(c, r->id, &hosts, &n, e) < 0)
        return -1;
    if (core_write(c, true, e) == 0 && store_run_put(c->store, &now, e) == 0 &&
        run_launch(c, &now, hosts, n, e) == 0)
        return 0;
    free(hosts);
    return -1;
}

static void take_up(struct active *a, enum runner_found found, const struct runner_id *id)
{
    struct err e;

    switch (found) {
    case RUNNER_ALIVE:
        log_info("run %lld is still under way", (long long)a->run.id);
        a->runner = runner_adopt(a->c->loop, a->dir, id, ended, a, &e);
        if (!a->runner)
            refused(a, &e);
        break;
    case RUNNER_ENDED: {
        const struct runner_end end = a->end;
        log_info("run %lld has ended meanwhile (%s)", (long long)a->run.id,
                 runner_how_name(end.how));
        ended(&end, a);
        break;
    }
    case RUNNER_NEVER: /* on record, and the end came before its start */
        committed(true, a);
        break;
    }
}

/* One that was running when the last roost ended. */
static int recover(const struct run *r, void *arg)
{
    struct core *c = arg;
    struct run_host *hosts = NULL;
    struct runner_id id;
    struct active *a = NULL;
    struct err e;
    int n = 0, is;

    if (r->state != JOB_RUNNING)
        return 0;
    if (run_hosts_load(c, r->id, &hosts, &n, &e) < 0 || !(a = active_new(c, r, hosts, n, &e))) {
        core_fault(c, "run %lld: %s", (long long)r->id, e.text);
        free(hosts);
        return 0;
    }
    is = runner_find(a->dir, &id, &a->end, &e);
    if (is < 0 && e.kind != ERR_NOT_FOUND) {
        refused(a, &e);
        return 0;
    }
    take_up(a, is < 0 ? RUNNER_NEVER : (enum runner_found)is, &id);
    return 0;
}

void runs_recover(struct core *c)
{
    struct err e;

    if (store_runs_open(c->store, recover, c, &e) < 0)
        core_fault(c, "runs of Ansible: %s", e.text);
}

void run_cancel(struct active *a, const char *actor)
{
    a->cancelled = true;
    snprintf(a->run.reason, sizeof a->run.reason, "cancelled by %.60s", actor);
    if (a->runner)
        runner_cancel(a->runner, NULL);
}

void runs_free(struct core *c)
{
    while (c->ansible->active) {
        struct active *a = c->ansible->active;
        c->ansible->active = a->next;
        active_free(a);
    }
}
