/* What would keep guests offline, each with one line of cause and one of mend. Pure over what was
 * read (facts and this): reading is doctor_read(). */
#ifndef NETCFG_DOCTOR_H
#define NETCFG_DOCTOR_H

#include "netcfg/facts.h"
#include "netcfg/firewall.h"

struct doctor_facts {
    bool tun;               /* /dev/net/tun opens */
    bool admin;             /* CAP_NET_ADMIN, and CAP_NET_RAW, CAP_NET_BIND_SERVICE */
    bool dnsmasq, iptables; /* found */
    bool firewalld, ufw;
    bool br_netfilter; /* bridge-nf-call-iptables is 1 */
    int ip_forward, rp_filter_all;
    bool port53, port67;                     /* a wildcard socket of somebody holds it */
    char port53_owner[32], port67_owner[32]; /* program, "" unknown */
    bool resolved;                           /* systemd-resolved runs here */
    bool told; /* and it knows who is asked for the network's domain (doctor_told()) */
    struct firewall_hooks hooks;
    bool hooks_known; /* iptables-save could be run */
};
/* Reads everything but `hooks` and `told`. Never fails: what cannot be read stays false. */
void doctor_read(struct doctor_facts *ret);
/* Is there such a program: by its path, or where administrators have theirs? */
bool doctor_program(const char *name);
/* Does systemd-resolved send a domain somewhere by itself: a word of Domains= in resolved.conf(5),
 * its drop-ins, or what resolvectl(1) said of a link (by its index; 0: none)? */
bool doctor_told(const char *domain, int link);

struct finding {
    enum { FINDING_OK, FINDING_WARN, FINDING_BAD } grade;
    char what[24]; /* "forwarding" */
    char cause[200], mend[320];
};
#define FINDINGS_MAX 32
/* For a network (up or not), or for the host alone when n is NULL. Returns the count. */
int doctor_judge(const struct network *n, bool is_up, const struct facts *f,
                 const struct doctor_facts *d, struct finding ret[FINDINGS_MAX]);

#endif
