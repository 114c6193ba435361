/* Bridged networks: on somebody's bridge, on an interface, on a VLAN of one. */
#ifndef NETCFG_PLAN_BRIDGED_H
#define NETCFG_PLAN_BRIDGED_H

#include "netcfg/plan_piece.h"

/* The links' steps. ERR_CONFLICT, ERR_INVALID: what is there does not allow them. */
int plan_bridged(struct planner *pl, struct err *e);

#endif
