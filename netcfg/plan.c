#include "netcfg/plan.h"

#include <stdio.h>
#include <string.h>

#include "netcfg/firewall.h"

void plan_alias(const struct name *network, char ret[PLAN_ALIAS_SIZE])
{
    snprintf(ret, PLAN_ALIAS_SIZE, "roost %s", network->s);
}

void plan_vlan_device(const struct name *network, char ret[IFNAME_SIZE])
{
    network_bridge(network, ret);
    ret[1] = 'v';
}

/* What the functions below share. */
struct planner {
    const struct network *n;
    const struct facts *f;
    const struct plan_opts *o;
    struct plan p;
    char alias[PLAN_ALIAS_SIZE];
    struct mac mac;                 /* the bridge's */
    const struct fact_link *parent; /* bridged */
    bool move;
    struct ip address; /* the host's on the bridge, where seeds are; family 0 none */
};

static struct step *add(struct planner *pl, enum step_kind kind)
{
    struct step *s = &pl->p.steps[pl->p.n++];

    *s = (struct step){ .kind = kind };
    if (kind != STEP_SYSCTL)
        memcpy(s->device, pl->p.bridge, IFNAME_SIZE);
    return s;
}

/* A range of its own, with the host as its first neighbour. */
static bool has_range(const struct network *n)
{
    return n->kind == NETWORK_SHARED || n->kind == NETWORK_HOST_ONLY;
}

/* --- whose is what is there? ----------------------------------------------------------------- */

static int not_ours(const struct planner *pl, const struct fact_link *l, struct err *e)
{
    return err_set(e, ERR_CONFLICT,
                   "network %s: there is a device %s already that this network did not make%s%s: "
                   "remove it (ip link delete %s), or give the network another name",
                   pl->n->name.s, l->name, l->alias[0] ? ", marked " : "", l->alias, l->name);
}

static int check_bridge_device(const struct planner *pl, struct err *e)
{
    const struct fact_link *l = facts_link(pl->f, pl->p.bridge);

    if (!l)
        return 0;
    if (strcmp(l->kind, "bridge") != 0 || (l->alias[0] && strcmp(l->alias, pl->alias) != 0))
        return not_ours(pl, l, e);
    /* Another roost of this host can have a network of this name; its MAC hangs on its own salt. */
    if (memcmp(&l->mac, &pl->mac, sizeof(pl->mac)) != 0)
        return not_ours(pl, l, e);
    return 0;
}

static int check_vlan_device(const struct planner *pl, const char *device, struct err *e)
{
    const struct fact_link *l = facts_link(pl->f, device);

    if (!l)
        return 0;
    if (strcmp(l->kind, "vlan") != 0 || l->vlan != pl->n->vlan ||
        strcmp(l->parent, pl->n->parent) != 0 || (l->alias[0] && strcmp(l->alias, pl->alias) != 0))
        return not_ours(pl, l, e);
    return 0;
}

static int check_range(const struct planner *pl, const char *except, struct err *e)
{
    char by[CIDR_TEXT + IFNAME_SIZE + 8], text[CIDR_TEXT];

    if (pl->n->cidr.ip.family &&
        facts_taken_beside(pl->f, &pl->n->cidr, pl->p.bridge, except, by, sizeof(by)))
        return err_set(e, ERR_CONFLICT,
                       "network %s: its range %s is taken on this host by %s: give it another cidr",
                       pl->n->name.s, cidr_format(&pl->n->cidr, text), by);
    return 0;
}

/* --- the parent of a bridged network --------------------------------------------------------- */

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

static void add_bridge(struct planner *pl, unsigned mtu)
{
    struct step *s = add(pl, STEP_BRIDGE);

    s->mac = pl->mac;
    s->mtu = (uint16_t)(mtu > UINT16_MAX ? UINT16_MAX : mtu);
}

static void add_address(struct planner *pl)
{
    struct step *s = add(pl, STEP_ADDRESS);

    s->address = pl->address = pl->n->host;
    s->prefix = pl->n->cidr.prefix;
}

static void add_port(struct planner *pl, const char *port)
{
    struct step *s = add(pl, STEP_PORT);

    snprintf(s->parent, sizeof(s->parent), "%s", port);
}

static int plan_own(struct planner *pl, struct err *e)
{
    if (check_bridge_device(pl, e) < 0 || check_range(pl, NULL, e) < 0)
        return -1;
    add_bridge(pl, pl->n->mtu ? pl->n->mtu : 1500);
    add_address(pl);
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
    if (check_bridge_device(pl, e) < 0 || check_vlan_device(pl, device, e) < 0 ||
        (pl->n->host.family && check_range(pl, NULL, e) < 0))
        return -1;
    struct step *s = add(pl, STEP_VLAN);
    memcpy(s->device, device, IFNAME_SIZE);
    memcpy(s->parent, parent->name, IFNAME_SIZE);
    s->vlan = pl->n->vlan;
    s->mtu = (uint16_t)(mtu > UINT16_MAX ? UINT16_MAX : mtu);
    add_bridge(pl, mtu);
    if (pl->n->host.family)
        add_address(pl);
    add_port(pl, device);
    return 0;
}

static int plan_plain(struct planner *pl, struct err *e)
{
    const char *parent = pl->parent->name;
    const char *const devices[2] = { pl->p.bridge, parent };

    if (check_bridge_device(pl, e) < 0 || (pl->n->host.family && check_range(pl, parent, e) < 0))
        return -1;
    /* What the bridge has beside the address asked for was moved there by an earlier `up`. */
    pl->move = has_addresses(pl->f, parent, &(struct ip){ 0 }) ||
               has_addresses(pl->f, pl->p.bridge, &pl->n->host);
    add_bridge(pl, pl->n->mtu ? pl->n->mtu : pl->parent->mtu);
    find_address(pl, devices);
    if (pl->move) {
        struct step *s = add(pl, STEP_MOVE);
        memcpy(s->parent, parent, IFNAME_SIZE);
        if (is_dynamic(pl->f, parent))
            snprintf(pl->p.warning, sizeof(pl->p.warning),
                     "the address of %s comes from a DHCP client: have it run on %s from now on, "
                     "or the two will undo each other's work",
                     parent, pl->p.bridge);
    }
    if (pl->n->host.family)
        add_address(pl);
    add_port(pl, parent);
    return 0;
}

static int plan_bridged(struct planner *pl, struct err *e)
{
    if (find_parent(pl, e) < 0)
        return -1;
    if (pl->n->vlan)
        return plan_vlan(pl, e);
    return is_bridge(pl->parent) ? plan_foreign(pl, e) : plan_plain(pl, e);
}

/* --- the rest -------------------------------------------------------------------------------- */

static void add_sysctl(struct planner *pl, const char *family, const char *name, const char *value)
{
    struct step *s = add(pl, STEP_SYSCTL);

    snprintf(s->key, sizeof(s->key), "net.%s.conf.%s.%s", family, pl->p.bridge, name);
    snprintf(s->value, sizeof(s->value), "%s", value);
}

static void add_sysctls(struct planner *pl)
{
    /* Between networks that allow each other packets are forwarded too. */
    if (pl->n->kind == NETWORK_SHARED || pl->n->n_allow > 0) {
        struct step *s = add(pl, STEP_SYSCTL);
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

    add(pl, STEP_RULES);
    if (pl->o->launch_seed && pl->address.family) {
        struct step *s = add(pl, STEP_LISTEN);
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
    add(pl, STEP_DNSMASQ);
    if (pl->o->resolved && n->domain[0])
        add(pl, STEP_RESOLVED);
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
