/* What the steps on links have in common: finding, setting, joining, lowering one. */
#include <net/if.h>
#include <stdio.h>
#include <string.h>

#include "netcfg/link_step.h"

int link_no_memory(struct err *e)
{
    return err_set(e, ERR_INTERNAL, "out of memory");
}

int link_conflict(const char *name, struct err *e)
{
    return err_set(e, ERR_CONFLICT,
                   "%s was not made by this network and is left alone: remove it (ip link delete "
                   "%s), or give the network another name",
                   name, name);
}

int link_set(struct netlink *n, const struct link_set *s, const char *what, struct err *e)
{
    struct ifinfomsg ifi = { .ifi_index = s->index };
    char text[IFNAME_SIZE + 32];

    if (s->up != LINK_KEEP) {
        ifi.ifi_change = IFF_UP;
        ifi.ifi_flags = s->up ? IFF_UP : 0;
    }
    struct nl_msg *msg = netlink_request(RTM_SETLINK, 0, &ifi, sizeof(ifi));
    if (!msg)
        return link_no_memory(e);
    if (s->mac)
        nla_put(msg, IFLA_ADDRESS, sizeof(s->mac->b), s->mac->b);
    if (s->mtu)
        nla_put_u32(msg, IFLA_MTU, s->mtu);
    if (s->alias)
        nla_put(msg, IFLA_IFALIAS, (int)strlen(s->alias), s->alias);
    if (s->master != LINK_KEEP)
        nla_put_u32(msg, IFLA_MASTER, (uint32_t)s->master);
    snprintf(text, sizeof(text), "setting up %s", what);
    return netlink_expect(n, msg, 0, 0, text, e);
}

int link_need(struct netlink *n, const char *name, struct fact_link *ret, struct err *e)
{
    int rc = netlink_link(n, name, ret, e);

    return rc == 0  ? err_set(e, ERR_NOT_FOUND, "this host has no interface %s", name)
           : rc < 0 ? -1
                    : 0;
}

int link_own_bridge(struct netlink *n, const struct step *s, const char *alias,
                    struct fact_link *ret, struct err *e)
{
    if (link_need(n, s->device, ret, e) < 0)
        return -1;
    return strcmp(ret->kind, "bridge") == 0 && strcmp(ret->alias, alias) == 0
               ? 0
               : link_conflict(s->device, e);
}

int link_join(struct netlink *n, const struct fact_link *port, const struct fact_link *bridge,
              struct err *e)
{
    struct link_set set = { .index = port->index,
                            .master = bridge->index,
                            .up = port->up ? LINK_KEEP : 1 };

    if (strcmp(port->master, bridge->name) == 0)
        set.master = LINK_KEEP;
    else if (port->master[0])
        return err_set(e, ERR_CONFLICT, "%s is a port of %s already", port->name, port->master);
    return set.master == LINK_KEEP && port->up ? 0 : link_set(n, &set, port->name, e);
}

static bool is_used(const struct facts *f, const struct fact_link *l)
{
    bool used = l->master[0] != '\0';

    for (size_t i = 0; i < f->n_links; i++) {
        const struct fact_link *other = &f->links[i];
        /* The two ends of a veth call each other parent. */
        used |= strcmp(other->kind, "veth") != 0 && strcmp(other->parent, l->name) == 0;
    }
    for (size_t i = 0; i < f->n_addresses; i++) {
        const struct fact_address *a = &f->addresses[i];
        bool link_local = a->ip.family == 6 && a->ip.b[0] == 0xfe && (a->ip.b[1] & 0xc0) == 0x80;
        used |= strcmp(a->device, l->name) == 0 && !link_local;
    }
    return used;
}

int link_lower(struct netlink *n, const char *name, struct err *e)
{
    struct facts f;
    struct link_set set = { .master = LINK_KEEP, .up = 0 };

    if (link_facts(n, &f, e) < 0)
        return -1;
    const struct fact_link *l = facts_link(&f, name);
    bool lower = l && l->up && !is_used(&f, l);
    if (lower)
        set.index = l->index;
    facts_done(&f);
    return lower ? link_set(n, &set, name, e) : 0;
}
