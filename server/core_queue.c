/* The queue: which runs begin now. Guests whose moment has come within a short time and that want
 * the same playbook share one; no guest is in two at a time. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "server/core_ansible.h"

#define READY_A_TURN 256
#define MISSING_MS   60000 /* a program that is not there is looked for so often */
#define BUSY_MS      1000

/* ---- is there anything to run it with? ---- */

/* Said once, until it was there again. */
static bool program_there(struct core *c)
{
    struct ansible *a = c->ansible;
    int64_t now = loop_now(c->loop).boot_ms;
    char path[PATH_SIZE];

    if (a->looked_ms && now - a->looked_ms < MISSING_MS)
        return false;
    runs_program(c, path);
    if (path[0]) {
        if (a->looked_ms)
            log_info("Ansible is there now: %s", path);
        a->looked_ms = 0;
        return true;
    }
    if (!a->looked_ms)
        core_fault(c,
                   "Ansible is not on this host (%s): guests that come home wait for it; install "
                   "ansible-core, or say [ansible] enabled = no",
                   c->config.playbook);
    a->looked_ms = now;
    return false;
}

/* ---- by hand ---- */

struct serving {
    struct core *c;
    struct err *e;
    bool failed;
};

static int serve_asked(const struct run *r, void *arg)
{
    struct serving *s = arg;
    struct run_host *hosts = NULL;
    bool busy = false;
    int n = 0;

    if (r->state != JOB_PENDING)
        return 0;
    if (!runs_room(s->c))
        return 1;
    if (run_hosts_load(s->c, r->id, &hosts, &n, s->e) < 0)
        return -1;
    for (int i = 0; i < n && !busy; i++)
        busy = active_of(s->c, hosts[i].instance) != NULL;
    free(hosts);
    return busy ? 0 : run_resume(s->c, r, s->e);
}

/* ---- on homecoming ---- */

struct batch {
    struct core *c;
    struct run run;
    struct run_host *hosts;
    int n;
};

static bool fits(struct batch *b, const char *playbook, const char *own)
{
    struct run *r = &b->run;

    if (b->n)
        return strcmp(r->playbook, playbook) == 0 && strcmp(r->own.s, own) == 0;
    snprintf(r->playbook, sizeof r->playbook, "%s", playbook);
    snprintf(r->own.s, sizeof r->own.s, "%s", own);
    return true;
}

/* Puts it into the batch if it goes there; what is not due any more is sent back. */
static int consider(struct batch *b, struct job *j, struct err *e)
{
    struct core *c = b->c;
    struct instance i = { 0 };
    const char *playbook;
    struct guest g;
    bool own;

    if (store_guest_by_id(c->store, j->instance, &g, e) < 0)
        return -1;
    if (g.generation != j->generation || !phase_is_home(g.standing.phase)) {
        j->ready = false;
        j->not_before_ms = 0;
        return core_write(c, false, e) < 0 ? -1 : store_job_put(c->store, j, e);
    }
    if (store_instance_get(c->store, g.id, &i, e) < 0)
        return -1;
    playbook = core_playbook(c, g.name.s, &i.spec, &own);
    if (playbook && fits(b, playbook, own ? g.name.s : ""))
        b->hosts[b->n++] =
            (struct run_host){ .instance = g.id, .name = g.name, .generation = g.generation };
    instance_done(&i);
    if (playbook)
        return 0;
    j->state = JOB_DONE; /* it was taken away meanwhile */
    snprintf(j->outcome, sizeof j->outcome, "nothing");
    return core_write(c, false, e) < 0 ? -1 : store_job_put(c->store, j, e);
}

static int put_off_busy(struct core *c, struct job *j, struct err *e)
{
    j->not_before_ms = loop_now(c->loop).real_ms + BUSY_MS;
    return core_write(c, false, e) < 0 ? -1 : store_job_put(c->store, j, e);
}

static int gather(struct batch *b, const int64_t *ids, int n, struct err *e)
{
    struct job j;

    for (int i = 0; i < n && b->n < (int)b->c->config.batch_hosts; i++) {
        if (store_job_get(b->c->store, ids[i], &j, e) != 1)
            return -1;
        if ((active_of(b->c, ids[i]) ? put_off_busy(b->c, &j, e) : consider(b, &j, e)) < 0)
            return -1;
    }
    return 0;
}

/* The jobs go on record as running with the run: in one transaction. */
static int mark_running(struct batch *b, struct err *e)
{
    struct job j;

    for (int i = 0; i < b->n; i++) {
        if (store_job_get(b->c->store, b->hosts[i].instance, &j, e) != 1)
            return -1;
        j.state = JOB_RUNNING;
        j.run = b->run.id;
        j.attempts++;
        if (store_job_put(b->c->store, &j, e) < 0)
            return -1;
    }
    return 0;
}

static int begin(struct batch *b, struct err *e)
{
    struct core *c = b->c;
    struct run_host *hosts = b->hosts;
    int n = b->n;

    b->run.asked_ms = b->run.started_ms = loop_now(c->loop).real_ms;
    b->run.state = JOB_RUNNING;
    snprintf(b->run.actor, sizeof b->run.actor, "roost");
    if (core_write(c, true, e) < 0 || store_savepoint(c->store, e) < 0)
        return -1;
    if (run_add(c, &b->run, hosts, n, e) < 0 || mark_running(b, e) < 0 ||
        run_launch(c, &b->run, hosts, n, e) < 0) {
        store_rollback_to(c->store);
        return -1;
    }
    store_release(c->store);
    b->hosts = NULL; /* the run's */
    return 0;
}

/* 1: one was begun, 0: nothing is due, -1. */
static int serve_batch(struct core *c, struct err *e)
{
    int64_t ids[READY_A_TURN], now = loop_now(c->loop).real_ms;
    struct batch b = { .c = c };
    int r, n = store_jobs_due(c->store, true, now, ids, 1, e);

    if (n <= 0)
        return n;
    /* The first one's time is up: who is ready comes along. */
    n = store_jobs_due(c->store, true, now + c->config.batch_window, ids, READY_A_TURN, e);
    if (n < 0)
        return -1;
    if (!(b.hosts = calloc((size_t)n, sizeof *b.hosts)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    r = gather(&b, ids, n, e);
    if (r == 0 && b.n)
        r = begin(&b, e) < 0 ? -1 : 1;
    free(b.hosts);
    return r;
}

int queue_serve(struct core *c, bool *ret_more, struct err *e)
{
    struct serving s = { c, e, false };
    int64_t ids[1];
    int n, r = 0;

    if (store_runs_open(c->store, serve_asked, &s, e) < 0)
        return -1;
    n = store_jobs_due(c->store, true, loop_now(c->loop).real_ms, ids, 1, e);
    if (n <= 0)
        return n;
    if (!program_there(c))
        return 0;
    while (runs_room(c) && (r = serve_batch(c, e)) > 0)
        ;
    *ret_more |= r > 0 && runs_room(c);
    return r < 0 ? -1 : 0;
}

int queue_next(struct core *c, int64_t *ret_ms, struct err *e)
{
    int64_t now = loop_now(c->loop).real_ms, ready;

    if (store_jobs_next(c->store, false, ret_ms, e) < 0 ||
        store_jobs_next(c->store, true, &ready, e) < 0)
        return -1;
    if (c->ansible->looked_ms && ready < INT64_MAX)
        ready = ready > now + MISSING_MS ? ready : now + MISSING_MS;
    if (runs_room(c) && ready < *ret_ms)
        *ret_ms = ready;
    return 0;
}
