/* Runs of Ansible, and what became of each host in them. */
#include "server/store_priv.h"

#include <string.h>

#include "base/cleanup.h"

static int read_run(struct store *s, sqlite3_stmt *st, struct run *ret, struct err *e)
{
    int state = sqlite3_column_int(st, 1);
    bool whole = state >= 0 && state < JOB_STATES &&
                 store_text(st, 4, ret->playbook, sizeof ret->playbook) &&
                 store_text(st, 5, ret->own.s, sizeof ret->own.s) &&
                 store_text(st, 6, ret->tags, sizeof ret->tags) &&
                 store_text(st, 7, ret->actor, sizeof ret->actor) &&
                 store_text(st, 15, ret->boot_id, sizeof ret->boot_id) &&
                 store_text(st, 16, ret->how, sizeof ret->how) &&
                 store_text(st, 17, ret->reason, sizeof ret->reason);

    ret->id = sqlite3_column_int64(st, 0);
    ret->state = (enum job_state)state;
    ret->by_hand = sqlite3_column_int(st, 2);
    ret->check = sqlite3_column_int(st, 3);
    ret->hosts = (uint32_t)sqlite3_column_int64(st, 8);
    ret->asked_ms = sqlite3_column_int64(st, 9);
    ret->interruptions = (uint32_t)sqlite3_column_int64(st, 10);
    ret->started_ms = sqlite3_column_int64(st, 11);
    ret->ended_ms = sqlite3_column_int64(st, 12);
    ret->pid = sqlite3_column_int64(st, 13);
    ret->start_time = sqlite3_column_int64(st, 14);
    return whole ? 1 : store_damaged(s, e, "run");
}

int store_run_add(struct store *s, struct run *r, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_write(s, S_RUN_ADD, e, "iiittttii", (int64_t)r->state, (int64_t)r->by_hand,
                        (int64_t)r->check, r->playbook, r->own.s, r->tags, r->actor,
                        (int64_t)r->hosts, r->asked_ms);
    if (n < 0)
        return -1;
    n = store_row(s, S_RUN_LAST, &st, e, "");
    if (n == 1)
        r->id = sqlite3_column_int64(st, 0);
    store_reset(s->stmt[S_RUN_LAST]);
    return n == 1 ? 0 : n < 0 ? -1 : err_set(e, ERR_INTERNAL, "a run is not there once written");
}

int store_run_put(struct store *s, const struct run *r, struct err *e)
{
    return store_write(s, S_RUN_PUT, e, "iiiiiiittt", r->id, (int64_t)r->state,
                       (int64_t)r->interruptions, r->started_ms, r->ended_ms, r->pid, r->start_time,
                       r->boot_id, r->how, r->reason) < 0
               ? -1
               : 0;
}

int store_run_get(struct store *s, int64_t id, struct run *ret, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_RUN_GET, &st, e, "i", id);

    if (n == 1)
        n = read_run(s, st, ret, e);
    store_reset(s->stmt[S_RUN_GET]);
    if (n == 0)
        return err_set(e, ERR_NOT_FOUND, "there is no run %lld; see: roost runs", (long long)id);
    return n < 0 ? -1 : 0;
}

int store_runs_open(struct store *s, store_run_fn *fn, void *arg, struct err *e)
{
    struct run r = { .id = 0 };

    for (;;) {
        sqlite3_stmt *st;
        int n = store_row(s, S_RUN_AFTER_OPEN, &st, e, "i", r.id);
        if (n == 1)
            n = read_run(s, st, &r, e);
        store_reset(s->stmt[S_RUN_AFTER_OPEN]);
        if (n <= 0)
            return n;
        int end = fn(&r, arg);
        if (end)
            return end;
    }
}

int store_runs(struct store *s, int64_t instance, int limit, store_run_fn *fn, void *arg,
               struct err *e)
{
    enum stmt id = instance ? S_RUN_BEFORE_OF : S_RUN_BEFORE;
    struct run r = { .id = INT64_MAX };

    while (limit-- > 0) {
        sqlite3_stmt *st;
        int n = instance ? store_row(s, id, &st, e, "ii", r.id, instance)
                         : store_row(s, id, &st, e, "i", r.id);
        if (n == 1)
            n = read_run(s, st, &r, e);
        store_reset(s->stmt[id]);
        if (n <= 0)
            return n;
        int end = fn(&r, arg);
        if (end)
            return end;
    }
    return 0;
}

int store_run_forget(struct store *s, int64_t before_ms, unsigned keep, int64_t *ret, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_RUN_OLD, &st, e, "ii", before_ms, (int64_t)keep);

    if (n == 1)
        *ret = sqlite3_column_int64(st, 0);
    store_reset(s->stmt[S_RUN_OLD]);
    if (n == 1 && store_write(s, S_RUN_REMOVE, e, "i", *ret) < 0)
        return -1;
    return n;
}

/* ---- hosts ---- */

int store_run_host_put(struct store *s, int64_t run, const struct run_host *h, struct err *e)
{
    return store_write(s, S_RUN_HOST_PUT, e, "itiitttiiiii", run, h->name.s, h->instance,
                       (int64_t)h->generation, h->outcome, h->task, h->message, (int64_t)h->ok,
                       (int64_t)h->changed, (int64_t)h->failed, (int64_t)h->skipped,
                       h->duration_ms) < 0
               ? -1
               : 0;
}

static int read_host(struct store *s, sqlite3_stmt *st, struct run_host *ret, struct err *e)
{
    bool whole = store_text(st, 0, ret->name.s, sizeof ret->name.s) &&
                 store_text(st, 3, ret->outcome, sizeof ret->outcome) &&
                 store_text(st, 4, ret->task, sizeof ret->task) &&
                 store_text(st, 5, ret->message, sizeof ret->message);

    ret->instance = sqlite3_column_int64(st, 1);
    ret->generation = (uint32_t)sqlite3_column_int64(st, 2);
    ret->ok = (uint32_t)sqlite3_column_int64(st, 6);
    ret->changed = (uint32_t)sqlite3_column_int64(st, 7);
    ret->failed = (uint32_t)sqlite3_column_int64(st, 8);
    ret->skipped = (uint32_t)sqlite3_column_int64(st, 9);
    ret->duration_ms = sqlite3_column_int64(st, 10);
    return whole ? 1 : store_damaged(s, e, "host of a run");
}

int store_run_hosts(struct store *s, int64_t run, store_run_host_fn *fn, void *arg, struct err *e)
{
    struct run_host h = { 0 };

    for (;;) {
        sqlite3_stmt *st;
        int n = store_row(s, S_RUN_HOST_AFTER, &st, e, "it", run, h.name.s);
        if (n == 1)
            n = read_host(s, st, &h, e);
        store_reset(s->stmt[S_RUN_HOST_AFTER]);
        if (n <= 0)
            return n;
        int end = fn(&h, arg);
        if (end)
            return end;
    }
}
