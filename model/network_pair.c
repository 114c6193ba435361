/* Which networks may be on one host together. */
#include <stdio.h>
#include <string.h>

#include "model/network.h"

/* On a bridge where the host has no address of its own, nobody here routes. */
static bool ranges_meet(const struct network *a, const struct network *b)
{
    if (a->kind == NETWORK_BRIDGED && b->kind == NETWORK_BRIDGED &&
        (!a->host.family || !b->host.family))
        return false;
    return cidr_overlaps(&a->cidr, &b->cidr);
}

static int parents_compatible(const struct network *a, const struct network *b, struct err *e)
{
    char bridge[IFNAME_SIZE], vlan[16] = "";

    if (a->kind != NETWORK_BRIDGED)
        return 0;
    if (a->vlan)
        snprintf(vlan, sizeof vlan, "VLAN %u of ", a->vlan);
    if (b->kind == NETWORK_BRIDGED && !strcmp(a->parent, b->parent) && a->vlan == b->vlan)
        return err_set(e, ERR_CONFLICT,
                       "networks %s and %s both bridge %s%s: one is enough, or give one of them "
                       "another vlan",
                       a->name.s, b->name.s, vlan, a->parent);
    network_bridge(&b->name, bridge);
    if (!strcmp(a->parent, bridge))
        return err_set(e, ERR_CONFLICT,
                       "network %s: its parent %s is the bridge of network %s: put the guests on "
                       "%s instead",
                       a->name.s, bridge, b->name.s, b->name.s);
    return 0;
}

static int forwards_compatible(const struct network *a, const struct network *b, struct err *e)
{
    char text[FORWARD_TEXT], other[FORWARD_TEXT];

    for (int i = 0; i < a->n_forwards; i++)
        for (int k = 0; k < b->n_forwards; k++)
            if (forward_clashes(&a->forwards[i], &b->forwards[k]))
                return err_set(e, ERR_CONFLICT,
                               "network %s publishes \"%s\", and network %s \"%s\": one port of "
                               "the host goes to one guest",
                               a->name.s, forward_format(&a->forwards[i], text), b->name.s,
                               forward_format(&b->forwards[k], other));
    return 0;
}

int network_compatible(const struct network *a, const struct network *b, struct err *e)
{
    char ours[IFNAME_SIZE], theirs[IFNAME_SIZE], text[CIDR_TEXT], other[CIDR_TEXT];

    if (a->kind == NETWORK_USER || b->kind == NETWORK_USER || !strcmp(a->name.s, b->name.s))
        return 0;
    if (ranges_meet(a, b))
        return err_set(e, ERR_CONFLICT,
                       "network %s has %s, which overlaps with %s of network %s: give one of them "
                       "another cidr",
                       a->name.s, cidr_format(&a->cidr, text), cidr_format(&b->cidr, other),
                       b->name.s);
    network_bridge(&a->name, ours);
    network_bridge(&b->name, theirs);
    if (!strcmp(ours, theirs))
        return err_set(e, ERR_CONFLICT,
                       "networks %s and %s would both have the bridge %s: rename one of them",
                       a->name.s, b->name.s, ours);
    if (parents_compatible(a, b, e) < 0 || parents_compatible(b, a, e) < 0)
        return -1;
    return forwards_compatible(a, b, e);
}
