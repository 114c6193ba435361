/* One thing that a network changes on the host, as a value: what `up` does, what the ledger
 * remembers, what `down` takes back. A network is an ordered list of steps (netcfg/plan.h).
 *
 * A step is a line of text in the ledger, parsed again with all checks by whoever carries it out:
 * devices, keys and values come from closed sets, so that no line can name anything else of the
 * host. */
#ifndef NETCFG_STEP_H
#define NETCFG_STEP_H

#include "base/buf.h"
#include "model/network.h"

enum step_kind {
    STEP_VLAN,     /* a VLAN link on a parent */
    STEP_BRIDGE,   /* a bridge with its own MAC, marked as ours by its alias */
    STEP_ADDRESS,  /* an address on our bridge */
    STEP_MOVE,     /* addresses and routes of the parent go over to our bridge */
    STEP_PORT,     /* a parent (or our VLAN link) becomes a port of our bridge */
    STEP_SYSCTL,   /* one of the keys of netcfg/sysctl.h */
    STEP_RULES,    /* chains of ours in iptables */
    STEP_LISTEN,   /* a seed socket on the bridge's address */
    STEP_DNSMASQ,  /* DHCP and DNS */
    STEP_RESOLVED, /* the host resolves guests' names: systemd-resolved's per-link settings */
    STEP_KINDS
};
const char *step_kind_name(enum step_kind k); /* "bridge" */

struct step {
    enum step_kind kind;
    char device[IFNAME_SIZE]; /* VLAN: the new link; else the bridge, but of SYSCTL: "" */
    char parent[IFNAME_SIZE]; /* VLAN: what it is on; MOVE, PORT: the link that joins the bridge */
    struct mac mac;           /* BRIDGE */
    uint16_t mtu, vlan;
    struct ip address; /* ADDRESS, LISTEN */
    uint8_t prefix;
    uint16_t port;           /* LISTEN */
    char key[64], value[24]; /* SYSCTL: "net.ipv4.ip_forward" "1" */
};

/* One line, no newline; step_parse() reads it back:
 *   vlan rv-lab parent eth0 id 7 mtu 1500      sysctl net.ipv4.ip_forward 1
 *   bridge rb-lab mac 02:… mtu 1500            rules rb-lab
 *   address rb-lab 172.16.5.1/24               listen rb-lab 172.16.5.1 10200
 *   move rb-lab parent eth0                    dnsmasq rb-lab
 *   port rb-lab parent eth0                    resolved rb-lab
 * Steps that make or change links name devices of ours ("rb-…", "rv-…"), the parent never is one
 * but PORT's VLAN link; rules, listen, dnsmasq and resolved may name somebody else's bridge. */
void step_format(const struct step *s, struct buf *out);
/* Takes exactly what step_format() writes; anything else: ERR_INVALID. */
int step_parse(const char *line, struct step *ret, struct err *e);
/* In words for `network plan`: "make bridge rb-lab (02:…, MTU 1500)". */
void step_describe(const struct step *s, struct buf *out);

#endif
