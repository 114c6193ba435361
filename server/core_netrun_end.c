/* How a run ends: who is told, what is taken back, when it is tried again. */
#include "server/core_netrun.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define RETRY_MAX_MS 300000

/* ---- events ---- */

void netrun_tell(struct netrun *r, enum event_kind k, const char *fmt, ...)
{
    struct core *c = r->c;
    struct event ev = { .real_ms = loop_now(c->loop).real_ms, .kind = k, .actor = "roost" };
    char text[sizeof ev.detail];
    struct err e;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    err_set(&e, ERR_NONE, "%s", text);
    network_wrap(r->name.s, &e); /* unless a failure says it already */
    event_detail(&ev, "%s", e.text);
    if (event_kind_level(k) == 'e')
        log_error("%s", ev.detail);
    else
        log_info("%s", ev.detail);
    if (core_write(c, false, &e) == 0)
        store_event_add(c->store, NULL, &ev, &e);
}

/* ---- the end of a run ---- */

static void settle(struct netrun *r)
{
    bool was_up = r->up;

    r->up = r->wanted && r->failure.kind == ERR_NONE;
    if (r->failure.kind != ERR_NONE) {
        snprintf(r->note, sizeof r->note, "%.255s", r->failure.text);
        netrun_tell(r, EV_NETWORK_FAULT, "%s", r->failure.text);
    } else if (r->up && !was_up) {
        r->retry_ms = NETRUN_RETRY_MS;
        netrun_tell(r, EV_NETWORK_UP, "%s", r->bridge);
    } else if (!r->up && was_up) {
        netrun_tell(r, EV_NETWORK_DOWN, "%s", r->bridge);
    }
    if (!r->wanted && r->failure.kind == ERR_NONE)
        r->note[0] = r->bridge[0] = '\0';
}

/* A person's `up` that failed leaves nothing behind; others go on trying. */
static bool take_back(struct netrun *r)
{
    struct err e;

    if (!r->asked || r->failure.kind == ERR_NONE || !r->wanted)
        return false;
    r->asked = r->wanted = false;
    r->n = 0;
    if (!(r->next_waiters && r->next_up) && /* who asked for it again means it */
        (core_write(r->c, true, &e) < 0 ||
         store_network_want(r->c->store, r->name.s, false, &e) < 0))
        return false;
    r->state = RUN_UNDOING;
    r->before = INT64_MAX;
    netrun_undo_next(r);
    return true;
}

/* Others may reach it, or may not any more. */
static int allows(const struct network *n, void *arg)
{
    const struct netrun *r = arg;

    for (int i = 0; i < n->n_allow; i++)
        if (!strcmp(n->allow[i].s, r->name.s))
            network_changed(r->c, n->name.s);
    return 0;
}

/* Who asked wants to know of which network it is, and what to do where roost lacks the right. */
static void tell_waiters(struct netrun *r, const struct err *failure)
{
    struct err e = *failure;

    if (e.kind == ERR_DENIED)
        err_set(&e, ERR_DENIED,
                "%s; only a roostd that root or the system started has the right (networks of "
                "kind user need none)",
                failure->text);
    if (e.kind != ERR_NONE)
        network_wrap(r->name.s, &e);
    waiters_call(&r->waiters, NULL, e.kind == ERR_NONE ? NULL : &e);
}

void netrun_end(struct netrun *r)
{
    struct err failure = r->failure;
    bool was_up = r->up;

    if (take_back(r))
        return;
    r->state = RUN_IDLE;
    r->asked = false;
    settle(r);
    tell_waiters(r, &failure);
    if (r->again) {
        r->again = false;
        netrun_begin(r);
    } else if (failure.kind != ERR_NONE && r->wanted) {
        loop_timer_set(r->retry, r->retry_ms);
        r->retry_ms = 2 * r->retry_ms < RETRY_MAX_MS ? 2 * r->retry_ms : RETRY_MAX_MS;
    }
    if (r->up != was_up)
        core_networks_each(r->c, allows, r);
    if (r->up != was_up || failure.kind != ERR_NONE)
        autostart_network(r->c, r->name.s, r->up);
}

void netrun_failed(struct netrun *r, const struct err *e)
{
    if (r->failure.kind == ERR_NONE)
        r->failure = *e;
}

void netrun_fail(struct netrun *r, const struct err *e)
{
    netrun_failed(r, e);
    netrun_end(r);
}
