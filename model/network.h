/* A network that guests live on. */
#ifndef MODEL_NETWORK_H
#define MODEL_NETWORK_H

#include <jansson.h>
#include <stdbool.h>

#include "model/addr.h"
#include "model/name.h"
#include "model/playbook.h"

enum network_kind {
    NETWORK_USER,
    NETWORK_HOST_ONLY,
    NETWORK_SHARED,
    NETWORK_BRIDGED,
    NETWORK_KINDS
};
/* Who may read a seed over this network (DESIGN section 6). */
enum seed_policy { POLICY_TOKEN, POLICY_ADDRESS, POLICY_TAG, SEED_POLICIES };
const char *network_kind_name(enum network_kind k); /* "user", "host-only" … */
int network_kind_from_name(const char *s);
const char *seed_policy_name(enum seed_policy p);
int seed_policy_from_name(const char *s);

#define NETWORK_NAMESERVERS_MAX 4
#define NETWORK_FORWARDS_MAX    64
#define NETWORK_ALLOW_MAX       16
/* RFC 791: every host takes 576; the kernel's limit of a tap (drivers/net/tun.c: MAX_MTU). */
#define NETWORK_MTU_MIN 576
#define NETWORK_MTU_MAX 65521
#define IFNAME_SIZE     16 /* IFNAMSIZ: 15 and a zero */

/* A published port. Forms: "0.0.0.0:8080 web1:80", "10.0.0.1:53 dns1:53/udp". */
enum transport { TRANSPORT_TCP, TRANSPORT_UDP, TRANSPORTS };
const char *transport_name(enum transport t); /* "tcp" "udp" */
int transport_from_name(const char *s);
struct forward {
    enum transport transport;
    struct endpoint at;   /* on the host; 0.0.0.0: each of its addresses */
    struct name instance; /* to whom */
    uint16_t port;        /* there */
};

struct network {
    struct name name;
    enum network_kind kind;
    enum seed_policy policy;
    struct cidr cidr;                /* family 0: default of the kind (user: 10.0.2.0/24) */
    char domain[DOMAIN_MAX_LEN + 1]; /* "" none */
    char advertise[256];             /* base URL told to guests; "" computed */
    bool trigger_set;                /* when its guests are configured; else [ansible] trigger */
    enum trigger trigger;

    /* The rest is not for user networks. */
    struct ip host;                  /* the host's own address on it; shared, host-only: the first
                                        of cidr unless said; bridged: family 0 none */
    struct ip gateway;               /* told to guests; shared: the host; host-only: none */
    bool dhcp;                       /* roost answers DHCP; on bridged only when told to */
    struct ip dhcp_first, dhcp_last; /* family 0: no range, reservations only */
    struct ip nameservers[NETWORK_NAMESERVERS_MAX]; /* told to guests; none: the host, where it
                                                       answers DNS */
    int n_nameservers;
    char parent[IFNAME_SIZE];             /* bridged: a bridge or an interface of the host */
    uint16_t vlan;                        /* 0: none, else 1 to 4094 on parent (IEEE 802.1Q) */
    uint16_t mtu;                         /* 0: the parent's, else 1500 */
    bool autostart;                       /* up before guests start */
    struct name allow[NETWORK_ALLOW_MAX]; /* networks that may be reached from this one, sorted */
    int n_allow;
    struct forward forwards[NETWORK_FORWARDS_MAX]; /* shared only; by transport and endpoint */
    int n_forwards;
};

/* Fleet form: {kind, cidr, domain, policy, advertise, trigger, host-address, gateway, dhcp,
 * nameservers, parent, vlan, mtu, autostart, allow, forwards}; kind is mandatory, policy `token` unless said,
 * and `address` refused on a user network, where all peers look alike. shared and host-only want a
 * cidr (IPv4 for now, /8 to /29), bridged a parent. dhcp: "FIRST-LAST", true (shared, host-only:
 * the default, .10 to the last but one of a /24; as much of smaller ones) or false. host-address:
 * "IP/PREFIX" on bridged, an address of cidr elsewhere. forwards: ["0.0.0.0:8080 web1:80"]. Refused
 * with the reason: a range or address outside its cidr, the host's address inside the range, a
 * word that its kind does not have, an endpoint published twice. Computed values are part of the
 * canonical form. Messages begin with "/networks/NAME/…". */
int network_from_json(const char *name, const json_t *j, struct network *ret, struct err *e);
/* Canonical, without the name; network_from_json() reads it back. New reference. */
json_t *network_to_json(const struct network *n);

/* "0.0.0.0:8080 web1:80[/udp]", the address may be left out (":8080 web1:80", all). */
int forward_parse(const char *s, struct forward *ret, struct err *e);
#define FORWARD_TEXT (ENDPOINT_TEXT + NAME_MAX_LEN + 16)
const char *forward_format(const struct forward *f, char out[FORWARD_TEXT]);

/* Interface names as the kernel takes them (dev_valid_name()): 1 to 15 bytes, no '/', ':', space or
 * control byte, not "." or "..". */
int ifname_parse(const char *s, char ret[IFNAME_SIZE], struct err *e);
/* The host's devices of a network and of a guest; never clash: "rb-NAME" up to 12 bytes of name, a
 * longer one cut with 7 letters of its SHA-256 at the end ("rb-long-abcdefg" form; 12 bytes that
 * look like that are cut as well); "rt" and the twelve digits of the guest's MAC, which is unique
 * in a store. */
void network_bridge(const struct name *network, char ret[IFNAME_SIZE]);
void network_tap(const struct mac *guest, char ret[IFNAME_SIZE]);
/* The bridge's own MAC: locally administered, derived from the network's name and a salt, never
 * from its ports. The tap's: the guest's with the first byte 0xfe, above every port's. */
void network_bridge_mac(const uint8_t salt[16], const struct name *network, struct mac *ret);
void network_tap_mac(const struct mac *guest, struct mac *ret);
/* Two networks that may not be on one host together: overlapping cidrs, the same parent and VLAN,
 * the same published endpoint. ERR_CONFLICT naming both. */
int network_compatible(const struct network *a, const struct network *b, struct err *e);

/* The rules above over a value, wherever it comes from: 0, or -1 with the word of the fleet form
 * that is wrong ("dhcp") in *ret_word. */
int network_check(const struct network *n, const char **ret_word, struct err *e);
/* May a guest have this address there? Inside cidr, not its first or last, the host's or the
 * gateway's. Always so on a user network, whose guests' addresses are QEMU's. ERR_INVALID. */
int network_address_check(const struct network *n, const struct ip *a, struct err *e);
/* Both publish the same: one transport and port, the same address or one of them each address. */
bool forward_clashes(const struct forward *a, const struct forward *b);
int forward_compare(const struct forward *a, const struct forward *b); /* transport, endpoint */

/* network_from_json() for a caller who knows where j stands (model/spot.h). */
struct spot;
int network_read(const char *name, const json_t *j, const struct spot *at, struct network *ret,
                 struct err *e);

#endif
