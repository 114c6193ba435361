/* iptables for our networks: chains of our own, filled by `iptables-restore --noflush` in one
 * transaction per table (iptables-restore(8)). Built-in chains get one jump each, at their
 * beginning, so that Docker's FORWARD DROP does not come first; nobody else's rules are touched.
 *
 *   filter FORWARD -> ROOST-FORWARD -> per network: BR-fwd     filter INPUT -> ROOST-INPUT -> BR-in
 *   nat PREROUTING, OUTPUT -> ROOST-DNAT -> BR-dnat            nat POSTROUTING -> ROOST-SNAT ->
 * BR-snat
 *
 * shared: `-s NET ! -d NET` masqueraded; out to anything that is no network of ours (or allowed),
 *   in only ESTABLISHED, RELATED and DNATed; hairpin for published ports.
 * host-only: nothing forwarded. bridged: only -i BR -o BR (br_netfilter).
 * all: BR to BR accepted; from the guests to the host DHCP, DNS and the seed port, ICMP echo; the
 *   rest of the host refused (established answers pass). */
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
struct firewall_hooks {
    bool forward, input, prerouting, output, postrouting; /* jumps into ROOST-… */
    bool chains;                                          /* ROOST-… exist */
    bool forward_drop;                                    /* FORWARD's policy is DROP (doctor) */
    unsigned foreign; /* rules of others in FORWARD before our jump (doctor) */
};
void firewall_hooks_read(const char *save, size_t len, struct firewall_hooks *ret);

/* For iptables-restore --noflush: makes hooks that are missing and fills this network's chains,
 * whatever stood in them; others' stay. */
void firewall_render_up(const struct firewall_net *n, const struct firewall_hooks *have,
                        struct buf *out);
/* Removes this network's chains; `last`: the hooks and common chains too. `save` tells what is
 * there, so that a half-done state is taken away as well. */
void firewall_render_down(const char *bridge, bool last, const char *save, size_t len,
                          struct buf *out);
/* The same for an administrator: complete `iptables-save` form of this network alone. */
void firewall_render_export(const struct firewall_net *n, struct buf *out);

#endif
