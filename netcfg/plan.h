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
    bool resolved;    /* systemd-resolved runs here */
    bool launch_seed; /* a socket for seeds on the bridge's address */
};
/* ERR_CONFLICT: its range is taken, a device of its name belongs to somebody else, the parent is a
 * port of another bridge. ERR_NOT_FOUND: no such parent. ERR_INVALID: a user network. */
int plan_up(const struct network *n, const struct facts *f, const struct plan_opts *o,
            struct plan *ret, struct err *e);

/* The alias that marks a link as ours, and whose it is: "roost NETWORK" (RTM_NEWLINK IFLA_IFALIAS,
 * set in the same message that makes the link, so that a link of ours is never without it). */
#define PLAN_ALIAS_SIZE 80
void plan_alias(const struct name *network, char ret[PLAN_ALIAS_SIZE]);

#endif
