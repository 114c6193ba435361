/* Adopted callers: the operator said "this one is web1", so what asks from that address under that
 * claim may read its seed without a token, until it is home. */
#include "server/core_priv.h"

int grants_load(struct core *c, struct err *e)
{
    return store_grants_count(c->store, &c->grants, e);
}

int grant_give(struct core *c, int64_t id, const struct ip *ip, struct err *e)
{
    if (store_grant_put(c->store, id, ip, e) < 0)
        return -1;
    c->grants++; /* too many after a rollback is harmless: it only saves looking */
    return 0;
}

int grant_end(struct core *c, const struct guest *g, struct err *e)
{
    if (!c->grants || g->launcher != LAUNCHER_EXTERNAL)
        return 0;
    return store_grant_remove(c->store, g->id, e) < 0 ? -1 : grants_load(c, e);
}

bool grant_holds(struct core *c, const struct guest *g, const struct caller *who)
{
    struct ip ip;

    return c->grants && store_grant_of(c->store, g->id, &ip, NULL) == 1 &&
           ip_equal(&ip, &who->peer.ip);
}

/* Behind a user network all are 127.0.0.1: there an address is nobody's. */
int grant_find(struct core *c, const struct caller *who, struct guest *ret, struct err *e)
{
    int64_t id;
    int n;

    if (!c->grants || ip_is_loopback(&who->peer.ip) || who->claim == CLAIM_TAG)
        return 0;
    n = store_grant_at(c->store, &who->peer.ip, &id, e);
    if (n != 1)
        return n;
    return store_guest_by_id(c->store, id, ret, e) < 0 ? -1 : 1;
}
