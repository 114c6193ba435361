/* The life of a host's interface moves to a bridge that the interface joins, and back. What makes
 * the gap short: the bridge gets all of it first, beside the interface; then the interface joins
 * and gives its own up. Each message may have been the last before a crash, so each looks or bears
 * that it was done before. */
#include <errno.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "netcfg/link_moved.h"
#include "netcfg/link_step.h"

/* --- remember -------------------------------------------------------------------------------- */

struct look {
    int index;
    const char *name;
    struct moved m;
};

static bool is_link_local(const struct ip *ip)
{
    return ip->family == 6 && ip->b[0] == 0xfe && (ip->b[1] & 0xc0) == 0x80;
}

static int look_address(const void *fixed, struct nlattr *const *attrs, void *arg, struct err *e)
{
    const struct ifaddrmsg *ifa = fixed;
    struct look *l = arg;
    uint32_t flags = attr_u32(attrs[IFA_FLAGS], ifa->ifa_flags);
    struct moved_address a = { .prefix = ifa->ifa_prefixlen,
                               .scope = ifa->ifa_scope,
                               .metric = attr_u32(attrs[IFA_RT_PRIORITY], 0),
                               .flags = flags & IFA_F_NOPREFIXROUTE,
                               .valid = UINT32_MAX,
                               .preferred = UINT32_MAX };
    struct ip far;

    if (ifa->ifa_index != (unsigned)l->index || !attr_ip(attrs[IFA_ADDRESS], ifa->ifa_family, &far))
        return 0;
    if (!attr_ip(attrs[IFA_LOCAL], ifa->ifa_family, &a.ip))
        a.ip = far;
    /* What a router gives, the bridge gets by itself. */
    if (a.ip.family == 6 && (is_link_local(&a.ip) || !(flags & IFA_F_PERMANENT)))
        return 0;
    if (!ip_equal(&far, &a.ip))
        a.peer = far;
    attr_ip(attrs[IFA_BROADCAST], ifa->ifa_family, &a.broadcast);
    attr_text(attrs[IFA_LABEL], a.label, sizeof(a.label));
    if (strcmp(a.label, l->name) == 0)
        a.label[0] = '\0';
    if (attrs[IFA_CACHEINFO] &&
        nla_len(attrs[IFA_CACHEINFO]) >= (int)sizeof(struct ifa_cacheinfo)) {
        const struct ifa_cacheinfo *c = nla_data(attrs[IFA_CACHEINFO]);
        a.valid = c->ifa_valid;
        a.preferred = c->ifa_prefered;
    }
    if (l->m.n_addresses == MOVED_ADDRESSES_MAX)
        return err_set(e, ERR_TOO_BIG, "%s has more than %d addresses", l->name,
                       MOVED_ADDRESSES_MAX);
    l->m.addresses[l->m.n_addresses++] = a;
    return 0;
}

static bool has_hop(const struct nlattr *hops, int index)
{
    const struct rtnexthop *h = hops ? nla_data(hops) : NULL;
    int left = hops ? nla_len(hops) : 0;

    for (; h && hop_ok(h, left); left -= NLA_ALIGN(h->rtnh_len), h = hop_next(h)) {
        if (h->rtnh_ifindex == index)
            return true;
    }
    return false;
}

/* Made by the kernel with an address, or by what a router says: they come by themselves. */
static bool comes_by_itself(const struct rtmsg *rtm, const struct ip *to)
{
    return rtm->rtm_protocol == RTPROT_KERNEL || rtm->rtm_protocol == RTPROT_RA ||
           rtm->rtm_protocol == RTPROT_REDIRECT || (rtm->rtm_flags & RTM_F_CLONED) ||
           is_link_local(to) || (to->family == 6 && to->b[0] == 0xff);
}

static void look_metrics(const struct nlattr *nest, struct moved_route *r)
{
    struct nlattr *attrs[MOVED_METRICS];

    if (!nest ||
        nla_parse_nested(attrs, MOVED_METRICS - 1, (struct nlattr *)(uintptr_t)nest, NULL) < 0)
        return;
    for (int i = 1; i < MOVED_METRICS; i++)
        r->rtax[i] = i == RTAX_CC_ALGO ? 0 : attr_u32(attrs[i], 0);
}

static int look_route(const void *fixed, struct nlattr *const *attrs, void *arg, struct err *e)
{
    const struct rtmsg *rtm = fixed;
    struct look *l = arg;
    struct moved_route r = { .to = { .ip.family = rtm->rtm_family == AF_INET6 ? 6 : 4,
                                     .prefix = rtm->rtm_dst_len },
                             .metric = attr_u32(attrs[RTA_PRIORITY], 0),
                             .table = attr_u32(attrs[RTA_TABLE], rtm->rtm_table),
                             .protocol = rtm->rtm_protocol,
                             .scope = rtm->rtm_scope,
                             .flags = rtm->rtm_flags & RTNH_F_ONLINK };
    bool hop = has_hop(attrs[RTA_MULTIPATH], l->index);
    char text[CIDR_TEXT];

    if ((rtm->rtm_family != AF_INET && rtm->rtm_family != AF_INET6) ||
        rtm->rtm_type != RTN_UNICAST || (!hop && attr_u32(attrs[RTA_OIF], 0) != (uint32_t)l->index))
        return 0;
    attr_ip(attrs[RTA_DST], rtm->rtm_family, &r.to.ip);
    if (comes_by_itself(rtm, &r.to.ip))
        return 0;
    if (hop || attrs[RTA_NH_ID] || attrs[RTA_VIA] || attrs[RTA_ENCAP] || rtm->rtm_tos)
        return err_set(e, ERR_CONFLICT,
                       "the route to %s over %s has several next hops or is otherwise special and "
                       "cannot be moved to a bridge: make the bridge by hand and name it as parent",
                       cidr_format(&r.to, text), l->name);
    if (l->m.n_routes == MOVED_ROUTES_MAX)
        return err_set(e, ERR_TOO_BIG, "more than %d routes lead over %s", MOVED_ROUTES_MAX,
                       l->name);
    attr_ip(attrs[RTA_GATEWAY], rtm->rtm_family, &r.via);
    attr_ip(attrs[RTA_PREFSRC], rtm->rtm_family, &r.source);
    look_metrics(attrs[RTA_METRICS], &r);
    l->m.routes[l->m.n_routes++] = r;
    return 0;
}

int move_remember(struct netlink *n, const struct step *s, struct buf *ret_undo, struct err *e)
{
    auto_free struct look *l = calloc(1, sizeof(*l));
    struct fact_link parent;

    if (!l)
        return err_set(e, ERR_INTERNAL, "out of memory");
    const struct dump addresses = { RTM_GETADDR, RTM_NEWADDR,  sizeof(struct ifaddrmsg),
                                    IFA_MAX,     look_address, l };
    const struct dump routes = { RTM_GETROUTE, RTM_NEWROUTE, sizeof(struct rtmsg),
                                 RTA_MAX,      look_route,   l };
    if (link_need(n, s->parent, &parent, e) < 0)
        return -1;
    l->index = parent.index;
    l->name = parent.name;
    l->m.up = parent.up;
    if (netlink_dump(n, &addresses, e) < 0 || netlink_dump(n, &routes, e) < 0)
        return -1;
    moved_format(&l->m, ret_undo);
    return buf_check(ret_undo, e);
}

/* --- messages -------------------------------------------------------------------------------- */

/* Puts the address on a link; with its lifetime and label when it goes home. On the bridge it
 * stays: whoever renews it does so on the interface that he knows, and the host must not go dark.
 */
static int put_address(struct netlink *n, const struct moved_address *a, int index, bool home,
                       struct err *e)
{
    const struct ifaddrmsg ifa = { .ifa_family = (uint8_t)ip_af(&a->ip),
                                   .ifa_prefixlen = (uint8_t)a->prefix,
                                   .ifa_scope = (uint8_t)a->scope,
                                   .ifa_index = (unsigned)index };
    const struct ifa_cacheinfo life = { .ifa_valid = a->valid, .ifa_prefered = a->preferred };
    struct nl_msg *msg = netlink_request(RTM_NEWADDR, NLM_F_CREATE | NLM_F_EXCL, &ifa, sizeof(ifa));
    char what[IP_TEXT + 32], text[IP_TEXT];

    if (!msg)
        return link_no_memory(e);
    put_ip(msg, IFA_LOCAL, &a->ip);
    put_ip(msg, IFA_ADDRESS, a->peer.family ? &a->peer : &a->ip);
    if (a->broadcast.family)
        put_ip(msg, IFA_BROADCAST, &a->broadcast);
    if (a->metric)
        nla_put_u32(msg, IFA_RT_PRIORITY, a->metric);
    nla_put_u32(msg, IFA_FLAGS, a->flags | (a->ip.family == 6 ? IFA_F_NODAD : 0));
    if (home && a->label[0])
        nla_put_string(msg, IFA_LABEL, a->label);
    if (home && a->valid != UINT32_MAX)
        nla_put(msg, IFA_CACHEINFO, sizeof(life), &life);
    snprintf(what, sizeof(what), "moving address %s", ip_format(&a->ip, text));
    return netlink_expect(n, msg, EEXIST, 0, what, e);
}

static int drop_address(struct netlink *n, const struct moved_address *a, int index, struct err *e)
{
    const struct ifaddrmsg ifa = { .ifa_family = (uint8_t)ip_af(&a->ip),
                                   .ifa_prefixlen = (uint8_t)a->prefix,
                                   .ifa_index = (unsigned)index };
    struct nl_msg *msg = netlink_request(RTM_DELADDR, 0, &ifa, sizeof(ifa));
    char what[IP_TEXT + 32], text[IP_TEXT];

    if (!msg)
        return link_no_memory(e);
    put_ip(msg, IFA_LOCAL, &a->ip);
    put_ip(msg, IFA_ADDRESS, a->peer.family ? &a->peer : &a->ip);
    snprintf(what, sizeof(what), "moving address %s away", ip_format(&a->ip, text));
    return netlink_expect(n, msg, EADDRNOTAVAIL, ENODEV, what, e);
}

static int ask_route(struct netlink *n, int type, int flags, const struct moved_route *r, int index,
                     struct err *e)
{
    const struct rtmsg rtm = { .rtm_family = (uint8_t)ip_af(&r->to.ip),
                               .rtm_dst_len = r->to.prefix,
                               .rtm_table = RT_TABLE_UNSPEC,
                               .rtm_protocol = (uint8_t)r->protocol,
                               .rtm_scope = (uint8_t)r->scope,
                               .rtm_type = RTN_UNICAST,
                               .rtm_flags = r->flags };
    struct nl_msg *msg = netlink_request(type, flags, &rtm, sizeof(rtm));
    char what[CIDR_TEXT + 32], text[CIDR_TEXT];
    bool metrics = false;

    if (!msg)
        return link_no_memory(e);
    put_ip(msg, RTA_DST, &r->to.ip);
    nla_put_u32(msg, RTA_TABLE, r->table);
    nla_put_u32(msg, RTA_OIF, (uint32_t)index);
    if (r->via.family)
        put_ip(msg, RTA_GATEWAY, &r->via);
    if (r->source.family)
        put_ip(msg, RTA_PREFSRC, &r->source);
    if (r->metric)
        nla_put_u32(msg, RTA_PRIORITY, r->metric);
    for (int i = 1; i < MOVED_METRICS; i++)
        metrics |= r->rtax[i] != 0;
    struct nlattr *nest = metrics ? nla_nest_start(msg, RTA_METRICS) : NULL;
    for (int i = 1; nest && i < MOVED_METRICS; i++) {
        if (r->rtax[i])
            nla_put_u32(msg, i, r->rtax[i]);
    }
    if (nest)
        nla_nest_end(msg, nest);
    snprintf(what, sizeof(what), "moving the route to %s", cidr_format(&r->to, text));
    return netlink_expect(n, msg, type == RTM_NEWROUTE ? EEXIST : ESRCH,
                          type == RTM_NEWROUTE ? 0 : ENODEV, what, e);
}

/* Of one family; those without a gateway first, since gateways are reached over them. IPv4 takes a
 * second route to the same place behind the first (fib_table_insert()), so that the one takes over
 * where the other ends; IPv6 would use both at once, its routes wait until the first are gone. */
static int put_routes(struct netlink *n, const struct moved *m, int family, int index,
                      struct err *e)
{
    for (int gateways = 0; gateways < 2; gateways++) {
        for (int i = 0; i < m->n_routes; i++) {
            const struct moved_route *r = &m->routes[i];
            if (r->to.ip.family == family && !!r->via.family == gateways &&
                ask_route(n, RTM_NEWROUTE, NLM_F_CREATE | (family == 4 ? NLM_F_APPEND : NLM_F_EXCL),
                          r, index, e) < 0)
                return -1;
        }
    }
    return 0;
}

static int put_all(struct netlink *n, const struct moved *m, int index, bool home, struct err *e)
{
    for (int i = 0; i < m->n_addresses; i++) {
        if (put_address(n, &m->addresses[i], index, home, e) < 0)
            return -1;
    }
    return put_routes(n, m, 4, index, e);
}

static int drop_all(struct netlink *n, const struct moved *m, int index, struct err *e)
{
    for (int i = 0; i < m->n_routes; i++) {
        if (ask_route(n, RTM_DELROUTE, 0, &m->routes[i], index, e) < 0)
            return -1;
    }
    /* The last first: what a crash leaves is the beginning of the list, and put_all() goes on
     * behind it, so that the order, which chooses the source of packets, is kept. */
    for (int i = m->n_addresses - 1; i >= 0; i--) {
        if (drop_address(n, &m->addresses[i], index, e) < 0)
            return -1;
    }
    return 0;
}

static void announce(const struct moved *m, const struct fact_link *link)
{
    for (int i = 0; i < m->n_addresses; i++)
        link_announce(link, &m->addresses[i].ip);
}

/* --- there and back -------------------------------------------------------------------------- */

int move_do(struct netlink *n, const struct step *s, const char *alias, const char *undo,
            struct err *e)
{
    auto_free struct moved *m = calloc(1, sizeof(*m));
    struct fact_link bridge, parent;

    if (!m)
        return link_no_memory(e);
    if (moved_parse(undo, m, e) < 0 || link_own_bridge(n, s, alias, &bridge, e) < 0 ||
        link_need(n, s->parent, &parent, e) < 0)
        return -1;
    if (put_all(n, m, bridge.index, false, e) < 0 || link_join(n, &parent, &bridge, e) < 0 ||
        drop_all(n, m, parent.index, e) < 0)
        return -1;
    announce(m, &bridge);
    return put_routes(n, m, 6, bridge.index, e);
}

static int leave(struct netlink *n, const struct fact_link *parent, const char *bridge,
                 struct err *e)
{
    const struct link_set set = { .index = parent->index, .master = 0, .up = LINK_KEEP };

    return strcmp(parent->master, bridge) == 0 ? link_set(n, &set, parent->name, e) : 0;
}

static int raise_link(struct netlink *n, const struct fact_link *l, struct err *e)
{
    const struct link_set set = { .index = l->index, .master = LINK_KEEP, .up = 1 };

    return l->up ? 0 : link_set(n, &set, l->name, e);
}

int move_undo(struct netlink *n, const struct step *s, const char *alias, const char *undo,
              struct err *e)
{
    auto_free struct moved *m = calloc(1, sizeof(*m));
    struct fact_link bridge, parent;

    if (!m)
        return link_no_memory(e);
    if (moved_parse(undo, m, e) < 0)
        return -1;
    int there = netlink_link(n, s->parent, &parent, e);
    if (there <= 0) /* gone with all that it had */
        return there;
    int rc = netlink_link(n, s->device, &bridge, e);
    bool ours = rc > 0 && strcmp(bridge.kind, "bridge") == 0 && strcmp(bridge.alias, alias) == 0;
    if (rc < 0 || (m->up && raise_link(n, &parent, e) < 0) ||
        put_all(n, m, parent.index, true, e) < 0)
        return -1;
    if (ours && (leave(n, &parent, bridge.name, e) < 0 || drop_all(n, m, bridge.index, e) < 0))
        return -1;
    announce(m, &parent);
    if (put_routes(n, m, 6, parent.index, e) < 0)
        return -1;
    return m->up ? 0 : link_lower(n, s->parent, e);
}
