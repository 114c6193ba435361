/* What Ansible has to do, and when: a job for each instance that came home (core_job_event.c), done
 * at the right moment. */
#include <stdio.h>
#include <stdlib.h>

#include "server/core_ansible.h"

#define LOOKS_A_TURN  16
#define SETTLE_MS     50     /* events come in swarms */
#define AWAY_MS       600000 /* not home: an event comes first, as a rule */
#define RESET_MS      120000 /* who is to restart and does not */
#define BEHIND_MAX_MS 86400000
#define FAULT_MS      5000
#define PRUNE_MS      60000

/* ---- the right moment ---- */

static int settle_job(struct core *c, struct job *j, const char *outcome, struct err *e)
{
    j->state = JOB_DONE;
    snprintf(j->outcome, sizeof j->outcome, "%s", outcome);
    return store_job_put(c->store, j, e);
}

static int put_off(struct core *c, struct job *j, int64_t until_ms, struct err *e)
{
    j->not_before_ms = until_ms;
    return store_job_put(c->store, j, e);
}

static int make_ready(struct core *c, struct job *j, struct err *e)
{
    j->ready = true;
    return put_off(c, j, loop_now(c->loop).real_ms + c->config.batch_window, e);
}

static void answered(struct core *c, int64_t id, enum answered is, const char *why)
{
    int64_t now = loop_now(c->loop).real_ms, wait = c->config.retry_first;
    struct guest g;
    struct job j;
    struct err e;
    int r = 0;

    if (store_job_get(c->store, id, &j, &e) != 1 || j.state != JOB_PENDING || j.ready ||
        store_guest_by_id(c->store, id, &g, &e) < 0)
        return;
    log_of(LOG_DEBUG_, g.name.s, "asked whether cloud-init has ended: %s", why);
    if (is == ANSWERED_KEY && sight_alarm_due(c, &g, EV_KEY_MISMATCH))
        core_note(c, id, EV_KEY_MISMATCH, "roost",
                  "its sshd answers with another host key than the recorded one; nothing was run");
    if (core_write(c, false, &e) < 0)
        r = -1;
    else if (is == ANSWERED_READY && g.generation == j.generation &&
             phase_is_home(g.standing.phase))
        r = make_ready(c, &j, &e);
    else /* as long as it takes: an unreachable guest that comes to life is due at once */
        r = put_off(c, &j, now + (is == ANSWERED_NOT_YET ? wait : 2 * wait), &e);
    if (r < 0)
        core_fault(c, "Ansible: %s", e.text);
    ansible_soon(c, 0);
}

/* Since when nothing was heard of it, real time. */
static int64_t silent_since(const struct job *j, const struct guest *g, int64_t sight_ms)
{
    int64_t since = j->heard_ms > g->standing.sign_ms ? j->heard_ms : g->standing.sign_ms;

    return since > sight_ms ? since : sight_ms;
}

static int look_final(struct core *c, struct job *j, const struct guest *g, const struct spec *s,
                      struct err *e)
{
    struct instant now = loop_now(c->loop);
    bool reports = s->bootstrapper != BOOTSTRAPPER_NONE && c->config.reporting;
    int64_t since = silent_since(j, g, sight_heard(c, g->tag.s)), quiet;

    if (j->finished && !j->resets)
        return make_ready(c, j, e);
    quiet = j->resets ? RESET_MS : reports ? c->config.silence : 0;
    if (since + quiet > now.real_ms && since <= now.real_ms)
        return put_off(c, j, since + quiet, e);
    if (inquiry_start(c, g, s, answered))
        return put_off(c, j, now.real_ms + INQUIRY_LIMIT_MS + 1000, e);
    return put_off(c, j, now.real_ms + 1000, e);
}

static int look(struct core *c, struct job *j, const struct guest *g, const struct spec *s,
                struct err *e)
{
    enum trigger t = core_trigger(c, s);
    bool own;

    if (t == TRIGGER_MANUAL)
        return settle_job(c, j, "manual", e);
    if (!core_playbook(c, g->name.s, s, &own))
        return settle_job(c, j, "nothing", e);
    return t == TRIGGER_HOMED ? make_ready(c, j, e) : look_final(c, j, g, s, e);
}

static int look_at(struct core *c, int64_t id, struct err *e)
{
    struct instance i = { 0 };
    struct guest g;
    struct job j;
    int r;

    if (store_job_get(c->store, id, &j, e) != 1 || store_guest_by_id(c->store, id, &g, e) < 0 ||
        core_write(c, false, e) < 0)
        return -1;
    if (g.generation != j.generation)
        return store_job_remove(c->store, id, e);
    if (!phase_is_home(g.standing.phase))
        return put_off(c, &j, loop_now(c->loop).real_ms + AWAY_MS, e);
    r = store_instance_get(c->store, id, &i, e);
    if (r == 0)
        r = look(c, &j, &g, &i.spec, e);
    instance_done(&i);
    return r;
}

/* 1: there are more, 0, -1. */
static int look_around(struct core *c, struct err *e)
{
    int64_t ids[LOOKS_A_TURN];
    int n = store_jobs_due(c->store, false, loop_now(c->loop).real_ms, ids, LOOKS_A_TURN, e);

    for (int i = 0; i < n; i++)
        if (look_at(c, ids[i], e) < 0)
            return -1;
    return n < 0 ? -1 : n == LOOKS_A_TURN;
}

/* ---- the turn ---- */

void ansible_soon(struct core *c, int64_t ms)
{
    struct ansible *a = c->ansible;
    int64_t at = loop_now(c->loop).boot_ms + ms;

    if (!a || !c->ready || c->ending || !c->config.ansible)
        return;
    if (loop_timer_armed(a->timer) && a->wake_ms <= at)
        return;
    a->wake_ms = at;
    loop_timer_set(a->timer, ms);
}

static int work(struct core *c, bool *ret_more, struct err *e)
{
    int more = job_events_take(c, e);

    *ret_more = more > 0;
    if (more) /* judged when all of them are known */
        return more < 0 ? -1 : 0;
    if ((more = look_around(c, e)) < 0)
        return -1;
    *ret_more = more > 0;
    return queue_serve(c, ret_more, e);
}

/* Looks again when the next one is due; who waits for a run's end is woken by that. */
static void arm(struct core *c)
{
    int64_t next, now = loop_now(c->loop).real_ms;
    struct err e;

    if (queue_next(c, &next, &e) < 0 || next == INT64_MAX)
        return;
    next = next > now ? next - now : 0;
    ansible_soon(c, next < BEHIND_MAX_MS ? next : BEHIND_MAX_MS);
}

static void due(void *arg)
{
    struct core *c = arg;
    bool more = false;
    struct err e;

    core_read_turn(c);
    if (work(c, &more, &e) < 0) {
        core_fault(c, "Ansible: %s", e.text);
        ansible_soon(c, FAULT_MS);
    } else if (more) {
        ansible_soon(c, 0);
    } else {
        arm(c);
    }
}

void ansible_committed(struct core *c)
{
    if (c->ansible && store_last_event(c->store) > c->ansible->cursor)
        ansible_soon(c, SETTLE_MS);
}

/* ---- life ---- */

int ansible_new(struct core *c, struct err *e)
{
    struct ansible *a = calloc(1, sizeof *a);

    if (!a)
        return err_set(e, ERR_INTERNAL, "out of memory");
    c->ansible = a;
    if (!(a->timer = loop_timer_new(c->loop, due, c, e)) || job_events_load(c, e) < 0)
        return -1;
    /* The wall clock may have been set back since. */
    return core_write(c, false, e) < 0
               ? -1
               : store_jobs_cap(c->store, loop_now(c->loop).real_ms + c->config.retry_max, e);
}

void ansible_begin(struct core *c)
{
    if (!c->ansible)
        return;
    runs_recover(c);
    ansible_soon(c, 0);
}

void ansible_tick(struct core *c)
{
    struct ansible *a = c->ansible;
    int64_t now = loop_now(c->loop).boot_ms;

    if (!a || !c->ready || now - a->pruned_ms < PRUNE_MS)
        return;
    a->pruned_ms = now;
    runs_prune(c);
}

void ansible_free(struct core *c)
{
    struct ansible *a = c->ansible;

    if (!a)
        return;
    inquiries_free(c);
    worker_free(a->worker);
    runs_free(c);
    store_close(a->reader);
    loop_timer_free(a->timer);
    free(a);
    c->ansible = NULL;
}
