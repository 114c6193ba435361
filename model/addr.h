/* MAC and IP addresses, prefixes, ports, UUIDs as values. */
#ifndef MODEL_ADDR_H
#define MODEL_ADDR_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

struct mac {
    uint8_t b[6];
};
#define MAC_TEXT 18
int mac_parse(const char *s, struct mac *ret,
              struct err *e); /* six pairs, ':' or '-'; unicast only */
const char *mac_format(const struct mac *m, char out[MAC_TEXT]);

struct ip {
    uint8_t family; /* 4, 6; 0: none */
    uint8_t b[16];  /* network order; IPv4 in the first four */
};
#define IP_TEXT 46
int ip_parse(const char *s, struct ip *ret, struct err *e);
const char *ip_format(const struct ip *a, char out[IP_TEXT]); /* "" when none */
bool ip_equal(const struct ip *a, const struct ip *b);
bool ip_is_loopback(const struct ip *a);

struct cidr {
    struct ip ip; /* host bits zero */
    uint8_t prefix;
};
#define CIDR_TEXT (IP_TEXT + 4)
int cidr_parse(const char *s, struct cidr *ret,
               struct err *e); /* host bits set: refused, with the right one */
/* The network of that prefix length in which a lies. */
void cidr_around(const struct ip *a, uint8_t prefix, struct cidr *ret);
const char *cidr_format(const struct cidr *c, char out[CIDR_TEXT]);
bool cidr_contains(const struct cidr *c, const struct ip *a);

/* Addresses as numbers. */
int ip_compare(const struct ip *a, const struct ip *b); /* <0, 0, >0; IPv4 before IPv6 */
/* a + n; false when that is beyond the family's last address. ret may be a. */
bool ip_add(const struct ip *a, uint64_t n, struct ip *ret);
/* How many first..last are, both counted; 0 when last is before first or of another family,
 * UINT64_MAX when they are too many to say. */
uint64_t ip_count(const struct ip *first, const struct ip *last);
void cidr_last(const struct cidr *c, struct ip *ret); /* host bits one: IPv4's broadcast address */
bool cidr_overlaps(const struct cidr *a, const struct cidr *b); /* false where one has no family */
/* One that a machine may have: not unspecified, loopback, multicast or reserved (RFC 6890). */
bool ip_is_usable(const struct ip *a);

/* Where a TCP service is: "10.0.0.1:80", "[::1]:80". */
struct endpoint {
    struct ip ip;
    uint16_t port;
};
#define ENDPOINT_TEXT (IP_TEXT + 8)
int endpoint_parse(const char *s, struct endpoint *ret, struct err *e); /* port 0 is allowed */
const char *endpoint_format(const struct endpoint *p, char out[ENDPOINT_TEXT]);

#define UUID_TEXT 37
struct uuid {
    char s[UUID_TEXT]; /* lower case, RFC 9562 text form */
};
int uuid_parse(const char *s, struct uuid *ret,
               struct err *e); /* any case; nil and max are refused */

/* Identity from a name and a salt (the state directory's own random 16 bytes): SHA-256 based,
 * stable for (salt, name, attempt); attempt counts up on a collision. MAC 52:54:00:xx:xx:xx (QEMU's
 * range), UUID version 8 (RFC 9562 section 5.8). */
void mac_derive(const uint8_t salt[16], const char *name, unsigned attempt, struct mac *ret);
void uuid_derive(const uint8_t salt[16], const char *name, unsigned attempt, struct uuid *ret);

#endif
