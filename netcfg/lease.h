/* Leases, as dnsmasq tells them: its dhcp-script (dnsmasq(8), --dhcp-script: argv add|old|del MAC
 * IP [HOSTNAME]) is our program roost-lease, which hands one datagram to a socket; the lease file
 * is read only at the start. Both carry guests' bytes (client's hostname): parsed into checked
 * types. */
#ifndef NETCFG_LEASE_H
#define NETCFG_LEASE_H

#include <stddef.h>

#include "model/lease.h"

#define LEASE_DATAGRAM_MAX 256
#define LEASE_SOCKET_ENV   "ROOST_LEASE_SOCKET"
/* "add 52:54:… 172.16.5.20 rb-lab web1": what roost-lease sends. `argv` begins at the action and
 * ends with NULL; of the hostname whatever is not printable becomes '?'. Refuses what is no DHCPv4
 * lease of an Ethernet address. */
int lease_datagram(const char *const *argv, const char *interface, char ret[LEASE_DATAGRAM_MAX],
                   struct err *e);
int lease_datagram_parse(const char *data, size_t len, struct lease *ret, struct err *e);

/* One line of the lease file: "EXPIRES MAC IP HOSTNAME|* CLIENTID|*", with or without its newline.
 * 1: a lease (action LEASE_OLD, bridge ""; expires 0: never), 0: another line (duid, IPv6, no
 * Ethernet), -1. */
int lease_line_parse(const char *line, int64_t *ret_expires_s, struct lease *ret, struct err *e);

#endif
