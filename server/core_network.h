/* Networks of roost's own: what is wanted of them, the ledger of what was changed on the host for
 * them, and the way from the one to the other, one recorded step at a time (server/nets.h carries
 * the steps out). Up, repair and down are one thing: the ledger is brought to the plan, which is
 * empty for a network that is to be down. */
#ifndef SERVER_CORE_NETWORK_H
#define SERVER_CORE_NETWORK_H

#include "model/verb_network.h"
#include "server/core_priv.h"

/* At the first start with the rights for it (core_network_default.c). */
int networks_define(struct core *c, struct err *e);
void netruns_free(struct core *c);
/* At the start: networks that are to be up, those with `autostart` after a boot of the host, and
 * those that were left half done. */
void netruns_begin(struct core *c, bool new_boot);

bool network_is_up(const struct core *c, const char *name);
/* "" nothing to say; why it is not up, or a warning. */
const char *network_note(const struct core *c, const char *name);
/* Of a listener's number; NULL: none, or the user networks'. */
const struct network *network_of_listener(const struct core *c, uint16_t listener);
/* Definition or forwards' addresses changed: an up one is brought to its new plan. */
void network_changed(struct core *c, const char *name);

/* What roostd tells. */
void network_step(struct core *c, uint32_t id, const struct net_step *m);
void network_planned(struct core *c, uint32_t id, const struct net_state *m);
void network_done(struct core *c, uint32_t id, const struct error_msg *m);
void network_state(struct core *c, const struct net_state *m);

/* --- core_hosts.c --- */
/* Gives an instance its address, inside a transaction: the one it asks for, the one it has, or one
 * that is free; none where its network has no range of roost's. ERR_INVALID, ERR_CONFLICT. */
int network_reserve(struct core *c, const struct instance *i, const char *was_network,
                    struct err *e);
int network_unreserve(struct core *c, const struct guest *g, struct err *e);
/* All reservations of a network, now: before its dnsmasq starts. */
int hostfiles_write(struct core *c, const char *network, struct err *e);
void hostfiles_committed(struct core *c);
void hostfiles_free(struct core *c);

/* --- core_lease.c --- */
/* roost's own DHCP server gave an address: an event, and where the guest is found. */
void network_lease(struct core *c, const struct net_lease *m);

#endif
