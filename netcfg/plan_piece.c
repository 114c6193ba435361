#include "netcfg/plan_piece.h"

#include <stdio.h>
#include <string.h>

void plan_alias(const struct name *network, char ret[PLAN_ALIAS_SIZE])
{
    snprintf(ret, PLAN_ALIAS_SIZE, "roost %s", network->s);
}

void plan_vlan_device(const struct name *network, char ret[IFNAME_SIZE])
{
    network_bridge(network, ret);
    ret[1] = 'v';
}

struct step *plan_add(struct planner *pl, enum step_kind kind)
{
    struct step *s = &pl->p.steps[pl->p.n++];

    *s = (struct step){ .kind = kind };
    if (kind != STEP_SYSCTL)
        memcpy(s->device, pl->p.bridge, IFNAME_SIZE);
    return s;
}

int plan_not_ours(const struct planner *pl, const struct fact_link *l, struct err *e)
{
    return err_set(e, ERR_CONFLICT,
                   "network %s: there is a device %s already that this network did not make%s%s: "
                   "remove it (ip link delete %s), or give the network another name",
                   pl->n->name.s, l->name, l->alias[0] ? ", marked " : "", l->alias, l->name);
}

int plan_check_bridge_device(const struct planner *pl, struct err *e)
{
    const struct fact_link *l = facts_link(pl->f, pl->p.bridge);

    if (!l)
        return 0;
    if (strcmp(l->kind, "bridge") != 0 || (l->alias[0] && strcmp(l->alias, pl->alias) != 0))
        return plan_not_ours(pl, l, e);
    if (pl->o->made && strcmp(l->alias, pl->alias) == 0)
        return 0;
    /* Another roost of this host can have a network of this name; its MAC hangs on its own salt. */
    if (memcmp(&l->mac, &pl->mac, sizeof(pl->mac)) != 0)
        return plan_not_ours(pl, l, e);
    return 0;
}

int plan_check_range(const struct planner *pl, const char *except, struct err *e)
{
    char by[CIDR_TEXT + IFNAME_SIZE + 8], text[CIDR_TEXT];

    if (pl->n->cidr.ip.family &&
        facts_taken_beside(pl->f, &pl->n->cidr, pl->p.bridge, except, by, sizeof(by)))
        return err_set(e, ERR_CONFLICT,
                       "network %s: its range %s is taken on this host by %s: give it another cidr",
                       pl->n->name.s, cidr_format(&pl->n->cidr, text), by);
    return 0;
}

void plan_add_bridge(struct planner *pl, unsigned mtu)
{
    struct step *s = plan_add(pl, STEP_BRIDGE);

    s->mac = pl->mac;
    s->mtu = (uint16_t)(mtu > UINT16_MAX ? UINT16_MAX : mtu);
}

void plan_add_address(struct planner *pl)
{
    struct step *s = plan_add(pl, STEP_ADDRESS);

    s->address = pl->address = pl->n->host;
    s->prefix = pl->n->cidr.prefix;
}
