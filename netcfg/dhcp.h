/* Two DHCP messages (RFC 2131, RFC 2132): a DISCOVER that finds out whether somebody answers DHCP
 * on a link, and a RELEASE that makes dnsmasq forget a lease, since a stale lease overrides a new
 * reservation. Building and parsing are pure. */
#ifndef NETCFG_DHCP_H
#define NETCFG_DHCP_H

#include <stddef.h>

#include "base/err.h"
#include "model/addr.h"

#define DHCP_MESSAGE_MAX 1500
/* With the broadcast flag: the answer is for a host without an address. Servers may ping an address
 * before they offer it (dnsmasq for 3 s): wait for 5 s before saying that there is none. */
size_t dhcp_discover(uint32_t xid, const struct mac *from, uint8_t out[DHCP_MESSAGE_MAX]);
/* By MAC alone: dnsmasq then finds the lease under whatever client identifier it was taken. */
size_t dhcp_release(uint32_t xid, const struct mac *client, const struct ip *address,
                    const struct ip *server, uint8_t out[DHCP_MESSAGE_MAX]);
/* An OFFER to this xid: 1 and the server identifier (option 54), 0: something else, never fails on
 * foreign bytes. `data` is the message, or the IPv4 packet around it. */
int dhcp_offer_parse(const uint8_t *data, size_t len, uint32_t xid, struct ip *ret_server);

/* A UDP socket on port 68 bound to the device, broadcasting; -1. Non-blocking; shares the port with
 * a DHCP client of the host. For a RELEASE, which has to reach a server on this host too. */
int dhcp_socket(const char *device, struct err *e);
/* Sends to 255.255.255.255:67, or to `server` when it has a family. */
int dhcp_send(int fd, const struct ip *server, const uint8_t *data, size_t len, struct err *e);

/* The same for a DISCOVER, below IP (packet(7)): an answer is seen whatever the host's firewall and
 * rp_filter think of it, and without an address on the device. What recv(2) gives is for
 * dhcp_offer_parse(). Takes CAP_NET_RAW. */
int dhcp_probe_socket(const char *device, struct err *e);
int dhcp_probe_send(int fd, const uint8_t *data, size_t len, struct err *e);

#endif
