/* Networks by name and device, and what core is told of one. */
#include <stdio.h>
#include <string.h>

#include "server/nets_priv.h"

struct net *net_find(const struct nets *n, const struct name *name)
{
    struct net *t;

    TAILQ_FOREACH(t, &n->list, order)
    {
        if (strcmp(t->name.s, name->s) == 0)
            return t;
    }
    return NULL;
}

struct net *net_of_bridge(const struct nets *n, const char *bridge)
{
    struct net *t;

    TAILQ_FOREACH(t, &n->list, order)
    {
        if (t->planned && strcmp(t->plan.bridge, bridge) == 0)
            return t;
    }
    return NULL;
}

void nets_answer(struct nets *n, uint32_t id, const struct name *network, const struct err *err)
{
    struct error_msg m = { .instance = *network, .kind = err ? err->kind : ERR_NONE };

    if (err)
        memcpy(m.text, err->text, sizeof(m.text));
    error_msg_encode(&m, &n->out);
    n->o.send(P_NET_DONE, id, &n->out, n->o.arg);
}

void net_state(struct net *t, uint32_t id, enum proto_type type, const char *problem)
{
    struct net_state m = { .network = t->name, .up = t->planned, .listener = t->listener };

    memcpy(m.bridge, t->plan.bridge, sizeof(m.bridge));
    if (t->listen_fd >= 0)
        m.address = t->listen_at.ip;
    snprintf(m.problem, sizeof(m.problem), "%s", problem);
    net_state_encode(&m, &t->nets->out);
    t->nets->o.send(type, id, &t->nets->out, t->nets->o.arg);
}
