/* What an administrator would have written by hand, complete enough to have the network without
 * roost after a reboot. Pure; one row per format. */
#ifndef NETCFG_EXPORT_H
#define NETCFG_EXPORT_H

#include "netcfg/dnsmasq.h"
#include "netcfg/firewall.h"
#include "netcfg/plan.h"

enum export_format {
    EXPORT_DNSMASQ,  /* dnsmasq.conf with dhcp-host lines */
    EXPORT_IP,       /* for `ip -batch` */
    EXPORT_NETWORKD, /* systemd.netdev(5), systemd.network(5), one after another with "# FILE" lines
                      */
    EXPORT_IFCFG,    /* /etc/sysconfig/network-scripts/ifcfg-*, the same way */
    EXPORT_IPTABLES, /* iptables-save form */
    EXPORT_SYSCTL,   /* sysctl.d(5) */
    EXPORT_QEMU_IFUP, /* a script for QEMU's -netdev tap,script=: joins the bridge, pins the MAC */
    EXPORT_QEMU_IFDOWN,
    EXPORT_FORMATS
};
const char *export_format_name(enum export_format f); /* "qemu-ifup" */
int export_format_from_name(const char *s);           /* -1 */

struct export_input {
    const struct network *network;
    const struct plan *plan;
    const struct firewall_net *firewall;
    const struct reservation *reservations;
    size_t n_reservations;
    const struct facts *facts; /* for a parent whose addresses go over to the bridge: which; NULL:
                                  not known, the place is marked */
};
/* Links bear no alias: it would say that roost made them.
 * Formats of several files name each by a line "# FILE: /etc/systemd/network/rb-lab.netdev".
 * ERR_INVALID: nothing to write in that format (a network without DHCP and DNS has no
 * dnsmasq.conf). */
int export_render(enum export_format f, const struct export_input *in, struct buf *out,
                  struct err *e);

#endif
