/* What the host's network looks like at a moment: read by netlink and from /proc (netcfg/link.h,
 * netcfg/sysctl.h), judged by pure functions (plan, doctor). */
#ifndef NETCFG_FACTS_H
#define NETCFG_FACTS_H

#include <stddef.h>

#include "model/network.h"

#define FACTS_LINKS_MAX  4096
#define FACTS_ROUTES_MAX 4096

struct fact_link {
    char name[IFNAME_SIZE], master[IFNAME_SIZE], parent[IFNAME_SIZE]; /* "" none */
    char kind[16]; /* "bridge", "vlan", "veth"… */
    char alias[128];
    int index;
    struct mac mac;
    bool mac_pinned; /* bridges: set by somebody (addr_assign_type is NET_ADDR_SET), so that it does
                        not follow the ports' */
    bool up, running;
    unsigned mtu;
    uint16_t vlan;
};
struct fact_address {
    char device[IFNAME_SIZE];
    struct ip ip;
    uint8_t prefix;
    bool dynamic; /* with a lifetime: from a DHCP client or a router */
};
struct fact_route {
    char device[IFNAME_SIZE];
    struct cidr to; /* prefix 0: the default route */
    struct ip via, source;
    unsigned metric, table, protocol, scope;
};
struct facts {
    struct fact_link *links;
    size_t n_links;
    struct fact_address *addresses;
    size_t n_addresses;
    struct fact_route *routes; /* of the main table */
    size_t n_routes;
};
void facts_done(struct facts *f);
const struct fact_link *facts_link(const struct facts *f, const char *name); /* NULL: none */
/* The device of the default route with the lowest metric; NULL: none. */
const char *facts_default_device(const struct facts *f);
/* The first address or route of the host whose network overlaps with c, other than on `except`
 * (a device; NULL none); NULL: c is free. Text for people: "172.16.5.0/24 on eth1". */
bool facts_taken(const struct facts *f, const struct cidr *c, const char *except, char *ret,
                 size_t size);
/* The same beside two devices. */
bool facts_taken_beside(const struct facts *f, const struct cidr *c, const char *except,
                        const char *except2, char *ret, size_t size);
/* Moves a taken prefix to the next free one of the same length within 172.16.0.0/12, then 10/8. */
int facts_next_free(const struct facts *f, const struct cidr *wanted, struct cidr *ret,
                    struct err *e);

#endif
