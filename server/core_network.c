#include "server/core_network.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "server/core_machine.h"

#define RETRY_MS     5000
#define RETRY_MAX_MS 300000
#define STEPS_MAX    32

enum run_state { RUN_IDLE, RUN_PLANNING, RUN_UNDOING, RUN_DOING };

struct netrun {
    struct netrun *next;
    struct core *c;
    struct name name;
    enum run_state state;
    bool wanted; /* by the run that is under way */
    bool again;  /* asked for while one is under way */
    bool up;
    bool asked;           /* by a person, and it was down: what fails is taken back */
    uint32_t id;          /* of the verb that is under way; 0 none */
    struct net_step step; /* which it is about */
    struct net_step steps[STEPS_MAX];
    int n, at;
    int64_t before; /* rows of the ledger from there on are seen to */
    struct err failure;
    char bridge[IFNAME_SIZE], note[256];
    uint16_t listener;
    struct waiter *waiters;
    struct loop_timer *retry;
    int64_t retry_ms;
};

static void undo_next(struct netrun *r);
static void do_next(struct netrun *r);

/* ---- the list ---- */

static struct netrun *run_find(const struct core *c, const char *name)
{
    struct netrun *r = c->netruns;

    while (r && strcmp(r->name.s, name))
        r = r->next;
    return r;
}

static void begin(struct netrun *r);

static void retry_cb(void *arg)
{
    begin(arg);
}

static struct netrun *run_get(struct core *c, const char *name, struct err *e)
{
    struct netrun *r = run_find(c, name);

    if (r)
        return r;
    if (!(r = calloc(1, sizeof *r))) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    r->c = c;
    r->retry_ms = RETRY_MS;
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
        run_free(r);
    }
}

bool network_is_up(const struct core *c, const char *name)
{
    const struct netrun *r = run_find(c, name);

    return r && r->up;
}

const char *network_note(const struct core *c, const char *name)
{
    const struct netrun *r = run_find(c, name);

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
    const struct netrun *r = run_find(c, n->name.s);

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
    const struct netrun *r = run_find(c, name);

    return r ? r->bridge : "";
}

bool network_is_busy(const struct core *c, const char *name)
{
    const struct netrun *r = run_find(c, name);

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

/* ---- events ---- */

static void tell(struct netrun *r, enum event_kind k, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
static void tell(struct netrun *r, enum event_kind k, const char *fmt, ...)
{
    struct core *c = r->c;
    struct event ev = { .real_ms = loop_now(c->loop).real_ms, .kind = k, .actor = "roost" };
    char text[sizeof ev.detail];
    struct err e;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    event_detail(&ev, "network %s: %s", r->name.s, text);
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
        tell(r, EV_NETWORK_FAULT, "%s", r->failure.text);
    } else if (r->up && !was_up) {
        r->retry_ms = RETRY_MS;
        tell(r, EV_NETWORK_UP, "%s", r->bridge);
    } else if (!r->up && was_up) {
        tell(r, EV_NETWORK_DOWN, "%s", r->bridge);
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
    if (core_write(r->c, true, &e) < 0 || store_network_want(r->c->store, r->name.s, false, &e) < 0)
        return false;
    r->state = RUN_UNDOING;
    r->before = INT64_MAX;
    undo_next(r);
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

static void run_end(struct netrun *r)
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
        begin(r);
    } else if (failure.kind != ERR_NONE && r->wanted) {
        loop_timer_set(r->retry, r->retry_ms);
        r->retry_ms = 2 * r->retry_ms < RETRY_MAX_MS ? 2 * r->retry_ms : RETRY_MAX_MS;
    }
    if (r->up != was_up) {
        core_networks_each(r->c, allows, r);
        machines_network(r->c, r->name.s, r->up);
    }
}

static void failed(struct netrun *r, const struct err *e)
{
    if (r->failure.kind == ERR_NONE)
        r->failure = *e;
}

static void run_fail(struct netrun *r, const struct err *e)
{
    failed(r, e);
    run_end(r);
}

/* ---- verbs ---- */

static int send(struct netrun *r, enum proto_type t, struct buf *b, struct err *e)
{
    r->id = chan_next_id(r->c->roostd);
    return proto_send(r->c->roostd, t, r->id, b, NULL, 0, e);
}

static int send_step(struct netrun *r, enum proto_type t, struct err *e)
{
    auto_buf struct buf b = BUF_INIT;

    net_step_encode(&r->step, &b);
    return send(r, t, &b, e);
}

/* After the commit of what this run wrote: `fn`, unless the store failed. */
struct resume {
    struct core *c;
    struct name name;
    void (*fn)(struct netrun *r);
};

static void resumed(bool committed, void *arg)
{
    struct resume *s = arg;
    struct netrun *r = s->c->ending ? NULL : run_find(s->c, s->name.s);
    void (*fn)(struct netrun *) = s->fn;
    struct err e = { .kind = ERR_IO, .text = "the store could not be written" };

    free(s);
    if (!r || r->state == RUN_IDLE)
        return;
    if (committed)
        fn(r);
    else
        run_fail(r, &e);
}

static int after_commit(struct netrun *r, void (*fn)(struct netrun *r), struct err *e)
{
    struct resume *s = calloc(1, sizeof *s);

    if (!s)
        return err_set(e, ERR_INTERNAL, "out of memory");
    *s = (struct resume){ r->c, r->name, fn };
    if (core_after(r->c, resumed, s, e) == 0)
        return 0;
    free(s);
    return -1;
}

/* ---- planning ---- */

static int forward_targets(struct core *c, const struct network *n, struct net_up *up,
                           struct err *e)
{
    for (int i = 0; i < n->n_forwards; i++) {
        struct reserved at;
        struct guest g;
        if (store_guest_by_name(c->store, n->forwards[i].instance.s, &g, e) < 0) {
            if (e->kind != ERR_NOT_FOUND)
                return -1;
            continue; /* published when it is there */
        }
        int found = store_reservation_of(c->store, g.id, &at, e);
        if (found < 0)
            return -1;
        if (found && cidr_contains(&n->cidr, &at.ip))
            up->forward_to[i] = at.ip;
    }
    return 0;
}

static void allowed(struct core *c, const struct network *n, struct net_up *up)
{
    for (int i = 0; i < n->n_allow; i++)
        if (network_is_up(c, n->allow[i].s))
            up->allow_up[up->n_allow_up++] = n->allow[i];
}

int network_values(struct core *c, const struct network *n, struct net_up *ret, struct err *e)
{
    *ret = (struct net_up){ .network = *n, .seed_port = c->seed_at.port };
    memcpy(ret->salt, c->salt, sizeof ret->salt);
    allowed(c, n, ret);
    return forward_targets(c, n, ret, e);
}

static int send_plan(struct netrun *r, struct err *e)
{
    struct core *c = r->c;
    const struct network *n = core_network(c, r->name.s);
    auto_free struct net_up *up = calloc(1, sizeof *up);
    auto_buf struct buf b = BUF_INIT;

    if (!n)
        return err_set(e, ERR_NOT_FOUND, "it is not defined");
    if (!up)
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (network_values(c, n, up, e) < 0 ||
        (n->cidr.ip.family && hostfiles_write(c, n->name.s, e) < 0))
        return -1;
    net_up_encode(up, &b);
    return send(r, P_NET_PLAN, &b, e);
}

static void begin(struct netrun *r)
{
    struct err e;

    if (r->state != RUN_IDLE) {
        r->again = true;
        return;
    }
    loop_timer_set(r->retry, -1);
    r->failure = (struct err){ .kind = ERR_NONE };
    r->wanted = store_network_wanted(r->c->store, r->name.s);
    r->n = r->at = 0;
    r->before = INT64_MAX;
    if (!r->wanted) {
        r->state = RUN_UNDOING;
        undo_next(r);
        return;
    }
    r->state = RUN_PLANNING;
    if (send_plan(r, &e) < 0)
        run_fail(r, &e);
}

static struct netrun *of_verb(struct core *c, uint32_t id, enum run_state state)
{
    struct netrun *r = c->netruns;

    while (r && (r->id != id || (state != RUN_IDLE && r->state != state)))
        r = r->next;
    return r;
}

void network_step(struct core *c, uint32_t id, const struct net_step *m)
{
    struct netrun *r = of_verb(c, id, RUN_PLANNING);

    if (plan_ask_step(c, id, m))
        return;
    if (r && r->n < STEPS_MAX)
        r->steps[r->n++] = *m;
}

void network_planned(struct core *c, uint32_t id, const struct net_state *m)
{
    struct netrun *r = of_verb(c, id, RUN_PLANNING);

    if (plan_ask_end(c, id, m, NULL) || !r)
        return;
    r->id = 0;
    memcpy(r->bridge, m->bridge, sizeof r->bridge);
    memcpy(r->note, m->problem, sizeof r->note);
    r->state = RUN_UNDOING;
    undo_next(r);
}

/* ---- taking back what is not planned (any more), the last first ---- */

static bool is_planned(const struct netrun *r, const char *line)
{
    for (int i = 0; i < r->n; i++)
        if (!strcmp(r->steps[i].line, line))
            return true;
    return false;
}

/* A setting that another network needs as well stays, and that one remembers how it was. */
static int hand_over(struct netrun *r, const struct ledger_row *row, struct err *e)
{
    int n = core_write(r->c, true, e) < 0
                ? -1
                : store_ledger_hand_over(r->c->store, r->name.s, row->number, e);

    if (n > 0 && after_commit(r, undo_next, e) < 0)
        return -1;
    return n;
}

static int undo(struct netrun *r, const struct ledger_row *row, struct err *e)
{
    int n = hand_over(r, row, e);

    if (n)
        return n < 0 ? -1 : 0;
    r->step = (struct net_step){ .network = r->name, .number = (uint32_t)row->number };
    memcpy(r->step.line, row->line, sizeof r->step.line);
    memcpy(r->step.undo, row->undo, sizeof r->step.undo);
    return send_step(r, P_NET_UNDO, e);
}

static void undo_next(struct netrun *r)
{
    struct ledger_row row;
    struct err e;
    int n;

    while ((n = store_ledger_before(r->c->store, r->name.s, r->before, &row, &e)) == 1) {
        r->before = row.number;
        if (is_planned(r, row.line))
            continue;
        if (undo(r, &row, &e) < 0)
            run_fail(r, &e);
        return;
    }
    if (n < 0) {
        run_fail(r, &e);
        return;
    }
    if (r->failure.kind != ERR_NONE || !r->wanted) {
        run_end(r);
        return;
    }
    r->state = RUN_DOING;
    do_next(r);
}

static void undone(struct netrun *r, const struct err *err)
{
    struct err e;

    if (err) { /* its row stays; the others are taken back all the same */
        failed(r, err);
        undo_next(r);
        return;
    }
    if (core_write(r->c, true, &e) < 0 ||
        store_ledger_remove(r->c->store, r->name.s, r->step.number, &e) < 0 ||
        after_commit(r, undo_next, &e) < 0)
        run_fail(r, &e);
}

/* ---- doing what is planned, the first first ---- */

static void do_recorded(struct netrun *r)
{
    struct err e;

    if (send_step(r, P_NET_DO, &e) < 0)
        run_fail(r, &e);
}

/* What was remembered first counts: by now the host looks as roost has made it. */
static int record(struct netrun *r, struct err *e)
{
    struct store *s = r->c->store;
    struct ledger_row row;
    int64_t number;

    r->step = r->steps[r->at];
    if (core_write(r->c, true, e) < 0 ||
        store_ledger_add(s, r->name.s, r->step.line, r->step.undo, &number, e) < 0 ||
        store_ledger_before(s, r->name.s, number + 1, &row, e) < 0)
        return -1;
    r->step.number = (uint32_t)number;
    memcpy(r->step.undo, row.undo, sizeof r->step.undo);
    return after_commit(r, do_recorded, e);
}

static void do_next(struct netrun *r)
{
    struct err e;

    if (r->at == r->n)
        run_end(r);
    else if (record(r, &e) < 0)
        run_fail(r, &e);
}

void network_done(struct core *c, uint32_t id, const struct error_msg *m)
{
    struct netrun *r = of_verb(c, id, RUN_IDLE);
    struct err e = { .kind = m->kind };

    memcpy(e.text, m->text, sizeof e.text < sizeof m->text ? sizeof e.text : sizeof m->text);
    if (net_doctor_end(c, id, &e) || plan_ask_end(c, id, NULL, &e) || !r || r->state == RUN_IDLE)
        return;
    r->id = 0;
    if (r->state == RUN_UNDOING) {
        undone(r, m->kind == ERR_NONE ? NULL : &e);
    } else if (m->kind != ERR_NONE) {
        run_fail(r, &e);
    } else if (r->state == RUN_DOING) {
        r->at++;
        do_next(r);
    }
}

/* ---- news ---- */

void network_state(struct core *c, const struct net_state *m)
{
    struct netrun *r = run_find(c, m->network.s);

    if (!r)
        return;
    r->listener = m->listener;
    network_address_told(c, m->network.s, &m->address);
    if (!m->problem[0])
        return;
    memcpy(r->note, m->problem, sizeof r->note);
    tell(r, EV_NETWORK_FAULT, "%s", m->problem);
    if (r->up)
        begin(r); /* brought to its plan again */
}

void network_changed(struct core *c, const char *name)
{
    struct netrun *r = run_find(c, name);

    if (r && (r->up || r->state != RUN_IDLE))
        begin(r);
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
    if ((r = run_get(c, n->name.s, &e)))
        begin(r);
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
    if (!(r = run_get(c, name, e)))
        return -1;
    if (r->state != RUN_IDLE)
        return err_set(e, ERR_BUSY, "network %s is just being brought %s; try again", name,
                       r->wanted ? "up" : "down");
    if (core_write(c, true, e) < 0 || store_network_want(c->store, name, up, e) < 0 ||
        waiter_add(&r->waiters, done, arg, e) < 0)
        return -1;
    r->asked = up && !r->up;
    begin(r);
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
