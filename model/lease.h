/* A DHCP lease as a value: what dnsmasq tells of one (netcfg/lease.h parses it), what roostd tells
 * core (model/verb_network.h). */
#ifndef MODEL_LEASE_H
#define MODEL_LEASE_H

#include "model/addr.h"
#include "model/network.h"

/* dnsmasq's own words (dnsmasq(8), --dhcp-script). */
enum lease_action { LEASE_ADD, LEASE_OLD, LEASE_DEL, LEASE_ACTIONS };
const char *lease_action_name(enum lease_action a); /* "add" "old" "del" */
int lease_action_from_name(const char *s);          /* -1 */

#define LEASE_HOSTNAME_SIZE 64
struct lease {
    enum lease_action action;
    struct mac mac;
    struct ip ip;
    char bridge[IFNAME_SIZE];
    char hostname[LEASE_HOSTNAME_SIZE]; /* as the guest calls itself; printable, "" none */
};

#endif
