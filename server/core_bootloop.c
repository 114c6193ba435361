/* Guests that do not get anywhere: one that resets itself again and again is ended, and one that has
 * ended at once is said to have. Both would be noticed late or never otherwise: each boot of a loop
 * is in time by itself, and an end looks like any other. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "server/core_machine.h"

#define EVENTS_BACK 256 /* looked at after an adoption */

/* ---- resets in a row ---- */

static void forget_old(struct bootloop *l, int64_t before_ms)
{
    unsigned old = 0;

    while (old < l->n && l->at_ms[old] < before_ms)
        old++;
    l->n -= old;
    memmove(l->at_ms, l->at_ms + old, l->n * sizeof l->at_ms[0]);
}

static void remember(struct bootloop *l, int64_t at_ms)
{
    if (l->n == BOOTLOOP_MAX)
        forget_old(l, l->at_ms[0] + 1);
    l->at_ms[l->n++] = at_ms;
}

struct looking {
    struct bootloop *loop;
    struct instant now;
};

/* The wall clock of an event, as CLOCK_BOOTTIME has it. */
static int look_back(const struct event *ev, void *arg)
{
    struct looking *l = arg;
    int64_t ago = l->now.real_ms - ev->real_ms;

    if (ev->kind == EV_LAUNCHING)
        l->loop->n = 0;
    else if (ev->kind == EV_RESTARTED)
        remember(l->loop, l->now.boot_ms - (ago > 0 ? ago : 0));
    return 0;
}

/* What was on record before this roost came. */
static void recall(struct machine *m)
{
    struct looking l = { &m->loop, loop_now(m->c->loop) };

    m->loop.recalled = true;
    store_events(m->c->store, m->id, 0, EVENTS_BACK, true, look_back, &l, NULL);
}

bool bootloop_reset(struct machine *m)
{
    const struct config *c = &m->c->config;
    int64_t now = loop_now(m->c->loop).boot_ms;

    if (!c->restarts_max)
        return false;
    if (m->adopted && !m->loop.recalled)
        recall(m);
    remember(&m->loop, now);
    forget_old(&m->loop, now - c->restarts_within);
    return m->loop.n >= c->restarts_max;
}

/* ---- its end, which has to be known for what it is also by a roost that comes later ---- */

static void key_of(int64_t id, char ret[48])
{
    snprintf(ret, 48, "bootloop:%lld", (long long)id);
}

struct ending {
    struct core *c;
    int64_t id;
};

static void recorded(bool committed, void *arg)
{
    struct ending *n = arg;
    struct machine *m = n->c->ending ? NULL : machine_find(n->c, n->id);

    (void)committed; /* it is ended even when the disk is full */
    free(n);
    if (m)
        machine_stop_on(m);
}

static int record(struct machine *m, const char *why, struct err *e)
{
    struct core *c = m->c;
    struct ending *n;
    struct guest g;
    char key[48];

    key_of(m->id, key);
    if (core_write(c, true, e) < 0 || store_guest_by_id(c->store, m->id, &g, e) < 0)
        return -1;
    g.stop_wanted = m->launch_id;
    if (core_event(c, &g, EV_STOPPING, "roost", e, "%s", why) < 0 ||
        core_guest_save(c, &g, e) < 0 || store_meta_set(c->store, key, why, e) < 0)
        return -1;
    if (!(n = calloc(1, sizeof *n)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    *n = (struct ending){ c, m->id };
    if (core_after(c, recorded, n, e) == 0)
        return 0;
    free(n);
    return -1;
}

void bootloop_end(struct machine *m)
{
    char why[EVENT_DETAIL_MAX], took[24];
    struct err e;

    if (m->stop_asked_ms || m->has_exited) /* it ends already */
        return;
    snprintf(why, sizeof why,
             "restarted %u time%s within %s: a loop, which roost has ended; see: roost console %s",
             m->loop.n, m->loop.n == 1 ? "" : "s",
             format_duration(m->loop.at_ms[m->loop.n - 1] - m->loop.at_ms[0], took), m->name.s);
    m->stop_asked_ms = loop_now(m->c->loop).boot_ms;
    m->stop_forced = true; /* a machine between two resets hears no ACPI */
    if (record(m, why, &e) < 0) {
        core_fault(m->c, "instance %s: %s", m->name.s, e.text);
        machine_stop_on(m);
    }
}

bool bootloop_is_ending(struct core *c, int64_t id)
{
    char key[48], why[EVENT_DETAIL_MAX];

    key_of(id, key);
    return store_meta_get(c->store, key, why, sizeof why, NULL) == 0;
}

bool bootloop_verdict(struct core *c, int64_t id, char *out, size_t size)
{
    char key[48];
    struct err e;

    key_of(id, key);
    if (store_meta_get(c->store, key, out, size, NULL) < 0)
        return false;
    if (core_write(c, true, &e) < 0 || store_meta_remove(c->store, key, &e) < 0)
        core_fault(c, "%s: %s", key, e.text);
    return true;
}

/* ---- ended at once ---- */

/* Since when it runs, CLOCK_BOOTTIME; 0: it was heard, or has begun anew, or nobody knows. */
static int64_t unheard_since(const struct standing *s)
{
    if (s->way_restarts)
        return 0;
    if (s->phase == PHASE_LAUNCHED)
        return s->since_boot_ms;
    return s->phase == PHASE_STARTING ? s->way_boot_ms : 0;
}

static bool was_to_ask_for_its_seed(struct core *c, const struct guest *g)
{
    struct instance i = { 0 };
    bool was = !g->standing.ever_home && store_instance_get(c->store, g->id, &i, NULL) == 0 &&
               i.spec.bootstrapper == BOOTSTRAPPER_NET;

    instance_done(&i);
    return was;
}

void ended_at_once(struct core *c, const struct guest *g, enum event_kind *k, char *text,
                   size_t size)
{
    int64_t since = unheard_since(&g->standing), ran = loop_now(c->loop).boot_ms - since;
    char was[EVENT_DETAIL_MAX], took[24];

    if (!since || ran < 0 || ran >= c->config.exit_limit)
        return;
    snprintf(was, sizeof was, "%s", text);
    snprintf(text, size, "ended %s after its launch, unheard: %.300s%s%s", format_duration(ran, took),
             was, strstr(was, "roost console") ? "" : "; see: roost console ",
             strstr(was, "roost console") ? "" : g->name.s);
    if (*k == EV_STOPPED && was_to_ask_for_its_seed(c, g))
        *k = EV_FAILED;
}
