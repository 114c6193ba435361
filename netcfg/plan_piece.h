/* What the plans of all kinds of networks are made of. */
#ifndef NETCFG_PLAN_PIECE_H
#define NETCFG_PLAN_PIECE_H

#include "netcfg/plan.h"

/* A plan in the making. */
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

/* The next step, of the plan's bridge. */
struct step *plan_add(struct planner *pl, enum step_kind kind);
void plan_add_bridge(struct planner *pl, unsigned mtu);
void plan_add_address(struct planner *pl); /* the network's own */
/* ERR_CONFLICT: the device is there and somebody else's; the range is on another device of the host
 * than the bridge and `except` (NULL none). */
int plan_not_ours(const struct planner *pl, const struct fact_link *l, struct err *e);
int plan_check_bridge_device(const struct planner *pl, struct err *e);
int plan_check_range(const struct planner *pl, const char *except, struct err *e);

#endif
