#include "server/core_aside.h"

#include <stdlib.h>

#include "base/cleanup.h"

struct aside {
    struct core *c;
    struct worker *worker;
    struct store *reader;
    atomic_bool ending;
    unsigned jobs; /* posted and not done */
};

static void run(void *arg)
{
    struct aside_job *j = arg;
    struct aside *by = j->by;

    j->failed = by->ending || j->work(j, by->reader, &by->ending, &j->err) < 0;
}

static void end(struct aside_job *j, const struct err *err)
{
    j->by->jobs--;
    j->done(j, err);
}

static void ran(void *arg)
{
    struct aside_job *j = arg;

    if (j->by->ending)
        j->failed = err_set(&j->err, ERR_BUSY, "roost is stopping") < 0;
    end(j, j->failed ? &j->err : NULL);
}

static void begin(bool committed, void *arg)
{
    struct aside_job *j = arg;
    struct aside *by = j->by;
    struct err e;

    (void)committed;
    err_set(&e, ERR_BUSY, "roost is stopping");
    if (j->begin)
        j->begin(j, by->reader);
    if (by->c->ending || worker_post(by->worker, run, ran, j, &e) < 0)
        end(j, &e);
}

struct aside *aside_open(struct core *c, struct aside **at, struct err *e)
{
    if (*at)
        return *at;
    auto_free struct aside *by = calloc(1, sizeof *by);
    if (!by) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    by->c = c;
    if (store_open_reader(c->config.state, &by->reader, e) < 0)
        return NULL;
    if (!(by->worker = worker_new(c->loop, e))) {
        store_close(by->reader);
        return NULL;
    }
    return *at = steal_ptr(by);
}

int aside_post(struct aside *by, struct aside_job *j, struct err *e)
{
    j->by = by;
    if (core_after(by->c, begin, j, e) < 0)
        return -1;
    by->jobs++;
    return 0;
}

bool aside_busy(const struct aside *by)
{
    return by->jobs > 0;
}

void aside_stop(struct aside *by)
{
    if (!by)
        return;
    by->ending = true;
    worker_free(by->worker);
    by->worker = NULL;
}

void aside_free(struct aside *by)
{
    if (!by)
        return;
    store_close(by->reader);
    free(by);
}
