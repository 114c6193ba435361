/* What Ansible has to do, and when: a reactor over the events. It goes through them behind the
 * commit, at its own pace, and keeps a job for each instance that came home; how far it has come is
 * on record with the jobs, so a crash repeats what is idempotent and forgets nothing. A phone-home
 * pays nothing for it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "server/core_ansible.h"

#define META_CURSOR   "ansible-events"
#define EVENTS_A_TURN 64  /* some ms at most: guests wait for no reactor */
#define EVENTS_LOOKED 512 /* at, the others among them */
#define LOOKS_A_TURN  16
#define SETTLE_MS     50     /* events come in swarms */
#define CURSOR_APART  512    /* events that may be seen again after a crash */
#define AWAY_MS       600000 /* not home: an event comes first, as a rule */
#define RESET_MS      120000 /* who is to restart and does not */
#define BEHIND_MAX_MS 86400000
#define FAULT_MS      5000
#define PRUNE_MS      60000

/* ---- events ---- */

static bool says_power_state(const char *document)
{
    const char *at = document ? strstr(document, "power_state:") : NULL;

    return at && (at == document || at[-1] == '\n');
}

/* "power_state:" of a cloud-config: the guest restarts or ends when cloud-init is through. */
static bool restarts_itself(struct core *c, int64_t id)
{
    struct instance i = { 0 };
    bool is = store_instance_get(c->store, id, &i, NULL) == 0 &&
              (says_power_state(i.spec.user_data) || says_power_state(i.spec.vendor_data));

    instance_done(&i);
    return is;
}

/* What an event says of a job. False: nothing. */
static bool heard(struct core *c, struct job *j, const struct event *ev)
{
    switch (ev->kind) {
    case EV_HOMED:
    case EV_STAGE:
    case EV_MODULE_FAILED:
        break;
    case EV_HOMED_AGAIN:
        j->finished = j->finished && !j->resets;
        j->resets = false;
        break;
    case EV_FINISHED:
        j->resets = !j->finished && !j->attempts && restarts_itself(c, j->instance);
        j->finished = true;
        break;
    case EV_RESTARTED:
    case EV_LAUNCHING:
        j->finished = j->resets = j->ready = false;
        break;
    default:
        return false;
    }
    j->heard_ms = ev->real_ms;
    if (!j->ready || ev->kind == EV_HOMED_AGAIN)
        j->not_before_ms = 0;
    return true;
}

#define BIT(k) (UINT64_C(1) << EV_##k)
#define CONCERNS                                                                                   \
    (BIT(HOMED) | BIT(HOMED_AGAIN) | BIT(FINISHED) | BIT(RESTARTED) | BIT(LAUNCHING) | BIT(STAGE) | \
     BIT(MODULE_FAILED) | BIT(REBUILT))

struct taking {
    struct core *c;
    struct err *e;
    int n;
    bool general;  /* something may run for anybody */
    int instances; /* their directories */
};

static int take(struct core *c, const struct taking *t, const struct event *ev, struct err *e)
{
    struct guest g;
    struct job j;
    int known;

    if (!(t->general || core_playbook_own_at(t->instances, &ev->instance)) ||
        store_guest_by_name(c->store, ev->instance.s, &g, NULL) < 0)
        return 0;
    if ((known = store_job_get(c->store, g.id, &j, e)) < 0)
        return -1;
    if (known && j.generation != g.generation)
        known = 0;
    else if (known && j.state != JOB_PENDING)
        return 0;
    if (!known && ev->kind != EV_HOMED && ev->kind != EV_FINISHED)
        return 0;
    if (!known)
        j = (struct job){ .instance = g.id, .generation = g.generation };
    if (!heard(c, &j, ev))
        return 0;
    return core_write(c, false, e) < 0 ? -1 : store_job_put(c->store, &j, e);
}

static int take_one(const struct event *ev, void *arg)
{
    struct taking *t = arg;

    if (take(t->c, t, ev, t->e) < 0)
        return -1;
    t->c->ansible->cursor = ev->seq;
    return ++t->n == EVENTS_A_TURN;
}

static int save_cursor(struct core *c, struct err *e)
{
    struct ansible *a = c->ansible;
    char text[24];

    if (a->cursor == a->saved ||
        (a->cursor - a->saved < CURSOR_APART && !store_in_transaction(c->store)))
        return 0;
    snprintf(text, sizeof text, "%lld", (long long)a->cursor);
    if (core_write(c, false, e) < 0 || store_meta_set(c->store, META_CURSOR, text, e) < 0)
        return -1;
    a->saved = a->cursor;
    return 0;
}

/* A fleet without a playbook pays next to nothing for its events. 1: there are more, 0, -1. */
static int take_events(struct core *c, struct err *e)
{
    struct ansible *a = c->ansible;
    auto_close int instances = core_instances_dir(c);
    struct taking t = { c, e, 0, core_playbooks_any(c), instances };
    int64_t last = store_last_event(c->store), until = last;
    int r = 0;

    if (t.general || instances >= 0) {
        until = last - a->cursor > EVENTS_LOOKED ? a->cursor + EVENTS_LOOKED : last;
        r = store_events_of(c->store, CONCERNS, a->cursor, until, take_one, &t, e);
    }
    if (r == 0)
        a->cursor = until;
    if (r < 0 || save_cursor(c, e) < 0)
        return -1;
    return a->cursor < last;
}

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
    int more = take_events(c, e);

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

bool ansible_configured(struct core *c, const struct guest *g)
{
    struct job j;

    return store_job_get(c->store, g->id, &j, NULL) == 1 && j.generation == g->generation &&
           j.state == JOB_DONE && outcome_is_good(j.outcome);
}

/* ---- life ---- */

static int cursor_load(struct core *c, struct err *e)
{
    struct ansible *a = c->ansible;
    char text[24] = "", named[8] = "";
    uint64_t n = 0;

    store_meta_get(c->store, META_CURSOR, text, sizeof text, NULL);
    /* What came home before there was an Ansible here, or while it was switched off, is not due. */
    store_meta_get(c->store, META_PLAYBOOKS, named, sizeof named, NULL);
    a->named = named[0];
    if (!text[0] || !c->config.ansible)
        n = (uint64_t)store_last_event(c->store);
    else if (parse_u64(text, 0, INT64_MAX, &n, e) < 0)
        return err_wrap(e, "the store's " META_CURSOR);
    a->cursor = (int64_t)n;
    a->saved = text[0] && c->config.ansible ? a->cursor : -CURSOR_APART;
    return a->saved < 0 ? save_cursor(c, e) : 0;
}

int ansible_new(struct core *c, struct err *e)
{
    struct ansible *a = calloc(1, sizeof *a);

    if (!a)
        return err_set(e, ERR_INTERNAL, "out of memory");
    c->ansible = a;
    if (!(a->timer = loop_timer_new(c->loop, due, c, e)) || cursor_load(c, e) < 0)
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
