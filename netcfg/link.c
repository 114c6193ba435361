#include "netcfg/link.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include "netcfg/link_msg.h"

/* --- one link -------------------------------------------------------------------------------- */

static void read_info(const struct nlattr *info, struct fact_link *ret)
{
    struct nlattr *attrs[IFLA_INFO_MAX + 1], *vlan[IFLA_VLAN_MAX + 1];
    uint16_t id;

    if (!info || nla_parse_nested(attrs, IFLA_INFO_MAX, (struct nlattr *)(uintptr_t)info, NULL) < 0)
        return;
    attr_text(attrs[IFLA_INFO_KIND], ret->kind, sizeof(ret->kind));
    if (strcmp(ret->kind, "vlan") != 0 || !attrs[IFLA_INFO_DATA] ||
        nla_parse_nested(vlan, IFLA_VLAN_MAX, attrs[IFLA_INFO_DATA], NULL) < 0)
        return;
    if (vlan[IFLA_VLAN_ID] && nla_len(vlan[IFLA_VLAN_ID]) == sizeof(id)) {
        memcpy(&id, nla_data(vlan[IFLA_VLAN_ID]), sizeof(id));
        ret->vlan = id;
    }
}

void link_read(const struct ifinfomsg *ifi, struct nlattr *const *attrs, struct fact_link *ret,
               struct link_index *ret_index)
{
    const struct nlattr *mac = attrs[IFLA_ADDRESS];

    *ret = (struct fact_link){ .index = ifi->ifi_index };
    attr_text(attrs[IFLA_IFNAME], ret->name, sizeof(ret->name));
    attr_text(attrs[IFLA_IFALIAS], ret->alias, sizeof(ret->alias));
    if (mac && nla_len(mac) == sizeof(ret->mac.b))
        memcpy(ret->mac.b, nla_data(mac), sizeof(ret->mac.b));
    ret->mtu = attr_u32(attrs[IFLA_MTU], 0);
    ret->up = ifi->ifi_flags & IFF_UP;
    ret->running = ifi->ifi_flags & IFF_RUNNING;
    read_info(attrs[IFLA_LINKINFO], ret);
    ret_index->master = (int)attr_u32(attrs[IFLA_MASTER], 0);
    /* With a namespace beside it, the index is one of there. */
    ret_index->parent = attrs[IFLA_LINK_NETNSID] ? 0 : (int)attr_u32(attrs[IFLA_LINK], 0);
}

/* --- everything ------------------------------------------------------------------------------ */

struct gather {
    struct facts *f;
    struct link_index *index; /* beside f->links */
};

/* Room for one more: the size doubles whenever the count is a power of two. */
static void *grow(void *array, size_t n, size_t size, size_t max, const char *what, struct err *e)
{
    void *p = array;

    if (n >= max) {
        err_set(e, ERR_TOO_BIG, "this host has more than %zu %s", max, what);
        return NULL;
    }
    if ((n & (n - 1)) == 0)
        p = realloc(array, (n ? 2 * n : 1) * size);
    if (!p)
        err_set(e, ERR_INTERNAL, "out of memory");
    return p;
}

static int each_link(const void *fixed, struct nlattr *const *attrs, void *arg, struct err *e)
{
    struct gather *g = arg;
    struct facts *f = g->f;
    void *links = grow(f->links, f->n_links, sizeof(*f->links), FACTS_LINKS_MAX, "links", e);

    if (!links)
        return -1;
    f->links = links;
    void *index = grow(g->index, f->n_links, sizeof(*g->index), FACTS_LINKS_MAX, "links", e);
    if (!index)
        return -1;
    g->index = index;
    link_read(fixed, attrs, &f->links[f->n_links], &g->index[f->n_links]);
    f->n_links++;
    return 0;
}

static const struct fact_link *by_index(const struct facts *f, int index)
{
    for (size_t i = 0; i < f->n_links; i++) {
        if (f->links[i].index == index)
            return &f->links[i];
    }
    return NULL;
}

static void name_of(const struct facts *f, int index, char ret[IFNAME_SIZE])
{
    const struct fact_link *l = index ? by_index(f, index) : NULL;

    if (l)
        memcpy(ret, l->name, IFNAME_SIZE);
    else
        ret[0] = '\0';
}

static int each_address(const void *fixed, struct nlattr *const *attrs, void *arg, struct err *e)
{
    const struct ifaddrmsg *ifa = fixed;
    struct gather *g = arg;
    struct facts *f = g->f;
    struct fact_address a = { .prefix = ifa->ifa_prefixlen };

    if (!attr_ip(attrs[IFA_LOCAL], ifa->ifa_family, &a.ip) &&
        !attr_ip(attrs[IFA_ADDRESS], ifa->ifa_family, &a.ip))
        return 0;
    void *p =
        grow(f->addresses, f->n_addresses, sizeof(*f->addresses), FACTS_LINKS_MAX, "addresses", e);
    if (!p)
        return -1;
    f->addresses = p;
    name_of(f, (int)ifa->ifa_index, a.device);
    a.dynamic = !(attr_u32(attrs[IFA_FLAGS], ifa->ifa_flags) & IFA_F_PERMANENT);
    f->addresses[f->n_addresses++] = a;
    return 0;
}

static int add_route(struct facts *f, const struct fact_route *r, struct err *e)
{
    void *p = grow(f->routes, f->n_routes, sizeof(*f->routes), FACTS_ROUTES_MAX, "routes", e);

    if (!p)
        return -1;
    f->routes = p;
    f->routes[f->n_routes++] = *r;
    return 0;
}

/* A route with several next hops counts as one over each. */
static int add_hops(struct facts *f, struct fact_route *r, const struct nlattr *hops, int family,
                    struct err *e)
{
    const struct rtnexthop *h = nla_data(hops);
    int left = nla_len(hops);

    for (; hop_ok(h, left); left -= NLA_ALIGN(h->rtnh_len), h = hop_next(h)) {
        const struct nlattr *via =
            nla_find(hop_attrs(h), h->rtnh_len - (int)sizeof(*h), RTA_GATEWAY);
        r->via = (struct ip){ 0 };
        attr_ip(via, family, &r->via);
        name_of(f, h->rtnh_ifindex, r->device);
        if (add_route(f, r, e) < 0)
            return -1;
    }
    return 0;
}

static int each_route(const void *fixed, struct nlattr *const *attrs, void *arg, struct err *e)
{
    const struct rtmsg *rtm = fixed;
    struct gather *g = arg;
    int family = rtm->rtm_family;
    struct fact_route r = {
        .to = { .ip.family = family == AF_INET6 ? 6 : 4, .prefix = rtm->rtm_dst_len },
        .metric = attr_u32(attrs[RTA_PRIORITY], 0),
        .table = attr_u32(attrs[RTA_TABLE], rtm->rtm_table),
        .protocol = rtm->rtm_protocol,
        .scope = rtm->rtm_scope,
    };

    if ((family != AF_INET && family != AF_INET6) || rtm->rtm_type != RTN_UNICAST ||
        r.table != RT_TABLE_MAIN || (rtm->rtm_flags & RTM_F_CLONED))
        return 0;
    attr_ip(attrs[RTA_DST], family, &r.to.ip);
    attr_ip(attrs[RTA_PREFSRC], family, &r.source);
    if (attrs[RTA_MULTIPATH])
        return add_hops(g->f, &r, attrs[RTA_MULTIPATH], family, e);
    attr_ip(attrs[RTA_GATEWAY], family, &r.via);
    name_of(g->f, (int)attr_u32(attrs[RTA_OIF], 0), r.device);
    return add_route(g->f, &r, e);
}

/* --- is a bridge's MAC pinned? --------------------------------------------------------------- */

static bool sys_number(const char *device, const char *file, uint64_t *ret)
{
    char path[96];
    auto_buf struct buf text = BUF_INIT;

    snprintf(path, sizeof(path), "/sys/class/net/%s/%s", device, file);
    if (file_read(AT_FDCWD, path, 64, &text, NULL) < 0 || !text.len)
        return false;
    text.data[text.len - 1] = '\0'; /* the newline */
    return parse_u64(text.data, 0, UINT32_MAX, ret, NULL) == 0;
}

/* Netlink does not tell; sysfs does, but it shows the namespace of whoever mounted it. Where that
 * is not ours, a bridge whose MAC is that of a port passes for one that follows its ports. */
static bool is_pinned(const struct facts *f, const struct fact_link *bridge)
{
    uint64_t index, type;
    bool any = false;

    if (sys_number(bridge->name, "ifindex", &index) && index == (uint64_t)bridge->index &&
        sys_number(bridge->name, "addr_assign_type", &type))
        return type == 3; /* NET_ADDR_SET */
    for (size_t i = 0; i < f->n_links; i++) {
        const struct fact_link *l = &f->links[i];
        if (strcmp(l->master, bridge->name) != 0)
            continue;
        any = true;
        if (memcmp(&l->mac, &bridge->mac, sizeof(l->mac)) == 0)
            return false;
    }
    return any;
}

static void finish_links(struct gather *g)
{
    struct facts *f = g->f;

    for (size_t i = 0; i < f->n_links; i++) {
        name_of(f, g->index[i].master, f->links[i].master);
        name_of(f, g->index[i].parent, f->links[i].parent);
    }
    for (size_t i = 0; i < f->n_links; i++) {
        if (strcmp(f->links[i].kind, "bridge") == 0)
            f->links[i].mac_pinned = is_pinned(f, &f->links[i]);
    }
}

static int read_once(struct netlink *n, struct gather *g, struct err *e)
{
    const struct dump links = { .type = RTM_GETLINK,
                                .answer = RTM_NEWLINK,
                                .size = sizeof(struct ifinfomsg),
                                .max_attr = IFLA_MAX,
                                .each = each_link,
                                .arg = g };
    const struct dump addresses = { .type = RTM_GETADDR,
                                    .answer = RTM_NEWADDR,
                                    .size = sizeof(struct ifaddrmsg),
                                    .max_attr = IFA_MAX,
                                    .each = each_address,
                                    .arg = g };
    const struct dump routes = { .type = RTM_GETROUTE,
                                 .answer = RTM_NEWROUTE,
                                 .size = sizeof(struct rtmsg),
                                 .max_attr = RTA_MAX,
                                 .each = each_route,
                                 .arg = g };

    if (netlink_dump(n, &links, e) < 0)
        return -1;
    finish_links(g);
    return netlink_dump(n, &addresses, e) < 0 || netlink_dump(n, &routes, e) < 0 ? -1 : 0;
}

int link_facts(struct netlink *n, struct facts *ret, struct err *e)
{
    enum { TRIES = 8 };
    struct err first = { 0 };

    for (int i = 0; i < TRIES; i++) {
        struct facts f = { .links = NULL };
        struct gather g = { .f = &f };
        int rc = read_once(n, &g, &first);
        free(g.index);
        if (rc == 0) {
            *ret = f;
            return 0;
        }
        facts_done(&f);
        if (first.kind != ERR_BUSY) /* a change in the middle of a dump: again */
            break;
    }
    if (e)
        *e = first;
    return -1;
}

/* --- one link by name ------------------------------------------------------------------------ */

struct one {
    struct fact_link link;
    struct link_index index;
    bool found;
};

static int each_one(const void *fixed, struct nlattr *const *attrs, void *arg, struct err *e)
{
    struct one *one = arg;

    (void)e;
    link_read(fixed, attrs, &one->link, &one->index);
    one->found = true;
    return 0;
}

/* By name, or by index where that is NULL. */
static int get_one(struct netlink *n, const char *name, int index, struct one *ret, struct err *e)
{
    const struct dump d = { .type = RTM_GETLINK,
                            .answer = RTM_NEWLINK,
                            .size = sizeof(struct ifinfomsg),
                            .max_attr = IFLA_MAX,
                            .each = each_one,
                            .arg = ret };
    const struct ifinfomsg ifi = { .ifi_index = index };
    struct nl_msg *msg = netlink_request(RTM_GETLINK, 0, &ifi, sizeof(ifi));

    *ret = (struct one){ .found = false };
    if (msg && name && nla_put_string(msg, IFLA_IFNAME, name) < 0) {
        nlmsg_free(msg);
        msg = NULL;
    }
    return netlink_query(n, msg, &d, ENODEV, e);
}

int netlink_link(struct netlink *n, const char *name, struct fact_link *ret, struct err *e)
{
    struct one one, other;

    if (get_one(n, name, 0, &one, e) < 0)
        return -1;
    if (!one.found)
        return 0;
    if (one.index.master) {
        if (get_one(n, NULL, one.index.master, &other, e) < 0)
            return -1;
        memcpy(one.link.master, other.link.name, IFNAME_SIZE);
    }
    if (one.index.parent) {
        if (get_one(n, NULL, one.index.parent, &other, e) < 0)
            return -1;
        memcpy(one.link.parent, other.link.name, IFNAME_SIZE);
    }
    *ret = one.link;
    return 1;
}
