/* The checks of doctor_judge(): one function each, of one finding or none. */
#ifndef NETCFG_DOCTOR_JUDGE_H
#define NETCFG_DOCTOR_JUDGE_H

#include "netcfg/doctor.h"

struct judge {
    const struct network *n; /* NULL: the host alone */
    bool is_up;
    const struct facts *f;
    const struct doctor_facts *d;
    char bridge[IFNAME_SIZE];       /* of n: ours, or the parent that is one */
    const struct fact_link *parent; /* of a bridged n; NULL: there is none */
    bool foreign;                   /* the bridge is the parent */
    struct finding *ret;
    int count;
};
/* The next finding: a fault of this grade, and how it is mended; or that all is well. */
void judge_fault(struct judge *j, int grade, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
void judge_mend(struct judge *j, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void judge_fine(struct judge *j, const char *what, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

typedef void judge_check(struct judge *j);
judge_check check_privilege, check_tun, check_dnsmasq, check_iptables, check_firewalld, check_ufw,
    check_forwarding, check_rp_filter, check_hooks, check_foreign_rules, check_br_netfilter,
    check_port53, check_port67; /* doctor_host.c */
judge_check check_parent, check_owner, check_link, check_mac, check_range, check_names; /* _net.c */

/* Does it want dnsmasq? Of the host alone: some network will. */
bool judge_dnsmasq(const struct judge *j);

#endif
