/* What roost's own DHCP servers tell: who got which address. */
#include <string.h>

#include "base/cleanup.h"
#include "server/core_network.h"

static int record(struct core *c, struct guest *g, const struct lease *l, struct err *e)
{
    struct endpoint at = { .ip = l->ip, .port = SSH_PORT };
    char ip[IP_TEXT];

    if (core_write(c, false, e) < 0)
        return -1;
    if (l->action == LEASE_ADD &&
        core_event(c, g, EV_LEASED, "dnsmasq", e, "%s", ip_format(&l->ip, ip)) < 0)
        return -1;
    return core_address(c, g, &at, "its lease", e) < 0 ? -1 : core_guest_save(c, g, e);
}

void network_lease(struct core *c, const struct net_lease *m)
{
    struct guest g;
    struct err e;
    int n, other = core_nic_lease(c, m, &e);

    if (other < 0)
        core_fault(c, "network %s: lease: %s", m->network.s, e.text);
    if (other != 0)
        return;
    n = store_guest_by_mac(c->store, &m->lease.mac, &g, &e);

    if (n == 1 && strcmp(g.network.s, m->network.s))
        n = 0; /* a machine of that MAC on another network is not this guest */
    if (n == 0)
        log_debug("lease", "a lease of nobody's on network %s", m->network.s);
    if (n != 1 || m->lease.action == LEASE_DEL)
        return;
    if (record(c, &g, &m->lease, &e) < 0)
        core_fault(c, "instance %s: lease: %s", g.name.s, e.text);
}
