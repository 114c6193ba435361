/* Links, addresses, routes and taps by netlink (libnl-route-3; rtnetlink(7)). The one corner that
 * knows libnl. Every change is idempotent: what is there already as wanted is success; a link of
 * that name that does not bear our alias is ERR_CONFLICT and left alone.
 *
 * Calls are synchronous exchanges with the kernel (well under a millisecond each). */
#ifndef NETCFG_LINK_H
#define NETCFG_LINK_H

#include "netcfg/facts.h"
#include "netcfg/step.h"

struct netlink;
/* A socket in the caller's network namespace. ERR_DENIED for changes without CAP_NET_ADMIN. */
struct netlink *netlink_open(struct err *e);
void netlink_close(struct netlink *n); /* NULL is fine */

/* All links, addresses and routes of the main table. facts_done() releases. */
int link_facts(struct netlink *n, struct facts *ret, struct err *e);

/* The MAC that answers for an address on a device, as far as the kernel knows: 1, 0 not known (not
 * on that link, or nobody there), -1. Takes no privilege. */
int link_neighbour(struct netlink *n, const char *device, const struct ip *ip, struct mac *ret,
                   struct err *e);

/* Before a step is recorded: what undoing it must know, one line ("" nothing) of words that link_do
 * and link_undo parse again with all checks. MOVE: the parent's addresses and routes, and whether
 * it was up; PORT and VLAN: whether the parent was up. Never changes anything. ERR_CONFLICT: routes
 * that cannot be moved (several next hops). */
int link_remember(struct netlink *n, const struct step *s, struct buf *ret_undo, struct err *e);
/* Carries out VLAN, BRIDGE, ADDRESS, MOVE, PORT. Links end up. `undo` is what was remembered. */
int link_do(struct netlink *n, const struct step *s, const char *alias, const char *undo,
            struct err *e);
/* Takes it back; success when it is not there (any more). Somebody else's is left alone. */
int link_undo(struct netlink *n, const struct step *s, const char *alias, const char *undo,
              struct err *e);
/* Is it in force? For drift: the bridge deleted behind our back, its MAC changed. */
bool link_holds(const struct facts *f, const struct step *s, const char *alias);

/* Opens a tap (linux/if_tun.h: IFF_TAP | IFF_NO_PI | IFF_VNET_HDR), not persistent: it lives as
 * long as the descriptor, in whatever process. MAC, MTU (0: the bridge's), alias; a port of
 * `bridge`, up. The descriptor is close-on-exec, or -1. ERR_NOT_FOUND: no /dev/net/tun, or no such
 * bridge; ERR_BUSY: a tap of that name lives. */
int tap_open(struct netlink *n, const char *name, const struct mac *mac, const char *bridge,
             const char *alias, unsigned mtu, struct err *e);

#endif
