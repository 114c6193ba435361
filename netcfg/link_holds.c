/* Is what a step did still in force? Pure. */
#include <string.h>

#include "netcfg/link.h"

static bool has_address(const struct facts *f, const char *device, const struct ip *ip)
{
    for (size_t i = 0; i < f->n_addresses; i++) {
        const struct fact_address *a = &f->addresses[i];
        if (strcmp(a->device, device) == 0 && (ip ? ip_equal(&a->ip, ip) : a->ip.family == 4))
            return true;
    }
    return false;
}

bool link_holds(const struct facts *f, const struct step *s, const char *alias)
{
    const struct fact_link *l = facts_link(f, s->device);
    const struct fact_link *parent = facts_link(f, s->parent);
    bool ours = l && l->up && strcmp(l->alias, alias) == 0;

    switch (s->kind) {
    case STEP_VLAN:
        return ours && strcmp(l->kind, "vlan") == 0 && l->vlan == s->vlan &&
               strcmp(l->parent, s->parent) == 0;
    case STEP_BRIDGE:
        return ours && strcmp(l->kind, "bridge") == 0 && l->mtu == s->mtu &&
               memcmp(&l->mac, &s->mac, sizeof(s->mac)) == 0;
    case STEP_ADDRESS:
        return ours && has_address(f, s->device, &s->address);
    case STEP_MOVE:
    case STEP_PORT:
        return ours && parent && parent->up && strcmp(parent->master, s->device) == 0 &&
               (s->kind == STEP_PORT || !has_address(f, s->parent, NULL));
    default:
        return true; /* no matter of links */
    }
}
