/* dnsmasq for one network (dnsmasq(8), 2.90): DHCP with reservations, DNS of NAME.domain and
 * reverse, forwarding upstream; bound to the network's bridge alone.
 *
 * Reservations and names lie in two directories that dnsmasq watches (dhcp-hostsdir, hostsdir): a
 * new file is in force at once. dhcp-hostsdir only adds; after a removal dnsmasq wants SIGHUP
 * (netcfg/hosts.h). dnsmasq reads both as its own user, so each directory above them has to let
 * that user pass. */
#ifndef NETCFG_DNSMASQ_H
#define NETCFG_DNSMASQ_H

#include "base/buf.h"
#include "base/spawn.h"
#include "model/network.h"

struct dnsmasq_place {
    const char *bridge;
    const char *dir;    /* the network's directory, absolute, of [A-Za-z0-9@%+=:./_-] */
    const char *user;   /* dnsmasq and its lease program run as; NULL: as who starts it */
    const char *group;  /* its group; NULL: dnsmasq's own choice. Only with user */
    const char *script; /* the lease program, absolute, as dir; NULL: none (export) */
};
/* In the network's directory. */
#define FILE_DNSMASQ_CONF "dnsmasq.conf"
#define DIR_DHCP_HOSTS    "dhcp-hosts.d"
#define DIR_DNS_HOSTS     "hosts.d"
#define FILE_LEASES       "leases"

/* The configuration. Range and options only where n->dhcp; DNS where the host has an address there.
 * Lease time 1 h, reservations too (a moved address is taken up at the next renewal). Guests are
 * told n->nameservers, else the host; queries go up to the same, the host itself left out, else to
 * those of the host's resolv.conf.
 * ERR_INVALID: neither DHCP nor an address to answer DNS at, a path that a line cannot hold. */
int dnsmasq_render(const struct network *n, const struct dnsmasq_place *p, struct buf *out,
                   struct err *e);
/* `dnsmasq --keep-in-foreground --conf-file=DIR/dnsmasq.conf`. `test`: --test instead. */
void dnsmasq_argv(const char *binary, const char *dir, bool test, struct argv *out);

/* A reservation: one line each. "52:54:00:…,172.16.5.20,web1" and "172.16.5.20 web1.lab.internal
 * web1". domain "" (or NULL): the short name alone. */
struct reservation {
    struct name name;
    struct mac mac;
    struct ip address;
};
void dnsmasq_dhcp_host(const struct reservation *r, struct buf *out);
void dnsmasq_dns_host(const struct reservation *r, const char *domain, struct buf *out);

#endif
