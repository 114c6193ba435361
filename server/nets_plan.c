/* What `up` would change on this host: planned from what is there now, told step by step together
 * with what undoing each of them has to know. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "server/nets_priv.h"

static int remember(struct nets *n, const struct step *s, struct buf *undo, struct err *e)
{
    char value[SYSCTL_VALUE_MAX];

    switch (s->kind) {
    case STEP_VLAN:
    case STEP_BRIDGE:
    case STEP_ADDRESS:
    case STEP_MOVE:
    case STEP_PORT:
        return link_remember(n->netlink, s, undo, e);
    case STEP_SYSCTL:
        if (sysctl_read(s->key, value, e) < 0) {
            /* Of a bridge that is still to be made. */
            if (e->kind != ERR_NOT_FOUND)
                return -1;
            *e = (struct err){ 0 };
            return 0;
        }
        buf_puts(undo, value);
        return 0;
    default:
        return 0;
    }
}

static int send_step(struct nets *n, uint32_t id, const struct name *network, unsigned number,
                     const struct step *s, struct err *e)
{
    auto_buf struct buf line = BUF_INIT, undo = BUF_INIT;
    struct net_step m = { .network = *network, .number = number };

    step_format(s, &line);
    if (remember(n, s, &undo, e) < 0 || buf_check(&line, e) < 0 || buf_check(&undo, e) < 0)
        return -1;
    if (line.len >= sizeof(m.line) || undo.len >= sizeof(m.undo))
        return err_set(e, ERR_TOO_BIG, "more addresses and routes on %s than can be remembered",
                       s->parent);
    memcpy(m.line, buf_str(&line), line.len);
    memcpy(m.undo, buf_str(&undo), undo.len);
    net_step_encode(&m, &n->out);
    n->o.send(P_NET_STEP, id, &n->out, n->o.arg);
    return 0;
}

/* *ret_planned: there is a plan, whether or not all of it could be told. */
static int make_plan(struct nets *n, uint32_t id, const struct net_up *up, struct plan *ret,
                     bool *ret_planned, struct err *e)
{
    struct plan_opts o = { .salt = up->salt,
                           .seed_port = up->seed_port,
                           .resolved = resolved_runs(n->o.config),
                           .launch_seed = up->seed_port != 0,
                           .made = up->made };
    struct facts f = { 0 };

    if (!nets_netlink(n, e) || link_facts(n->netlink, &f, e) < 0)
        return -1;
    int r = plan_up(&up->network, &f, &o, ret, e);
    *ret_planned = r == 0;
    for (int i = 0; r == 0 && i < ret->n; i++)
        r = send_step(n, id, &up->network.name, (unsigned)i + 1, &ret->steps[i], e);
    facts_done(&f);
    return r;
}

static int plan(struct net *t, uint32_t id, struct err *e)
{
    t->planned = t->troubled = false;
    return make_plan(t->nets, id, &t->up, &t->plan, &t->planned, e);
}

/* A network that is up stays planned as it was; one that is not gets no directory. */
int nets_look(struct nets *n, uint32_t id, struct msg_cur *c, struct err *e)
{
    auto_free struct net_up *up = calloc(1, sizeof(*up));
    struct err why = { 0 };
    bool planned = false;
    struct plan p;

    if (!up)
        return err_set(e, ERR_INTERNAL, "no memory");
    if (net_up_decode(c, up, e) < 0)
        return -1;
    if (make_plan(n, id, up, &p, &planned, &why) < 0) {
        nets_answer(n, id, &up->network.name, &why);
        return 0;
    }
    struct net_state m = { .network = up->network.name };
    memcpy(m.bridge, p.bridge, sizeof(m.bridge));
    memcpy(m.problem, p.warning, sizeof(m.problem));
    net_state_encode(&m, &n->out);
    n->o.send(P_NET_PLANNED, id, &n->out, n->o.arg);
    return 0;
}

int nets_plan(struct nets *n, uint32_t id, struct msg_cur *c, struct err *e)
{
    auto_free struct net_up *up = calloc(1, sizeof(*up));
    struct err why = { 0 };

    if (!up)
        return err_set(e, ERR_INTERNAL, "no memory");
    if (net_up_decode(c, up, e) < 0)
        return -1;
    struct net *t = net_get(n, &up->network.name, &why);
    if (t)
        t->up = *up;
    if (!t || plan(t, id, &why) < 0)
        nets_answer(n, id, &up->network.name, &why);
    else
        net_state(t, id, P_NET_PLANNED, t->plan.warning);
    if (!loop_timer_armed(n->tick))
        loop_timer_set(n->tick, NETS_TICK_MS);
    return 0;
}
