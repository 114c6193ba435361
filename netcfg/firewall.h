/* iptables for our networks: chains of our own, filled by `iptables-restore --noflush` in one
 * transaction per table (iptables-restore(8)). Built-in chains get one jump each, at their
 * beginning, so that Docker's FORWARD DROP does not come first; nobody else's rules are touched.
 * Every rule bears the comment "roost NETWORK".
 *
 *   filter FORWARD -> ROOST-FORWARD -> per network, what its guests send: BR-fwd
 *                                   -> ROOST-TO -> per network, what is sent to them: BR-to
 *          INPUT -> ROOST-INPUT -> BR-in
 *   nat PREROUTING, OUTPUT -> ROOST-DNAT -> BR-own (services of the host's on the bridge, which no
 *                                           published port takes away), BR-dnat
 *       POSTROUTING -> ROOST-SNAT -> BR-snat
 *
 * shared: `-s NET ! -d NET` masqueraded (not multicast and broadcast); out to anything that is no
 *   network of ours (or allowed), in only ESTABLISHED, RELATED and DNATed. A published port is one
 *   of the host's own addresses (addrtype LOCAL), from outside, from the host and from the guests
 *   of the same network (hairpin: masqueraded). 127.0.0.0/8 publishes nothing: that would want
 *   route_localnet, which opens the host's loopback to guests.
 * host-only: nothing forwarded, refused (REJECT) so that nobody hangs, but where a network is
 *   allowed to reach it.
 * both: a source that is not in NET is dropped; from the guests to the host DHCP, DNS, the seed
 *   port and ICMP echo, established answers; all else of the host is refused.
 * bridged: -i BR -o BR, and DHCP, DNS, seed port let in where roost answers them. Nothing is
 *   refused: the host's own LAN is on that bridge.
 *
 * Counters of others' rules stay; iptables-legacy sets those of policies (":FORWARD DROP [0:0]")
 * back whenever anybody changes a table, ours included.
 * br_netfilter with a guest that asks for its own published port: the kernel bridges the frame back
 * out of the port it came from, which a bridge drops; without br_netfilter it works. */
#ifndef NETCFG_FIREWALL_H
#define NETCFG_FIREWALL_H

#include "base/buf.h"
#include "model/network.h"

struct firewall_net {
    const struct network *network;
    const char *bridge;
    uint16_t seed_port;                   /* 0: none */
    const char *allow[NETWORK_ALLOW_MAX]; /* bridges of networks it may reach, that are up */
    int n_allow;
    struct ip forward_to[NETWORK_FORWARDS_MAX]; /* addresses of the forwards' instances; family 0:
                                                   not known yet, left out */
};

/* Which hooks stand already: from `iptables-save` (foreign text: parsed line by line, bounded). */
#define FIREWALL_SEEN_MAX 256
struct firewall_hooks {
    bool forward, input, prerouting, output, postrouting; /* jumps into ROOST-… */
    bool chains;                                          /* one of ROOST-… exists */
    bool forward_drop;                                    /* FORWARD's policy is DROP (doctor) */
    unsigned foreign; /* rules of others in FORWARD before our jump (doctor) */
    /* For the renderer: what a half-done `up` left is completed, what stands is not doubled. */
    uint8_t hooks, commons; /* bits of enum fw_hook, enum fw_common (netcfg/firewall_chain.h) */
    struct firewall_seen {
        char bridge[IFNAME_SIZE];
        uint8_t chains; /* bits of enum fw_own: the jumps that stand */
    } seen[FIREWALL_SEEN_MAX];
    int n_seen; /* networks beyond the cap are not seen: their jumps would be made again */
};
void firewall_hooks_read(const char *save, size_t len, struct firewall_hooks *ret);

/* Can chains be named after this device? [A-Za-z0-9._-], a letter or digit first: iptables has no
 * way to write others (a '+' at the end would match a family of devices). ERR_INVALID. The
 * renderers make the buffer fail for one that was not asked about. */
int firewall_check(const char *bridge, struct err *e);

/* For iptables-restore --noflush: makes hooks that are missing and fills this network's chains,
 * whatever stood in them; others' stay. */
void firewall_render_up(const struct firewall_net *n, const struct firewall_hooks *have,
                        struct buf *out);
/* Removes this network's chains; `last`: the hooks and common chains too. `save` tells what is
 * there, so that a half-done state is taken away as well. A chain that a foreign rule leads to is
 * emptied and stays: iptables could not remove it. Empty when nothing is there. */
void firewall_render_down(const char *bridge, bool last, const char *save, size_t len,
                          struct buf *out);
/* The same for an administrator: complete `iptables-save` form of this network alone, for
 * iptables-restore with or without --noflush where none of it is there. */
void firewall_render_export(const struct firewall_net *n, struct buf *out);

#endif
