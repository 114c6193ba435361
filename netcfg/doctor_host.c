/* What is the same for all networks: privilege, programs, rules, ports. */
#include "netcfg/doctor_judge.h"

#include <string.h>

void check_privilege(struct judge *j)
{
    if (j->d->admin) {
        judge_fine(j, "privilege", "roostd may change networks");
        return;
    }
    judge_fault(j, j->n ? FINDING_BAD : FINDING_WARN, "privilege",
                "roostd may not change networks here (CAP_NET_ADMIN, CAP_NET_RAW, "
                "CAP_NET_BIND_SERVICE)");
    judge_mend(j, "start it by its systemd unit, which grants them, or as root; or use a network "
                  "of kind user");
}

void check_tun(struct judge *j)
{
    if (j->d->tun) {
        judge_fine(j, "tun", "/dev/net/tun opens");
        return;
    }
    judge_fault(j, j->n ? FINDING_BAD : FINDING_WARN, "tun",
                "/dev/net/tun does not open: no guest gets a tap");
    judge_mend(j, "modprobe tun; in a container, have the device passed in");
}

void check_dnsmasq(struct judge *j)
{
    if (!judge_dnsmasq(j))
        return;
    if (j->d->dnsmasq) {
        judge_fine(j, "dnsmasq", "dnsmasq is installed");
        return;
    }
    judge_fault(j, j->n ? FINDING_BAD : FINDING_WARN, "dnsmasq",
                "dnsmasq is not there: nobody would answer DHCP and DNS");
    judge_mend(j, "apt-get install dnsmasq-base; or name it in roost.conf, [network] dnsmasq");
}

void check_iptables(struct judge *j)
{
    if (j->d->iptables) {
        judge_fine(j, "iptables", "iptables is installed");
        return;
    }
    judge_fault(j, j->n ? FINDING_BAD : FINDING_WARN, "iptables",
                "iptables-save and iptables-restore are not there: no NAT, no filter");
    judge_mend(j, "apt-get install iptables; or name it in roost.conf, [network] iptables");
}

void check_firewalld(struct judge *j)
{
    if (!j->d->firewalld)
        return;
    judge_fault(j, FINDING_WARN, "firewalld",
                "firewalld runs: what it refuses stays refused, whatever iptables accepts");
    judge_mend(j, "firewall-cmd --permanent --zone=trusted --add-interface=%s, then --reload",
               j->n ? j->bridge : "BRIDGE");
}

void check_ufw(struct judge *j)
{
    if (!j->d->ufw)
        return;
    judge_fault(j, FINDING_WARN, "ufw",
                "ufw is enabled: when it starts again its rules can come before roost's");
    judge_mend(j, "after changes to ufw say roost network up again");
}

void check_forwarding(struct judge *j)
{
    if (j->n && j->n->kind != NETWORK_SHARED && j->n->n_allow == 0)
        return;
    if (j->d->ip_forward == 1) {
        judge_fine(j, "forwarding", "the host forwards packets");
    } else if (!j->n || !j->is_up) {
        judge_fine(j, "forwarding", "off; a shared network switches it on when it comes up");
    } else {
        judge_fault(j, FINDING_BAD, "forwarding",
                    "net.ipv4.ip_forward is 0: guests do not get past this host");
        judge_mend(j, "roost network up %s sets it; look in /etc/sysctl.d for who took it away",
                   j->n->name.s);
    }
}

/* Strict (RFC 3704): an answer has to come in where the question would go out. The stricter of
 * `all` and the device's counts. */
void check_rp_filter(struct judge *j)
{
    if (j->n && j->n->kind != NETWORK_BRIDGED)
        return;
    if (j->d->rp_filter_all != 1) {
        judge_fine(j, "rp-filter", "strict only where a device asks for it");
        return;
    }
    judge_fault(j, FINDING_WARN, "rp-filter",
                "net.ipv4.conf.all.rp_filter is 1: a host with two ways to a bridged network "
                "drops what comes by the other one");
    judge_mend(j, "sysctl -w net.ipv4.conf.all.rp_filter=2, where there are two ways");
}

static bool all_hooks(const struct firewall_hooks *h)
{
    return h->forward && h->input && h->prerouting && h->output && h->postrouting;
}

void check_hooks(struct judge *j)
{
    const bool drop = j->d->hooks.forward_drop;

    if (!j->d->hooks_known) {
        judge_fault(j, FINDING_WARN, "rules",
                    "iptables-save could not be run: rules not looked at");
        judge_mend(j, "see privilege and iptables above");
    } else if (!j->is_up) {
        judge_fine(j, "rules", "FORWARD's policy is %s",
                   drop ? "DROP; roost's rules come before it" : "ACCEPT");
    } else if (!all_hooks(&j->d->hooks)) {
        judge_fault(j, FINDING_BAD, "rules", "somebody removed roost's rules%s",
                    drop ? ", and FORWARD's policy is DROP: guests are cut off" : "");
        judge_mend(j, "roost network up%s%s", j->n ? " " : " of each", j->n ? j->n->name.s : "");
    } else {
        judge_fine(j, "rules", "roost's rules stand");
    }
}

void check_foreign_rules(struct judge *j)
{
    if (!j->d->hooks_known || j->d->hooks.foreign == 0)
        return;
    judge_fault(j, FINDING_WARN, "foreign-rules",
                "%u rule%s of others come%s before roost's in FORWARD and can decide otherwise",
                j->d->hooks.foreign, j->d->hooks.foreign == 1 ? "" : "s",
                j->d->hooks.foreign == 1 ? "s" : "");
    judge_mend(j, "iptables -D FORWARD -m comment --comment roost -j ROOST-FORWARD; roost network "
                  "up puts it first again");
}

void check_br_netfilter(struct judge *j)
{
    const bool drop = j->d->hooks_known && j->d->hooks.forward_drop;

    if (!j->d->br_netfilter) {
        judge_fine(j, "br-netfilter", "frames between guests of one bridge do not pass iptables");
    } else if (drop && !(j->is_up && j->d->hooks.forward)) {
        judge_fault(j, FINDING_WARN, "br-netfilter",
                    "frames on bridges pass iptables, and FORWARD's policy is DROP: without "
                    "roost's rules guests lose each other");
        judge_mend(j, "roost network up; or, where nobody needs it, sysctl -w "
                      "net.bridge.bridge-nf-call-iptables=0");
    } else {
        judge_fine(j, "br-netfilter",
                   "frames on bridges pass iptables, roost lets them; a guest does not reach its "
                   "own published port by the host's address");
    }
}

/* A socket on all addresses; those of one address do not meet ours. */
static void check_port(struct judge *j, const char *what, unsigned port, bool held,
                       const char *owner)
{
    if (!judge_dnsmasq(j))
        return;
    if (!held) {
        judge_fine(j, what, "nobody holds port %u on all addresses", port);
        return;
    }
    judge_fault(j, j->n ? FINDING_BAD : FINDING_WARN, what,
                "%s holds port %u on all addresses: dnsmasq could not answer there",
                *owner ? owner : "another program", port);
    judge_mend(j, "have %s listen on the addresses that it serves only%s",
               *owner ? owner : "it (ss -lnp shows who)",
               !strcmp(owner, "dnsmasq") ? " (bind-interfaces)" : "");
}

void check_port53(struct judge *j)
{
    check_port(j, "port-53", 53, j->d->port53, j->d->port53_owner);
}

/* Each dnsmasq has 0.0.0.0:67, on its own device and shared with the others (SO_REUSEPORT). */
void check_port67(struct judge *j)
{
    const bool shares = !strcmp(j->d->port67_owner, "dnsmasq");

    if (j->n && !j->n->dhcp)
        return;
    check_port(j, "port-67", 67, j->d->port67 && !shares, j->d->port67_owner);
}
