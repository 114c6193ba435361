/* Networks of roost's own: how each of them is, and what is asked of it. */
#include "server/core_network.h"

#include <stdio.h>
#include <string.h>

#include "server/core_netrun.h"

/* ---- the list ---- */

struct netrun *netrun_find(const struct core *c, const char *name)
{
    struct netrun *r = c->netruns;

    while (r && strcmp(r->name.s, name))
        r = r->next;
    return r;
}

static void retry_cb(void *arg)
{
    netrun_begin(arg);
}

struct netrun *netrun_get(struct core *c, const char *name, struct err *e)
{
    struct netrun *r = netrun_find(c, name);

    if (r)
        return r;
    if (!(r = calloc(1, sizeof *r))) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    r->c = c;
    r->retry_ms = NETRUN_RETRY_MS;
    snprintf(r->name.s, sizeof r->name.s, "%s", name);
    if (!(r->retry = loop_timer_new(c->loop, retry_cb, r, e))) {
        free(r);
        return NULL;
    }
    r->next = c->netruns;
    c->netruns = r;
    return r;
}

static void run_free(struct netrun *r)
{
    loop_timer_free(r->retry);
    free(r);
}

void netruns_free(struct core *c)
{
    struct err gone = { .kind = ERR_BUSY, .text = "roost is ending" };
    struct netrun *r;

    while ((r = c->netruns)) {
        c->netruns = r->next;
        waiters_call(&r->waiters, NULL, &gone);
        waiters_call(&r->next_waiters, NULL, &gone);
        run_free(r);
    }
}

bool network_is_up(const struct core *c, const char *name)
{
    const struct netrun *r = netrun_find(c, name);

    return r && r->up;
}

const char *network_note(const struct core *c, const char *name)
{
    const struct netrun *r = netrun_find(c, name);

    return r ? r->note : "";
}

void network_wrap(const char *name, struct err *e)
{
    char begin[NAME_MAX_LEN + 16];
    int len = snprintf(begin, sizeof begin, "network %s", name);

    if (strncmp(e->text, begin, (size_t)len) != 0)
        err_wrap(e, "%s", begin);
}

const char *network_standing(const struct core *c, const struct network *n)
{
    const struct netrun *r = netrun_find(c, n->name.s);

    if (n->kind == NETWORK_USER)
        return "up";
    if (!r)
        return "down";
    if (r->state != RUN_IDLE)
        return "changing";
    if (r->up)
        return "up";
    return r->failure.kind == ERR_NONE ? "down" : "failed";
}

const char *network_device(const struct core *c, const char *name)
{
    const struct netrun *r = netrun_find(c, name);

    return r ? r->bridge : "";
}

bool network_is_busy(const struct core *c, const char *name)
{
    const struct netrun *r = netrun_find(c, name);

    return r && r->state != RUN_IDLE;
}

void network_forget(struct core *c, const char *name)
{
    struct netrun **at = &c->netruns, *r;

    while (*at && strcmp((*at)->name.s, name))
        at = &(*at)->next;
    if (!(r = *at))
        return;
    *at = r->next;
    run_free(r);
}

const struct network *network_of_listener(const struct core *c, uint16_t listener)
{
    for (const struct netrun *r = c->netruns; r && listener; r = r->next)
        if (r->listener == listener)
            return core_network(c, r->name.s);
    return NULL;
}

/* ---- news ---- */

void network_state(struct core *c, const struct net_state *m)
{
    struct netrun *r = netrun_find(c, m->network.s);

    if (!r)
        return;
    r->listener = m->listener;
    network_address_told(c, m->network.s, &m->address);
    if (!m->problem[0])
        return;
    memcpy(r->note, m->problem, sizeof r->note);
    netrun_tell(r, EV_NETWORK_FAULT, "%s", m->problem);
    if (r->up)
        netrun_begin(r); /* brought to its plan again */
}

void network_changed(struct core *c, const char *name)
{
    struct netrun *r = netrun_find(c, name);

    if (r && (r->up || r->state != RUN_IDLE))
        netrun_begin(r);
}

/* ---- the start ---- */

struct start {
    struct core *c;
    bool new_boot;
};

static int start_one(const struct network *n, void *arg)
{
    const struct start *s = arg;
    struct core *c = s->c;
    struct ledger_row row;
    struct netrun *r;
    struct err e;

    if (n->kind == NETWORK_USER)
        return 0;
    if (n->autostart && s->new_boot && core_write(c, true, &e) == 0)
        (void)store_network_want(c->store, n->name.s, true, &e);
    if (!store_network_wanted(c->store, n->name.s) &&
        store_ledger_before(c->store, n->name.s, INT64_MAX, &row, &e) != 1)
        return 0;
    if ((r = netrun_get(c, n->name.s, &e)))
        netrun_begin(r);
    else
        core_fault(c, "network %s: %s", n->name.s, e.text);
    return 0;
}

void netruns_begin(struct core *c, bool new_boot)
{
    struct start s = { c, new_boot };

    core_networks_each(c, start_one, &s);
}

/* ---- operations ---- */

static int may_go(struct core *c, const char *name, struct err *e)
{
    struct name guest;

    if (machines_on(c, name, &guest))
        return err_set(e, ERR_CONFLICT,
                       "network %s is used by running guests (%s): stop them first", name, guest.s);
    return 0;
}

/* Of those who wait for the run after the one under way, the last one's word counts. */
static void overtake(struct netrun *r, bool up)
{
    struct err e;

    if (!r->next_waiters || r->next_up == up)
        return;
    err_set(&e, ERR_BUSY, "network %s: somebody else asked for its %s meanwhile", r->name.s,
            up ? "up" : "down");
    waiters_call(&r->next_waiters, NULL, &e);
}

static int change(struct core *c, const char *name, bool up, const struct actor *who,
                  core_op_fn *done, void *arg, struct err *e)
{
    const struct network *n = core_network(c, name);
    struct netrun *r;

    (void)who;
    if (!n)
        return err_set(e, ERR_NOT_FOUND, "there is no network \"%s\"", name);
    if (n->kind == NETWORK_USER)
        return err_set(e, ERR_INVALID, "network %s is QEMU's own: it needs no up and down", name);
    if (!up && may_go(c, name, e) < 0)
        return -1;
    if (!(r = netrun_get(c, name, e)))
        return -1;
    overtake(r, up);
    if (core_write(c, true, e) < 0 || store_network_want(c->store, name, up, e) < 0 ||
        waiter_add(&r->next_waiters, done, arg, e) < 0)
        return -1;
    r->next_up = up;
    netrun_begin(r);
    return 0;
}

void core_network_up(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                     void *arg)
{
    struct err e;

    if (change(c, name, true, who, done, arg, &e) < 0)
        done(NULL, &e, arg);
}

void core_network_down(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                       void *arg)
{
    struct err e;

    if (change(c, name, false, who, done, arg, &e) < 0)
        done(NULL, &e, arg);
}
