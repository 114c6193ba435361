/* A network that guests live on. */
#ifndef MODEL_NETWORK_H
#define MODEL_NETWORK_H

#include <jansson.h>
#include <stdbool.h>

#include "model/addr.h"
#include "model/name.h"

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

struct network {
    struct name name;
    enum network_kind kind;
    enum seed_policy policy;
    struct cidr cidr;                /* family 0: default of the kind (user: 10.0.2.0/24) */
    char domain[DOMAIN_MAX_LEN + 1]; /* "" none */
    char advertise[256];             /* base URL told to guests; "" computed */
};

/* Fleet form: {kind, cidr, domain, policy, advertise}; kind is mandatory, policy `token` unless
 * said, and `address` refused on a user network, where all peers look alike. Messages begin with
 * "/networks/NAME/…". */
int network_from_json(const char *name, const json_t *j, struct network *ret, struct err *e);
/* Canonical, without the name; network_from_json() reads it back. New reference. */
json_t *network_to_json(const struct network *n);

/* network_from_json() for a caller who knows where j stands (model/spot.h). */
struct spot;
int network_read(const char *name, const json_t *j, const struct spot *at, struct network *ret,
                 struct err *e);

#endif
