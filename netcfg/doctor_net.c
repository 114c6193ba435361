/* What is a network's own: its devices, its range, its names. */
#include "netcfg/doctor_judge.h"

#include <stdio.h>
#include <string.h>

#include "netcfg/plan.h"

void check_parent(struct judge *j)
{
    if (j->n->kind != NETWORK_BRIDGED)
        return;
    if (!j->parent) {
        judge_fault(j, FINDING_BAD, "parent", "this host has no interface %s", j->n->parent);
        judge_mend(j, "ip link shows what it has: give the network one of them as parent");
    } else if (!j->parent->up) {
        judge_fault(j, FINDING_BAD, "parent", "%s is down: nothing of the LAN reaches guests",
                    j->n->parent);
        judge_mend(j, "ip link set dev %s up", j->n->parent);
    } else if (!j->parent->running) {
        judge_fault(j, FINDING_WARN, "parent", "%s has no carrier", j->n->parent);
        judge_mend(j, "look at its cable and switch port");
    } else {
        judge_fine(j, "parent", "%s is up", j->n->parent);
    }
}

void check_owner(struct judge *j)
{
    const struct fact_link *l = facts_link(j->f, j->bridge);
    char alias[PLAN_ALIAS_SIZE];

    plan_alias(&j->n->name, alias);
    if (j->foreign || !l || !strcmp(l->alias, alias))
        return;
    judge_fault(j, FINDING_BAD, "owner",
                "there is a device %s that this network did not make%s%.80s", j->bridge,
                *l->alias ? ", marked " : "", l->alias);
    judge_mend(j, "ip link delete %s, or give the network another name", j->bridge);
}

void check_link(struct judge *j)
{
    const struct fact_link *l = facts_link(j->f, j->bridge);

    if (!j->is_up)
        return;
    if (l && l->up) {
        judge_fine(j, "bridge", "%s is up", j->bridge);
        return;
    }
    judge_fault(j, FINDING_BAD, "bridge", "%s is %s, though the network is up", j->bridge,
                l ? "down" : "gone");
    judge_mend(j, "roost network up %s", j->n->name.s);
}

void check_mac(struct judge *j)
{
    char mac[MAC_TEXT];

    if (!j->foreign)
        return;
    if (j->parent->mac_pinned) {
        judge_fine(j, "mac", "%s has a MAC of its own", j->bridge);
        return;
    }
    judge_fault(j, FINDING_WARN, "mac",
                "%s follows its ports' MACs: guests lose packets when others come and go",
                j->bridge);
    judge_mend(j, "ip link set dev %s address %s, and the same in its own configuration", j->bridge,
               mac_format(&j->parent->mac, mac));
}

void check_range(struct judge *j)
{
    char by[CIDR_TEXT + IFNAME_SIZE + 8], text[CIDR_TEXT], next[CIDR_TEXT] = "another one";
    struct cidr free;

    /* A bridged network is where its parent's addresses are. */
    if (!j->n->cidr.ip.family || j->n->kind == NETWORK_BRIDGED)
        return;
    cidr_format(&j->n->cidr, text);
    if (!facts_taken(j->f, &j->n->cidr, j->bridge, by, sizeof by)) {
        judge_fine(j, "range", "%s is nobody else's on this host", text);
        return;
    }
    if (facts_next_free(j->f, &j->n->cidr, &free, NULL) == 0)
        cidr_format(&free, next);
    judge_fault(j, FINDING_BAD, "range", "%s overlaps with %s", text, by);
    judge_mend(j, "give the network a cidr that is free, such as %s", next);
}

/* Names can be asked for by the host as well, when its resolver knows whom to ask. */
void check_names(struct judge *j)
{
    const char *domain = j->n->domain;
    char ip[IP_TEXT];

    if (!judge_dnsmasq(j) || !*domain || !j->n->host.family)
        return;
    ip_format(&j->n->host, ip);
    if (j->d->resolved && j->d->told) {
        judge_fine(j, "names", "systemd-resolved knows whom to ask for NAME.%.60s", domain);
        return;
    }
    judge_fault(j, FINDING_WARN, "names", "this host itself does not resolve NAME.%.60s%s", domain,
                j->d->resolved ? "" : ": no systemd-resolved here");
    if (j->d->resolved)
        judge_mend(
            j,
            "resolvectl dns %s %s; resolvectl domain %s '~%.60s'; for good: [Resolve] DNS=%s "
            "Domains=~%.60s in /etc/systemd/resolved.conf.d/roost.conf",
            j->bridge, ip, j->bridge, domain, ip, domain);
    else
        judge_mend(j, "send %.60s to %s in the host's resolver (dnsmasq: server=/%.60s/%s)", domain,
                   ip, domain, ip);
}
