/* What Ansible has to do for each instance. */
#include "server/store_priv.h"

#include "base/cleanup.h"

const char *job_state_name(enum job_state s)
{
    static const char *const names[JOB_STATES] = {
        [JOB_PENDING] = "pending", [JOB_RUNNING] = "running", [JOB_DONE] = "done"
    };

    return (unsigned)s < JOB_STATES ? names[s] : "unknown";
}

static int read_job(struct store *s, sqlite3_stmt *st, int64_t instance, struct job *ret,
                    struct err *e)
{
    int state = sqlite3_column_int(st, 1);

    *ret = (struct job){
        .instance = instance,
        .generation = (uint32_t)sqlite3_column_int64(st, 0),
        .state = (enum job_state)state,
        .ready = sqlite3_column_int(st, 2),
        .finished = sqlite3_column_int(st, 3),
        .resets = sqlite3_column_int(st, 4),
        .attempts = (uint32_t)sqlite3_column_int64(st, 5),
        .interruptions = (uint32_t)sqlite3_column_int64(st, 6),
        .not_before_ms = sqlite3_column_int64(st, 7),
        .heard_ms = sqlite3_column_int64(st, 8),
        .run = sqlite3_column_int64(st, 9),
    };
    if (state >= 0 && state < JOB_STATES && store_text(st, 10, ret->outcome, sizeof ret->outcome))
        return 1;
    return store_damaged(s, e, "job of an instance");
}

int store_job_get(struct store *s, int64_t instance, struct job *ret, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_JOB_GET, &st, e, "i", instance);

    if (n == 1)
        n = read_job(s, st, instance, ret, e);
    store_reset(s->stmt[S_JOB_GET]);
    return n;
}

int store_job_put(struct store *s, const struct job *j, struct err *e)
{
    return store_write(s, S_JOB_PUT, e, "iiiiiiiiiiit", j->instance, (int64_t)j->generation,
                       (int64_t)j->state, (int64_t)j->ready, (int64_t)j->finished,
                       (int64_t)j->resets, (int64_t)j->attempts, (int64_t)j->interruptions,
                       j->not_before_ms, j->heard_ms, j->run, j->outcome) < 0
               ? -1
               : 0;
}

int store_job_remove(struct store *s, int64_t instance, struct err *e)
{
    return store_write(s, S_JOB_REMOVE, e, "i", instance) < 0 ? -1 : 0;
}

int store_jobs_due(struct store *s, bool ready, int64_t now_ms, int64_t *ret, int max,
                   struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_JOBS_DUE, &st, e, "iii", (int64_t)ready, now_ms, (int64_t)max);
    int count = 0;

    while (n == 1 && count < max) {
        ret[count++] = sqlite3_column_int64(st, 0);
        int rc = sqlite3_step(st);
        n = rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : store_fail(s, e);
    }
    store_reset(s->stmt[S_JOBS_DUE]);
    return n < 0 ? -1 : count;
}

int store_jobs_next(struct store *s, bool ready, int64_t *ret_ms, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_JOBS_NEXT, &st, e, "i", (int64_t)ready);

    if (n == 1)
        *ret_ms = sqlite3_column_type(st, 0) == SQLITE_NULL ? INT64_MAX
                                                            : sqlite3_column_int64(st, 0);
    store_reset(s->stmt[S_JOBS_NEXT]);
    return n < 0 ? -1 : 0;
}

int store_jobs_cap(struct store *s, int64_t until_ms, struct err *e)
{
    return store_write(s, S_JOBS_CAP, e, "i", until_ms) < 0 ? -1 : 0;
}

int store_jobs_count(struct store *s, int64_t ret[JOB_STATES], struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_JOBS_COUNT, &st, e, "");

    for (int i = 0; i < JOB_STATES; i++)
        ret[i] = 0;
    while (n == 1) {
        int64_t state = sqlite3_column_int64(st, 0);
        if (state >= 0 && state < JOB_STATES)
            ret[state] = sqlite3_column_int64(st, 1);
        int rc = sqlite3_step(st);
        n = rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : store_fail(s, e);
    }
    store_reset(s->stmt[S_JOBS_COUNT]);
    return n;
}
