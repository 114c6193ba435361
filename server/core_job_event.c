/* Events, and what they say of jobs: a reactor that goes through them behind the commit, at its own
 * pace. How far it has come is on record with the jobs, so a crash repeats what is idempotent and
 * forgets nothing. A phone-home pays nothing for it. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "server/core_ansible.h"

#define META_CURSOR   "ansible-events"
#define EVENTS_A_TURN 64  /* some ms at most: guests wait for no reactor */
#define EVENTS_LOOKED 512 /* at, the others among them */
#define CURSOR_APART  512 /* events that may be seen again after a crash */

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
int job_events_take(struct core *c, struct err *e)
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

int job_events_load(struct core *c, struct err *e)
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
