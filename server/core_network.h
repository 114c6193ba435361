/* Networks of roost's own: what is wanted of them, the ledger of what was changed on the host for
 * them, and the way from the one to the other, one recorded step at a time (server/nets.h carries
 * the steps out). Up, repair and down are one thing: the ledger is brought to the plan, which is
 * empty for a network that is to be down. */
#ifndef SERVER_CORE_NETWORK_H
#define SERVER_CORE_NETWORK_H

#include "model/verb_network.h"
#include "netcfg/dnsmasq.h"
#include "server/core_priv.h"

/* At the first start with the rights for it (core_network_default.c). */
int networks_define(struct core *c, struct err *e);
/* One of those, as it was made: it claims nothing, so that a person's networks need not keep clear of it. */
bool network_is_default(const struct core *c, const struct network *n);
void netruns_free(struct core *c);
/* At the start: networks that are to be up, those with `autostart` after a boot of the host, and
 * those that were left half done. */
void netruns_begin(struct core *c, bool new_boot);

bool network_is_up(const struct core *c, const char *name);
/* "" nothing to say; why it is not up, or a warning. */
const char *network_note(const struct core *c, const char *name);
const char *network_standing(const struct core *c, const struct network *n); /* up down changing failed */
const char *network_device(const struct core *c, const char *name); /* where taps go; "" not known */
/* err_wrap() by "network NAME", unless the message begins so. */
void network_wrap(const char *name, struct err *e);
bool network_is_busy(const struct core *c, const char *name); /* being brought up or down */
/* One that is idle and removed. */
void network_forget(struct core *c, const char *name);
/* What roostd needs to know to plan it. */
int network_values(struct core *c, const struct network *n, struct net_up *ret, struct err *e);
/* Of a listener's number; NULL: none, or the user networks'. */
const struct network *network_of_listener(const struct core *c, uint16_t listener);
/* Definition or forwards' addresses changed: an up one is brought to its new plan. */
void network_changed(struct core *c, const char *name);
/* So are those that publish ports of this instance: it came, went, or has another address. */
void network_forwards_follow(struct core *c, const struct name *instance);

/* What roostd tells. */
void network_step(struct core *c, uint32_t id, const struct net_step *m);
void network_planned(struct core *c, uint32_t id, const struct net_state *m);
void network_done(struct core *c, uint32_t id, const struct error_msg *m);
void network_state(struct core *c, const struct net_state *m);

/* --- core_nic.c: cards of instances beside their first one --- */
/* In the transaction of the definition: what i->spec.nics says goes on record. */
int core_nics_put(struct core *c, const struct instance *i, struct err *e);
int core_nics_drop(struct core *c, int64_t instance, struct err *e); /* it is removed */
int core_nics_renamed(struct core *c, const struct guest *g, struct err *e);
int core_nics_launch(struct core *c, const struct guest *g, struct launch *l, struct err *e);
/* Do all of its networks stand? Else one that does not. */
bool core_nics_ready(struct core *c, const struct guest *g, struct name *ret_missing);
bool core_nics_on(struct core *c, const struct guest *g, const char *network); /* by any card */
/* What is reserved for such a card there; untouched where nothing is. */
int core_nics_reserved(struct core *c, const struct guest *g, const char *network, struct ip *ret,
                       struct err *e);
json_t *core_nics_json(struct store *s, const struct guest *g); /* [{network, mac, address}] */
/* 1: the lease was one of such a card, 0 no, -1. */
int core_nic_lease(struct core *c, const struct net_lease *m, struct err *e);
/* --- core_reservation.c, for those: an address there (family 0: DHCP gives any), and that something
 * changed; mac and was: what it had is released --- */
int network_choose(struct core *c, const struct network *n, const struct name *who,
                   const struct ip *asked, struct ip *ret, struct err *e);
int network_nic_changed(struct core *c, const char *network, const struct mac *mac,
                        const struct ip *was, struct err *e);

/* --- core_network_address.c --- */
/* The host's address there, where guests find roost: as defined, else as it was when the network
 * was up last. False: none is known. */
bool network_address(const struct core *c, const struct network *n, struct ip *ret);
void network_address_told(struct core *c, const char *name, const struct ip *now);
int network_address_forget(struct core *c, const char *name, struct err *e); /* it is removed */

/* --- core_network_plan.c: plans that are only looked at --- */
/* What `up` would do now; nothing is changed, and a network that is up not disturbed. `fn` once:
 * the steps and what roostd says beside them (bridge, problem is a warning), or err. */
typedef void plan_ask_fn(const struct net_step *steps, int n, const struct net_state *state,
                         const struct err *err, void *arg);
int network_ask_plan(struct core *c, const char *name, plan_ask_fn *fn, void *arg, struct err *e);
/* True: it was an answer to one of those. */
bool plan_ask_step(struct core *c, uint32_t id, const struct net_step *m);
bool plan_ask_end(struct core *c, uint32_t id, const struct net_state *m, const struct err *err);
void plan_asks_free(struct core *c);

/* --- core_network_check.c: the doctor --- */
void network_finding(struct core *c, uint32_t id, const struct net_finding *m);
bool net_doctor_end(struct core *c, uint32_t id, const struct err *err); /* true: it was its answer */
void net_doctors_free(struct core *c);

/* --- core_reservation.c --- */
/* Gives an instance its address, inside a transaction: the one it asks for, the one it has, or one
 * that is free; none where its network has no range of roost's. ERR_INVALID, ERR_CONFLICT. */
int network_reserve(struct core *c, const struct instance *i, const char *was_network,
                    struct err *e);
int network_unreserve(struct core *c, const struct guest *g, struct err *e);
/* Its name in DNS is another one. */
int network_reservation_renamed(struct core *c, const struct guest *g, struct err *e);

/* --- core_hosts.c --- */
/* All reservations of a network, *ret to be freed. */
int network_reservations(struct core *c, const char *network, struct reservation **ret,
                         size_t *ret_n, struct err *e);
/* One more in this transaction, of that instance; for its dnsmasq when it is on disk. */
int hostfiles_added(struct core *c, const char *network, int64_t id, struct err *e);
/* Something was moved or removed: collected soon. mac and was: what it had is released; NULL: no
 * lease. */
int hostfiles_changed(struct core *c, const char *network, const struct mac *mac,
                      const struct ip *was, struct err *e);
/* All of them, now: before its dnsmasq starts. */
int hostfiles_write(struct core *c, const char *network, struct err *e);
void hostfiles_committed(struct core *c);
void hostfiles_forget(struct core *c, const char *network); /* it is removed */
void hostfiles_free(struct core *c);

/* --- core_lease.c --- */
/* roost's own DHCP server gave an address: an event, and where the guest is found. */
void network_lease(struct core *c, const struct net_lease *m);

#endif
