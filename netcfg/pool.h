/* Which address a guest gets: computed from its name where free, else the next free one; stored
 * once and never changed. Pure. */
#ifndef NETCFG_POOL_H
#define NETCFG_POOL_H

#include "model/network.h"

/* Is it taken? */
typedef bool pool_taken_fn(const struct ip *a, void *arg);
/* From the network's DHCP range, or from all of cidr but network, broadcast, host and gateway when
 * it has none. The range's addresses are visited at most once. ERR_BUSY: all are taken, with the
 * number and the way out. */
int pool_pick(const struct network *n, const struct name *instance, pool_taken_fn *taken, void *arg,
              struct ip *ret, struct err *e);
/* May an operator ask for this one? Inside cidr, not the host's, the gateway's, network or
 * broadcast. */
int pool_check(const struct network *n, const struct ip *wanted, struct err *e);

#endif
