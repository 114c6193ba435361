#include "netcfg/doctor.h"

#include <string.h>

#include "base/cleanup.h"
#include "netcfg/doctor_judge.h"

static judge_check *const host_checks[] = {
    check_privilege,    check_tun,        check_dnsmasq,   check_iptables, check_firewalld,
    check_ufw,          check_forwarding, check_rp_filter, check_hooks,    check_foreign_rules,
    check_br_netfilter, check_port53,     check_port67,
};
static judge_check *const net_checks[] = {
    check_parent, check_owner, check_link, check_mac, check_range, check_names,
};

static void find_bridge(struct judge *j)
{
    network_bridge(&j->n->name, j->bridge);
    if (j->n->kind == NETWORK_BRIDGED)
        j->parent = facts_link(j->f, j->n->parent);
    j->foreign = j->parent && !j->n->vlan && !strcmp(j->parent->kind, "bridge");
    if (j->foreign)
        memcpy(j->bridge, j->parent->name, IFNAME_SIZE);
}

int doctor_judge(const struct network *n, bool is_up, const struct facts *f,
                 const struct doctor_facts *d, struct finding ret[FINDINGS_MAX])
{
    struct judge j = { .n = n, .is_up = is_up, .f = f, .d = d, .ret = ret };

    if (n && n->kind == NETWORK_USER) {
        judge_fine(&j, "kind", "a user network lives in each guest's QEMU and needs nothing here");
        return j.count;
    }
    if (n)
        find_bridge(&j);
    for (size_t i = 0; i < ARRAY_SIZE(host_checks); i++)
        host_checks[i](&j);
    for (size_t i = 0; n && i < ARRAY_SIZE(net_checks); i++)
        net_checks[i](&j);
    return j.count;
}
