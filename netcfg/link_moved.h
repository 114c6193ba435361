/* What a link has that is to be moved to a bridge and back: its addresses and routes, as values, as
 * one line of text in the ledger, and as messages. Part of netcfg/link_move.c. */
#ifndef NETCFG_LINK_MOVED_H
#define NETCFG_LINK_MOVED_H

#include "netcfg/link_msg.h"

enum { MOVED_ADDRESSES_MAX = 32, MOVED_ROUTES_MAX = 64, MOVED_METRICS = RTAX_MAX + 1 };

struct moved_address {
    struct ip ip, peer, broadcast; /* peer: family 0 none */
    uint32_t prefix, scope, metric, flags;
    uint32_t valid, preferred; /* seconds, UINT32_MAX: for ever */
    char label[IFNAME_SIZE];   /* "" the device's name */
};
struct moved_route {
    struct cidr to;
    struct ip via, source;
    uint32_t metric, table, protocol, scope;
    uint32_t flags;               /* RTNH_F_ONLINK */
    uint32_t rtax[MOVED_METRICS]; /* RTA_METRICS; 0: none */
};
struct moved {
    bool up; /* the link was */
    struct moved_address addresses[MOVED_ADDRESSES_MAX];
    int n_addresses;
    struct moved_route routes[MOVED_ROUTES_MAX];
    int n_routes;
};

/* "up address 10.0.0.5/24 broadcast 10.0.0.255 … route 0.0.0.0/0 via 10.0.0.1 …" */
void moved_format(const struct moved *m, struct buf *out);
int moved_parse(const char *text, struct moved *ret, struct err *e);

#endif
