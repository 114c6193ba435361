/* A network's run: plans, takes back what is not planned any more, does what is planned, one
 * recorded step at a time. */
#include "server/core_netrun.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

static void do_next(struct netrun *r);

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
    struct netrun *r = s->c->ending ? NULL : netrun_find(s->c, s->name.s);
    void (*fn)(struct netrun *) = s->fn;
    struct err e = { .kind = ERR_IO, .text = "the store could not be written" };

    free(s);
    if (!r || r->state == RUN_IDLE)
        return;
    if (committed)
        fn(r);
    else
        netrun_fail(r, &e);
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

void netrun_begin(struct netrun *r)
{
    struct err e;

    if (r->state != RUN_IDLE) {
        r->again = true;
        return;
    }
    loop_timer_set(r->retry, -1);
    r->failure = (struct err){ .kind = ERR_NONE };
    r->wanted = store_network_wanted(r->c->store, r->name.s);
    r->asked = r->next_waiters && r->next_up && r->wanted && !r->up;
    r->waiters = r->next_waiters;
    r->next_waiters = NULL;
    r->n = r->at = 0;
    r->before = INT64_MAX;
    if (!r->wanted) {
        r->state = RUN_UNDOING;
        netrun_undo_next(r);
        return;
    }
    r->state = RUN_PLANNING;
    if (send_plan(r, &e) < 0)
        netrun_fail(r, &e);
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
    if (r && r->n < NETRUN_STEPS_MAX)
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
    netrun_undo_next(r);
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

    if (n > 0 && after_commit(r, netrun_undo_next, e) < 0)
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

void netrun_undo_next(struct netrun *r)
{
    struct ledger_row row;
    struct err e;
    int n;

    while ((n = store_ledger_before(r->c->store, r->name.s, r->before, &row, &e)) == 1) {
        r->before = row.number;
        if (is_planned(r, row.line))
            continue;
        if (undo(r, &row, &e) < 0)
            netrun_fail(r, &e);
        return;
    }
    if (n < 0) {
        netrun_fail(r, &e);
        return;
    }
    if (r->failure.kind != ERR_NONE || !r->wanted) {
        netrun_end(r);
        return;
    }
    r->state = RUN_DOING;
    do_next(r);
}

static void undone(struct netrun *r, const struct err *err)
{
    struct err e;

    if (err) { /* its row stays; the others are taken back all the same */
        netrun_failed(r, err);
        netrun_undo_next(r);
        return;
    }
    if (core_write(r->c, true, &e) < 0 ||
        store_ledger_remove(r->c->store, r->name.s, r->step.number, &e) < 0 ||
        after_commit(r, netrun_undo_next, &e) < 0)
        netrun_fail(r, &e);
}

/* ---- doing what is planned, the first first ---- */

static void do_recorded(struct netrun *r)
{
    struct err e;

    if (send_step(r, P_NET_DO, &e) < 0)
        netrun_fail(r, &e);
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
        netrun_end(r);
    else if (record(r, &e) < 0)
        netrun_fail(r, &e);
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
        netrun_fail(r, &e);
    } else if (r->state == RUN_DOING) {
        r->at++;
        do_next(r);
    }
}
