/* Reservations: an instance's address on its network, chosen and on record. What dnsmasq reads of
 * them is core_hosts.c's. */
#include <string.h>

#include "netcfg/pool.h"
#include "server/core_network.h"

struct taken {
    struct core *c;
    const char *network;
    struct err *e;
    bool failed;
};

static bool is_taken(const struct ip *a, void *arg)
{
    struct taken *t = arg;
    struct reserved r;
    int n = store_reservation_at(t->c->store, t->network, a, &r, t->e);

    t->failed |= n < 0;
    return n != 0;
}

static int choose(struct core *c, const struct network *n, const struct name *who,
                  const struct ip *asked, struct ip *ret, struct err *e)
{
    struct taken t = { c, n->name.s, e, false };

    if (asked->family) {
        *ret = *asked;
        return pool_check(n, ret, e);
    }
    if (pool_pick(n, who, is_taken, &t, ret, e) < 0)
        return -1;
    return t.failed ? -1 : 0;
}

static bool reserves(const struct network *n, const struct ip *asked)
{
    if (!n || n->kind == NETWORK_USER)
        return false;
    return n->cidr.ip.family && (n->dhcp || n->kind != NETWORK_BRIDGED || asked->family);
}

int network_choose(struct core *c, const struct network *n, const struct name *who,
                   const struct ip *asked, struct ip *ret, struct err *e)
{
    return reserves(n, asked) ? choose(c, n, who, asked, ret, e) : 0;
}

static int drop(struct core *c, const struct reserved *was, const char *network, struct err *e)
{
    if (hostfiles_changed(c, network, &was->mac, &was->ip, e) < 0)
        return -1;
    return store_reservation_remove(c->store, was->instance, e);
}

int network_unreserve(struct core *c, const struct guest *g, struct err *e)
{
    struct reserved was;
    int n = store_reservation_of(c->store, g->id, &was, e);

    return n <= 0 ? n : drop(c, &was, g->network.s, e);
}

/* Its name in DNS is another one. */
int network_reservation_renamed(struct core *c, const struct guest *g, struct err *e)
{
    struct reserved was;
    int n = store_reservation_of(c->store, g->id, &was, e);

    /* The lease has the old name. */
    return n <= 0 ? n : hostfiles_changed(c, g->network.s, &was.mac, &was.ip, e);
}

/* was_network: where the instance was before; its own of now, as a rule. */
int network_reserve(struct core *c, const struct instance *i, const char *was_network,
                    struct err *e)
{
    const struct network *n = core_network(c, i->spec.network.s);
    bool moved = strcmp(was_network, i->spec.network.s) != 0;
    struct reserved was;
    struct ip ip;
    int had = store_reservation_of(c->store, i->id, &was, e);

    if (had < 0)
        return -1;
    if (had && !moved && reserves(n, &i->spec.address) &&
        (!i->spec.address.family || ip_equal(&i->spec.address, &was.ip)))
        return 0;
    if (had && drop(c, &was, was_network, e) < 0)
        return -1;
    if (!reserves(n, &i->spec.address))
        return 0;
    if (choose(c, n, &i->name, &i->spec.address, &ip, e) < 0 ||
        store_reservation_put(c->store, i->id, n->name.s, &ip, e) < 0 ||
        hostfiles_added(c, n->name.s, i->id, e) < 0)
        return err_wrap(e, "instance %s", i->name.s);
    return 0;
}

int network_nic_changed(struct core *c, const char *network, const struct mac *mac,
                        const struct ip *was, struct err *e)
{
    const struct network *n = core_network(c, network);

    return n && n->kind != NETWORK_USER ? hostfiles_changed(c, network, mac, was, e) : 0;
}
