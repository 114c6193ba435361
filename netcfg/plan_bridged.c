#include "netcfg/plan_bridged.h"

#include <stdio.h>
#include <string.h>

#include "netcfg/firewall.h"

static bool is_bridge(const struct fact_link *l)
{
    return strcmp(l->kind, "bridge") == 0;
}

static int check_master(const struct planner *pl, struct err *e)
{
    const struct fact_link *l = pl->parent;
    const struct fact_link *master = facts_link(pl->f, l->master);

    /* A port of a bridge carries a VLAN of its own none the less: its tagged frames go there. */
    if (!l->master[0] || pl->n->vlan || strcmp(l->master, pl->p.bridge) == 0)
        return 0;
    return err_set(
        e, ERR_CONFLICT, "network %s: %s is a port of %s%s already: name that one as parent",
        pl->n->name.s, l->name, l->master, master && is_bridge(master) ? ", a bridge" : "");
}

static int find_parent(struct planner *pl, struct err *e)
{
    static const struct mac none;
    const char *name = pl->n->parent;
    const struct fact_link *l = facts_link(pl->f, name);

    if (!l)
        return err_set(e, ERR_NOT_FOUND,
                       "network %s: this host has no interface %s (ip link shows what it has)",
                       pl->n->name.s, name);
    if (strncmp(l->alias, "roost ", 6) == 0)
        return err_set(e, ERR_CONFLICT,
                       "network %s: %s belongs to roost's network %s: guests can join that one",
                       pl->n->name.s, name, l->alias + 6);
    if (strcmp(name, "lo") == 0 || memcmp(&l->mac, &none, sizeof(none)) == 0)
        return err_set(e, ERR_INVALID,
                       "network %s: %s is no Ethernet interface, guests cannot be bridged to it",
                       pl->n->name.s, name);
    pl->parent = l;
    if (pl->n->mtu > l->mtu)
        return err_set(e, ERR_INVALID,
                       "network %s: an MTU of %u, but %s has %u: larger frames would be lost",
                       pl->n->name.s, pl->n->mtu, name, l->mtu);
    return check_master(pl, e);
}

/* Addresses of its own, which have to move: of IPv6 those that no router gives. */
static bool has_addresses(const struct facts *f, const char *device, const struct ip *but)
{
    for (size_t i = 0; i < f->n_addresses; i++) {
        const struct fact_address *a = &f->addresses[i];
        bool link_local = a->ip.b[0] == 0xfe && (a->ip.b[1] & 0xc0) == 0x80;
        if (strcmp(a->device, device) == 0 && (a->ip.family == 4 || (!a->dynamic && !link_local)) &&
            !ip_equal(&a->ip, but))
            return true;
    }
    return false;
}

/* The host of a base URL ("http://10.0.0.1:10200"), when it is an IPv4 address. */
static struct ip advertised(const struct network *n)
{
    const char *from = strstr(n->advertise, "://");
    struct ip ip = { 0 };
    char text[IP_TEXT];

    from = from ? from + 3 : "";
    snprintf(text, sizeof(text), "%.*s", (int)strcspn(from, ":/"), from);
    ip_parse(text, &ip, NULL); /* a name, or none: stays without a family */
    return ip;
}

/* The host's address there: the one that guests are told, else the first. */
static void find_address(struct planner *pl, const char *const devices[2])
{
    const struct ip told = advertised(pl->n);

    for (int d = 0; d < 2; d++) {
        for (size_t i = 0; i < pl->f->n_addresses; i++) {
            const struct fact_address *a = &pl->f->addresses[i];
            if (strcmp(a->device, devices[d]) != 0 || a->ip.family != 4)
                continue;
            if (!pl->address.family || ip_equal(&a->ip, &told))
                pl->address = a->ip;
        }
    }
}

static bool is_dynamic(const struct facts *f, const char *device)
{
    for (size_t i = 0; i < f->n_addresses; i++) {
        const struct fact_address *a = &f->addresses[i];
        if (strcmp(a->device, device) == 0 && a->ip.family == 4 && a->dynamic)
            return true;
    }
    return false;
}

/* --- links ----------------------------------------------------------------------------------- */

static void add_port(struct planner *pl, const char *port)
{
    struct step *s = plan_add(pl, STEP_PORT);

    snprintf(s->parent, sizeof(s->parent), "%s", port);
}

static int check_vlan_device(const struct planner *pl, const char *device, struct err *e)
{
    const struct fact_link *l = facts_link(pl->f, device);

    if (!l)
        return 0;
    if (strcmp(l->kind, "vlan") != 0 || l->vlan != pl->n->vlan ||
        strcmp(l->parent, pl->n->parent) != 0 || (l->alias[0] && strcmp(l->alias, pl->alias) != 0))
        return plan_not_ours(pl, l, e);
    return 0;
}

/* Somebody else's bridge: taps join it, and that is all. */
static int plan_foreign(struct planner *pl, struct err *e)
{
    const struct fact_link *br = pl->parent;
    const char *const devices[2] = { br->name, br->name };
    bool found = false;
    char text[IP_TEXT];

    pl->p.foreign = true;
    memcpy(pl->p.bridge, br->name, IFNAME_SIZE);
    if (firewall_check(br->name, e) < 0)
        return err_wrap(e, "network %s", pl->n->name.s);
    /* A bridge takes the smallest MTU of its ports. */
    if (pl->n->mtu && pl->n->mtu != br->mtu)
        return err_set(e, ERR_INVALID,
                       "network %s: an MTU of %u would change that of bridge %s (%u), which is not "
                       "roost's: leave it out",
                       pl->n->name.s, pl->n->mtu, br->name, br->mtu);
    find_address(pl, devices);
    for (size_t i = 0; i < pl->f->n_addresses && !found; i++)
        found = strcmp(pl->f->addresses[i].device, br->name) == 0 &&
                ip_equal(&pl->f->addresses[i].ip, &pl->n->host);
    if (pl->n->host.family && !found)
        return err_set(e, ERR_CONFLICT,
                       "network %s: bridge %s is not roost's and has no address %s: add it there "
                       "(ip address add), or leave host-address out",
                       pl->n->name.s, br->name, ip_format(&pl->n->host, text));
    if (found)
        pl->address = pl->n->host;
    if (!br->mac_pinned)
        snprintf(pl->p.warning, sizeof(pl->p.warning),
                 "bridge %s has no MAC address of its own and follows its ports': guests lose "
                 "packets when others come and go (ip link set dev %s address %s pins it)",
                 br->name, br->name, mac_format(&br->mac, text));
    return 0;
}

static int plan_vlan(struct planner *pl, struct err *e)
{
    const struct fact_link *parent = pl->parent;
    unsigned mtu = pl->n->mtu ? pl->n->mtu : parent->mtu;
    char device[IFNAME_SIZE];

    plan_vlan_device(&pl->n->name, device);
    if (plan_check_bridge_device(pl, e) < 0 || check_vlan_device(pl, device, e) < 0 ||
        (pl->n->host.family && plan_check_range(pl, NULL, e) < 0))
        return -1;
    struct step *s = plan_add(pl, STEP_VLAN);
    memcpy(s->device, device, IFNAME_SIZE);
    memcpy(s->parent, parent->name, IFNAME_SIZE);
    s->vlan = pl->n->vlan;
    s->mtu = (uint16_t)(mtu > UINT16_MAX ? UINT16_MAX : mtu);
    plan_add_bridge(pl, mtu);
    if (pl->n->host.family)
        plan_add_address(pl);
    add_port(pl, device);
    return 0;
}

static int plan_plain(struct planner *pl, struct err *e)
{
    const char *parent = pl->parent->name;
    const char *const devices[2] = { pl->p.bridge, parent };

    if (plan_check_bridge_device(pl, e) < 0 ||
        (pl->n->host.family && plan_check_range(pl, parent, e) < 0))
        return -1;
    /* What the bridge has beside the address asked for was moved there by an earlier `up`. */
    pl->move = has_addresses(pl->f, parent, &(struct ip){ 0 }) ||
               has_addresses(pl->f, pl->p.bridge, &pl->n->host);
    plan_add_bridge(pl, pl->n->mtu ? pl->n->mtu : pl->parent->mtu);
    find_address(pl, devices);
    if (pl->move) {
        struct step *s = plan_add(pl, STEP_MOVE);
        memcpy(s->parent, parent, IFNAME_SIZE);
        if (is_dynamic(pl->f, parent))
            snprintf(pl->p.warning, sizeof(pl->p.warning),
                     "the address of %s comes from a DHCP client: have it run on %s from now on, "
                     "or the two will undo each other's work",
                     parent, pl->p.bridge);
    }
    if (pl->n->host.family)
        plan_add_address(pl);
    add_port(pl, parent);
    return 0;
}

int plan_bridged(struct planner *pl, struct err *e)
{
    if (find_parent(pl, e) < 0)
        return -1;
    if (pl->n->vlan)
        return plan_vlan(pl, e);
    return is_bridge(pl->parent) ? plan_foreign(pl, e) : plan_plain(pl, e);
}
