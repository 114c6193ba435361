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
    char device[IFNAME_SIZE]; /* the link that is made or changed */
    char parent[IFNAME_SIZE]; /* VLAN, MOVE, PORT: the other one */
    struct mac mac;           /* BRIDGE */
    uint16_t mtu, vlan;
    struct ip address; /* ADDRESS, LISTEN */
    uint8_t prefix;
    uint16_t port;           /* LISTEN */
    char key[64], value[24]; /* SYSCTL: "net.ipv4.ip_forward" "1" */
};

/* "bridge rb-lab mac 02:… mtu 1500": one line, no newline; step_parse() reads it back. */
void step_format(const struct step *s, struct buf *out);
int step_parse(const char *line, struct step *ret, struct err *e);
/* In words for `network plan`: "make bridge rb-lab (02:…, MTU 1500)". */
void step_describe(const struct step *s, struct buf *out);

#endif
