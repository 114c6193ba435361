#include "netcfg/plan.h"

#include <stdio.h>
#include <string.h>

#include "netcfg/plan_bridged.h"

/* A range of its own, with the host as its first neighbour. */
static bool has_range(const struct network *n)
{
    return n->kind == NETWORK_SHARED || n->kind == NETWORK_HOST_ONLY;
}

static int plan_own(struct planner *pl, struct err *e)
{
    if (plan_check_bridge_device(pl, e) < 0 || plan_check_range(pl, NULL, e) < 0)
        return -1;
    plan_add_bridge(pl, pl->n->mtu ? pl->n->mtu : 1500);
    plan_add_address(pl);
    return 0;
}

/* --- the rest -------------------------------------------------------------------------------- */

static void add_sysctl(struct planner *pl, const char *family, const char *name, const char *value)
{
    struct step *s = plan_add(pl, STEP_SYSCTL);

    snprintf(s->key, sizeof(s->key), "net.%s.conf.%s.%s", family, pl->p.bridge, name);
    snprintf(s->value, sizeof(s->value), "%s", value);
}

static void add_sysctls(struct planner *pl)
{
    /* Between networks that allow each other packets are forwarded too. */
    if (pl->n->kind == NETWORK_SHARED || pl->n->n_allow > 0) {
        struct step *s = plan_add(pl, STEP_SYSCTL);
        snprintf(s->key, sizeof(s->key), "net.ipv4.ip_forward");
        snprintf(s->value, sizeof(s->value), "1");
    }
    /* Guests forge no source address (RFC 3704 section 2.2). */
    if (has_range(pl->n))
        add_sysctl(pl, "ipv4", "rp_filter", "1");
    /* The rules are IPv4's: past them, over link-local IPv6, guests would reach all of the host; on
     * a bridged network the host would take addresses from any router there. Where the host's own
     * life moved to the bridge, it keeps IPv6. */
    if (!pl->p.foreign && !pl->move)
        add_sysctl(pl, "ipv6", "disable_ipv6", "1");
}

static int add_services(struct planner *pl, struct err *e)
{
    const struct network *n = pl->n;
    bool dnsmasq = has_range(n) || n->dhcp;

    plan_add(pl, STEP_RULES);
    if (pl->o->launch_seed && pl->address.family) {
        struct step *s = plan_add(pl, STEP_LISTEN);
        s->address = pl->address;
        s->port = pl->o->seed_port;
    }
    if (!dnsmasq)
        return 0;
    if (!pl->address.family)
        return err_set(e, ERR_INVALID,
                       "network %s: the host needs an address on %s to answer DHCP there: give it "
                       "one with host-address",
                       n->name.s, pl->p.bridge);
    plan_add(pl, STEP_DNSMASQ);
    /* Of a bridge that is on somebody's LAN the resolver may know more than we do. */
    if (pl->o->resolved && n->domain[0] && has_range(n))
        plan_add(pl, STEP_RESOLVED);
    return 0;
}

int plan_up(const struct network *n, const struct facts *f, const struct plan_opts *o,
            struct plan *ret, struct err *e)
{
    struct planner pl = { .n = n, .f = f, .o = o };

    if (n->kind == NETWORK_USER)
        return err_set(e, ERR_INVALID,
                       "network %s is of kind user: it lives in each guest's QEMU, there is "
                       "nothing to bring up",
                       n->name.s);
    network_bridge(&n->name, pl.p.bridge);
    network_bridge_mac(o->salt, &n->name, &pl.mac);
    plan_alias(&n->name, pl.alias);
    if ((n->kind == NETWORK_BRIDGED ? plan_bridged(&pl, e) : plan_own(&pl, e)) < 0)
        return -1;
    add_sysctls(&pl);
    if (add_services(&pl, e) < 0)
        return -1;
    *ret = pl.p;
    return 0;
}
