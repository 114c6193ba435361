/* The steps that bring a network up on this host, in order. Pure: the host as read (facts) and the
 * network as defined give the same list every time. `down` goes backward through the ledger, not
 * through a plan: what was done counts, not what would be done now. */
#ifndef NETCFG_PLAN_H
#define NETCFG_PLAN_H

#include "netcfg/facts.h"
#include "netcfg/step.h"

#define PLAN_STEPS_MAX 24
struct plan {
    struct step steps[PLAN_STEPS_MAX];
    int n;
    char bridge[IFNAME_SIZE]; /* where taps go: ours, or the foreign one */
    bool foreign;             /* the bridge is not ours: nothing of it is changed */
    char warning[256];        /* "" none: a foreign bridge whose MAC is not pinned … */
};

struct plan_opts {
    const uint8_t *salt; /* 16 bytes */
    uint16_t seed_port;
    bool resolved;    /* systemd-resolved runs here, and may be told of links */
    bool launch_seed; /* a socket for seeds on the bridge's address */
    bool made; /* the ledger says that we made the bridge: one that is marked as ours is ours,
                  whatever MAC somebody has given it since */
};
/* The order is VLAN, BRIDGE, MOVE, ADDRESS, PORT, SYSCTL…, RULES, LISTEN, DNSMASQ, RESOLVED.
 * ERR_CONFLICT: its range is taken, a device of its name belongs to somebody else, the parent is a
 * port of another bridge. ERR_NOT_FOUND: no such parent. ERR_INVALID: a user network. */
int plan_up(const struct network *n, const struct facts *f, const struct plan_opts *o,
            struct plan *ret, struct err *e);

/* The alias that marks a link as ours, and whose it is: "roost NETWORK". The kernel takes no alias
 * in the message that makes a link, so one of exactly our name, kind and MAC (or parent and VLAN
 * id) without any alias is one whose maker was killed before the next message, and ours too. */
#define PLAN_ALIAS_SIZE 80
void plan_alias(const struct name *network, char ret[PLAN_ALIAS_SIZE]);
/* The name of its VLAN link: "rv-" and what follows "rb-" in its bridge's. */
void plan_vlan_device(const struct name *network, char ret[IFNAME_SIZE]);

#endif
