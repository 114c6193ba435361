/* Steps on links, done and undone: each looks first at what is there. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "netcfg/link_step.h"

/* A request is a page; what is put into one here is far below that, so nla_put() cannot fail. */

/* --- whose is it? ---------------------------------------------------------------------------- */

/* Without any alias it is ours when all else says so: its maker was killed between two messages. */
static bool is_marked(const struct fact_link *l, const char *alias, bool alike)
{
    return strcmp(l->alias, alias) == 0 || (!l->alias[0] && alike);
}

static bool is_own_bridge(const struct fact_link *l, const struct step *s, const char *alias)
{
    return strcmp(l->kind, "bridge") == 0 &&
           is_marked(l, alias, memcmp(&l->mac, &s->mac, sizeof(s->mac)) == 0);
}

static bool is_own_vlan(const struct fact_link *l, const struct step *s, const char *alias)
{
    return strcmp(l->kind, "vlan") == 0 && l->vlan == s->vlan &&
           strcmp(l->parent, s->parent) == 0 && is_marked(l, alias, true);
}

/* For steps that do not say its MAC: the alias counts. */
static int find_bridge(struct netlink *n, const struct step *s, const char *alias,
                       struct fact_link *ret, struct err *e)
{
    int rc = netlink_link(n, s->device, ret, e);

    return rc <= 0 ? rc : strcmp(ret->kind, "bridge") == 0 && strcmp(ret->alias, alias) == 0;
}

/* --- up and down ----------------------------------------------------------------------------- */

static int remember_up(struct netlink *n, const struct step *s, struct buf *ret_undo, struct err *e)
{
    struct fact_link parent;
    int rc = netlink_link(n, s->parent, &parent, e);

    /* A port may be the VLAN that an earlier step of the same plan makes. */
    if (rc < 0 || (rc == 0 && s->kind != STEP_PORT && link_need(n, s->parent, &parent, e) < 0))
        return -1;
    buf_puts(ret_undo, rc > 0 && parent.up ? "up" : "down");
    return buf_check(ret_undo, e);
}

static int read_up(const struct step *s, const char *undo, bool *ret, struct err *e)
{
    if (strcmp(undo, "up") != 0 && strcmp(undo, "down") != 0)
        return err_set(e, ERR_INVALID, "step %s %s: \"%.40s\" is no state to go back to",
                       step_kind_name(s->kind), s->device, undo);
    *ret = strcmp(undo, "up") == 0;
    return 0;
}

/* --- bridge ---------------------------------------------------------------------------------- */

static int make_bridge(struct netlink *n, const struct step *s, struct err *e)
{
    const struct ifinfomsg ifi = { 0 };
    struct nl_msg *msg = netlink_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof(ifi));
    char what[IFNAME_SIZE + 32];

    if (!msg)
        return link_no_memory(e);
    nla_put_string(msg, IFLA_IFNAME, s->device);
    nla_put(msg, IFLA_ADDRESS, sizeof(s->mac.b), s->mac.b);
    /* Only an MTU that is changed later counts as set by somebody (br_change_mtu()); else the
     * bridge follows its ports'. So it is one off here and put right with the alias. */
    nla_put_u32(msg, IFLA_MTU, s->mtu < UINT16_MAX ? s->mtu + 1u : s->mtu - 1u);
    struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO);
    nla_put_string(msg, IFLA_INFO_KIND, "bridge");
    struct nlattr *data = nla_nest_start(msg, IFLA_INFO_DATA);
    nla_put_u32(msg, IFLA_BR_FORWARD_DELAY, 0);
    nla_put_u32(msg, IFLA_BR_STP_STATE, 0);
    nla_nest_end(msg, data);
    nla_nest_end(msg, info);
    snprintf(what, sizeof(what), "making bridge %s", s->device);
    return netlink_expect(n, msg, EEXIST, 0, what, e);
}

/* What differs of a link that is ours is put right, the alias first of all. */
static int finish_link(struct netlink *n, const struct fact_link *l, const struct mac *mac,
                       unsigned mtu, const char *alias, struct err *e)
{
    struct link_set set = { .index = l->index, .master = LINK_KEEP, .up = LINK_KEEP };

    if (strcmp(l->alias, alias) != 0) {
        set.alias = alias;
        if (link_set(n, &set, l->name, e) < 0)
            return -1;
        set.alias = NULL;
    }
    if (mac && memcmp(&l->mac, mac, sizeof(*mac)) != 0)
        set.mac = mac;
    set.mtu = l->mtu != mtu ? mtu : 0;
    set.up = l->up ? LINK_KEEP : 1;
    return set.mac || set.mtu || set.up == 1 ? link_set(n, &set, l->name, e) : 0;
}

static int do_bridge(struct netlink *n, const struct step *s, const char *alias, const char *undo,
                     struct err *e)
{
    struct fact_link l;
    int rc = netlink_link(n, s->device, &l, e);

    (void)undo;
    if (rc == 0 && (make_bridge(n, s, e) < 0 || link_need(n, s->device, &l, e) < 0))
        return -1;
    if (rc < 0)
        return -1;
    return is_own_bridge(&l, s, alias) ? finish_link(n, &l, &s->mac, s->mtu, alias, e)
                                       : link_conflict(s->device, e);
}

static int delete_link(struct netlink *n, const struct fact_link *l, struct err *e)
{
    const struct ifinfomsg ifi = { .ifi_index = l->index };
    char what[IFNAME_SIZE + 32];

    snprintf(what, sizeof(what), "removing %s", l->name);
    return netlink_expect(n, netlink_request(RTM_DELLINK, 0, &ifi, sizeof(ifi)), ENODEV, 0, what,
                          e);
}

static int undo_bridge(struct netlink *n, const struct step *s, const char *alias, const char *undo,
                       struct err *e)
{
    struct fact_link l;
    int rc = netlink_link(n, s->device, &l, e);

    (void)undo;
    return rc > 0 && is_own_bridge(&l, s, alias) ? delete_link(n, &l, e) : rc < 0 ? -1 : 0;
}

/* --- VLAN ------------------------------------------------------------------------------------ */

static int make_vlan(struct netlink *n, const struct step *s, const struct fact_link *parent,
                     struct err *e)
{
    const struct ifinfomsg ifi = { 0 };
    struct nl_msg *msg = netlink_request(RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &ifi, sizeof(ifi));
    char what[2 * IFNAME_SIZE + 64];

    if (!msg)
        return link_no_memory(e);
    nla_put_string(msg, IFLA_IFNAME, s->device);
    nla_put_u32(msg, IFLA_LINK, (uint32_t)parent->index);
    nla_put_u32(msg, IFLA_MTU, s->mtu);
    struct nlattr *info = nla_nest_start(msg, IFLA_LINKINFO);
    nla_put_string(msg, IFLA_INFO_KIND, "vlan");
    struct nlattr *data = nla_nest_start(msg, IFLA_INFO_DATA);
    nla_put_u16(msg, IFLA_VLAN_ID, s->vlan);
    nla_nest_end(msg, data);
    nla_nest_end(msg, info);
    snprintf(what, sizeof(what), "making %s, VLAN %u on %s (module 8021q)", s->device, s->vlan,
             s->parent);
    return netlink_expect(n, msg, 0, 0, what, e);
}

static int do_vlan(struct netlink *n, const struct step *s, const char *alias, const char *undo,
                   struct err *e)
{
    struct fact_link parent, l;
    struct link_set raise = { .master = LINK_KEEP, .up = 1 };
    int rc = netlink_link(n, s->device, &l, e);

    (void)undo;
    if (rc < 0 || link_need(n, s->parent, &parent, e) < 0)
        return -1;
    raise.index = parent.index;
    if (!parent.up && link_set(n, &raise, parent.name, e) < 0)
        return -1;
    if (rc == 0 && (make_vlan(n, s, &parent, e) < 0 || link_need(n, s->device, &l, e) < 0))
        return -1;
    return is_own_vlan(&l, s, alias) ? finish_link(n, &l, NULL, s->mtu, alias, e)
                                     : link_conflict(s->device, e);
}

static int undo_vlan(struct netlink *n, const struct step *s, const char *alias, const char *undo,
                     struct err *e)
{
    struct fact_link l;
    bool up;

    if (read_up(s, undo, &up, e) < 0)
        return -1;
    int rc = netlink_link(n, s->device, &l, e);
    if (rc < 0 || (rc > 0 && is_own_vlan(&l, s, alias) && delete_link(n, &l, e) < 0))
        return -1;
    return up ? 0 : link_lower(n, s->parent, e);
}

/* --- address --------------------------------------------------------------------------------- */

static int ask_address(struct netlink *n, int type, const struct step *s, int index, int fine,
                       struct err *e)
{
    const struct ifaddrmsg ifa = { .ifa_family = (uint8_t)ip_af(&s->address),
                                   .ifa_prefixlen = s->prefix,
                                   .ifa_index = (unsigned)index };
    struct nl_msg *msg = netlink_request(type, type == RTM_NEWADDR ? NLM_F_CREATE | NLM_F_EXCL : 0,
                                         &ifa, sizeof(ifa));
    struct cidr net = { .ip = s->address, .prefix = s->prefix };
    char what[IP_TEXT + IFNAME_SIZE + 32], text[IP_TEXT];
    struct ip last;

    if (!msg)
        return link_no_memory(e);
    put_ip(msg, IFA_LOCAL, &s->address);
    put_ip(msg, IFA_ADDRESS, &s->address);
    cidr_last(&net, &last);
    if (type == RTM_NEWADDR && last.family == 4 && s->prefix < 31)
        put_ip(msg, IFA_BROADCAST, &last);
    if (type == RTM_NEWADDR && last.family == 6) /* nobody else is there to have it */
        nla_put_u32(msg, IFA_FLAGS, IFA_F_NODAD);
    snprintf(what, sizeof(what), "address %s on %s", ip_format(&s->address, text), s->device);
    return netlink_expect(n, msg, fine, ENODEV * (type == RTM_DELADDR), what, e);
}

static int do_address(struct netlink *n, const struct step *s, const char *alias, const char *undo,
                      struct err *e)
{
    struct fact_link bridge;

    (void)undo;
    return link_own_bridge(n, s, alias, &bridge, e) < 0
               ? -1
               : ask_address(n, RTM_NEWADDR, s, bridge.index, EEXIST, e);
}

static int undo_address(struct netlink *n, const struct step *s, const char *alias,
                        const char *undo, struct err *e)
{
    struct fact_link bridge;
    int rc = find_bridge(n, s, alias, &bridge, e);

    (void)undo;
    return rc <= 0 ? rc : ask_address(n, RTM_DELADDR, s, bridge.index, EADDRNOTAVAIL, e);
}

/* --- port ------------------------------------------------------------------------------------ */

static int do_port(struct netlink *n, const struct step *s, const char *alias, const char *undo,
                   struct err *e)
{
    struct fact_link bridge, port;

    (void)undo;
    if (link_own_bridge(n, s, alias, &bridge, e) < 0 || link_need(n, s->parent, &port, e) < 0)
        return -1;
    return link_join(n, &port, &bridge, e);
}

static int undo_port(struct netlink *n, const struct step *s, const char *alias, const char *undo,
                     struct err *e)
{
    struct fact_link bridge, port;
    struct link_set leave = { .master = 0, .up = LINK_KEEP };
    bool up;

    if (read_up(s, undo, &up, e) < 0)
        return -1;
    int rc = find_bridge(n, s, alias, &bridge, e);
    int there = rc < 0 ? -1 : netlink_link(n, s->parent, &port, e);
    if (there <= 0)
        return there;
    leave.index = port.index;
    if (rc > 0 && strcmp(port.master, bridge.name) == 0 && link_set(n, &leave, port.name, e) < 0)
        return -1;
    return up ? 0 : link_lower(n, s->parent, e);
}

/* --- the table of kinds ---------------------------------------------------------------------- */

typedef int act_fn(struct netlink *n, const struct step *s, const char *alias, const char *undo,
                   struct err *e);

static const struct {
    int (*remember)(struct netlink *n, const struct step *s, struct buf *ret_undo, struct err *e);
    act_fn *apply, *undo;
} acts[STEP_KINDS] = {
    [STEP_VLAN] = { remember_up, do_vlan, undo_vlan },
    [STEP_BRIDGE] = { NULL, do_bridge, undo_bridge },
    [STEP_ADDRESS] = { NULL, do_address, undo_address },
    [STEP_MOVE] = { move_remember, move_do, move_undo },
    [STEP_PORT] = { remember_up, do_port, undo_port },
};

static int no_link(const struct step *s, struct err *e)
{
    return err_set(e, ERR_INTERNAL, "step %s changes no link", step_kind_name(s->kind));
}

int link_remember(struct netlink *n, const struct step *s, struct buf *ret_undo, struct err *e)
{
    return s->kind < STEP_KINDS && acts[s->kind].remember
               ? acts[s->kind].remember(n, s, ret_undo, e)
               : 0;
}

int link_do(struct netlink *n, const struct step *s, const char *alias, const char *undo,
            struct err *e)
{
    return s->kind < STEP_KINDS && acts[s->kind].apply ? acts[s->kind].apply(n, s, alias, undo, e)
                                                       : no_link(s, e);
}

int link_undo(struct netlink *n, const struct step *s, const char *alias, const char *undo,
              struct err *e)
{
    return s->kind < STEP_KINDS && acts[s->kind].undo ? acts[s->kind].undo(n, s, alias, undo, e)
                                                      : no_link(s, e);
}
