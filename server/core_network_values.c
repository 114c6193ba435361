/* What roostd needs to know of a network beside its definition: where published ports lead, which
 * other networks are up. */
#include <stdio.h>
#include <string.h>

#include "server/core_network.h"

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
        else if (core_nics_reserved(c, &g, n->name.s, &up->forward_to[i], e) < 0)
            return -1;
    }
    return 0;
}

static void allowed(struct core *c, const struct network *n, struct net_up *up)
{
    for (int i = 0; i < n->n_allow; i++)
        if (network_is_up(c, n->allow[i].s))
            up->allow_up[up->n_allow_up++] = n->allow[i];
}

/* Is there a row of its bridge? */
static int made(struct core *c, const char *name, bool *ret, struct err *e)
{
    struct ledger_row row = { .number = INT64_MAX };
    int r;

    while (!*ret && (r = store_ledger_before(c->store, name, row.number, &row, e)) != 0) {
        if (r < 0)
            return -1;
        *ret = !strncmp(row.line, "bridge ", strlen("bridge "));
    }
    return 0;
}

int network_values(struct core *c, const struct network *n, struct net_up *ret, struct err *e)
{
    *ret = (struct net_up){ .network = *n, .seed_port = c->seed_at.port };
    memcpy(ret->salt, c->salt, sizeof ret->salt);
    allowed(c, n, ret);
    if (made(c, n->name.s, &ret->made, e) < 0)
        return -1;
    return forward_targets(c, n, ret, e);
}

/* ---- who has to know anew ---- */

struct moved {
    struct core *c;
    const char *instance;
};

static int follow(const struct network *n, void *arg)
{
    const struct moved *m = arg;

    for (int i = 0; i < n->n_forwards; i++)
        if (!strcmp(n->forwards[i].instance.s, m->instance)) {
            network_changed(m->c, n->name.s);
            break;
        }
    return 0;
}

void network_forwards_follow(struct core *c, const struct name *instance)
{
    struct moved m = { c, instance->s };

    core_networks_each(c, follow, &m);
}
