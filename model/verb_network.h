/* Verbs about networks, in the manner of model/verb.h: what roost-core asks roostd for (up, down,
 * the ledger's rows) and what roostd tells (steps done, states, leases). Decoders re-check every
 * field: names, addresses inside their range, ports, and the network as a whole by network_check().
 */
#ifndef MODEL_VERB_NETWORK_H
#define MODEL_VERB_NETWORK_H

#include "base/msg.h"
#include "model/lease.h"
#include "model/network.h"

/* Bring a network up, or make it what it is now. User networks are refused. */
struct net_up {
    struct network network;
    uint8_t salt[16];   /* of the bridge's MAC */
    uint16_t seed_port; /* 0: none */
    bool made;          /* the ledger has its bridge */
    /* Addresses of the forwards' instances, by the forward's place; family 0: not known yet. */
    struct ip forward_to[NETWORK_FORWARDS_MAX];
    struct name allow_up[NETWORK_ALLOW_MAX]; /* of network.allow, those that are up; sorted */
    int n_allow_up;
};
void net_up_encode(const struct net_up *v, struct buf *out);
int net_up_decode(struct msg_cur *c, struct net_up *ret, struct err *e);

struct net_ref {
    struct name network;
};
void net_ref_encode(const struct net_ref *v, struct buf *out);
int net_ref_decode(struct msg_cur *c, struct net_ref *ret, struct err *e);

/* A row of the ledger: roostd tells it before it carries the step out, core hands it back when the
 * step is to be undone. Lines are parsed again by whoever carries them out (netcfg/step.h). */
#define NET_STEP_LINE 256
#define NET_STEP_UNDO 16384 /* the addresses and routes of an interface */
struct net_step {
    struct name network;
    uint32_t number; /* order */
    char line[NET_STEP_LINE];
    char undo[NET_STEP_UNDO]; /* "" nothing to remember */
};
void net_step_encode(const struct net_step *v, struct buf *out);
int net_step_decode(struct msg_cur *c, struct net_step *ret, struct err *e);

struct net_state {
    struct name network;
    bool up;
    char bridge[IFNAME_SIZE]; /* "" none */
    struct ip address;        /* the host's on it; family 0 none */
    uint16_t listener;        /* of seeds, roostd's number; 0 none */
    char problem[256];        /* for people; "" none */
};
void net_state_encode(const struct net_state *v, struct buf *out);
int net_state_decode(struct msg_cur *c, struct net_state *ret, struct err *e);

struct net_lease {
    struct name network;
    struct lease lease; /* IPv4 */
};
void net_lease_encode(const struct net_lease *v, struct buf *out);
int net_lease_decode(struct msg_cur *c, struct net_lease *ret, struct err *e);

/* What would keep guests offline: of a network, or of the host alone. Answered by a net_finding for
 * each thing that was looked at. */
struct net_check {
    bool of_network;  /* else `up` does not travel */
    struct net_up up; /* user networks too */
    bool is_up;       /* it, or any network of the host */
};
void net_check_encode(const struct net_check *v, struct buf *out);
int net_check_decode(struct msg_cur *c, struct net_check *ret, struct err *e);

enum net_grade { NET_FINE, NET_WARN, NET_BAD, NET_GRADES };
struct net_finding {
    enum net_grade grade;
    char what[24];              /* "forwarding" */
    char cause[200], mend[320]; /* for people; mend "" of what is fine */
};
void net_finding_encode(const struct net_finding *v, struct buf *out);
int net_finding_decode(struct msg_cur *c, struct net_finding *ret, struct err *e);

#endif
