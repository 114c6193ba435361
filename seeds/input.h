/* What the documents of one guest's seed are made of. */
#ifndef SEEDS_INPUT_H
#define SEEDS_INPUT_H

#include "model/identity.h"
#include "model/instance.h"
#include "model/network.h"
#include "model/seedurl.h"
#include "seeds/userdata.h"

enum seal { SEAL_NO, SEAL_YES, SEAL_ALL };

/* One of an instance's further cards. */
struct seed_nic {
    struct mac mac;
    const struct network *network;
    struct ip reserved; /* as below */
};

struct seed_input {
    const struct instance *instance;
    const struct network *network;
    /* roost's own choice for it, on record, never what a foreign DHCP server gave it; family 0:
     * what its spec asks for, if anything */
    struct ip reserved;
    struct seed_nic nics[NICS_OTHER];
    int n_nics;
    const struct identity *const *identities;
    int n_identities;
    struct userdata_facts facts; /* of instance->spec.user_data and vendor_data, joined */
    const char *base_url;        /* as the guest reaches roost; NULL: not at all, nothing is posted */
    bool volume;                 /* the documents are for a volume */
    /* TOKEN_SEED, with `volume`: user-data and vendor-data are only pointed to there; "" they are
     * on it. */
    struct token seed;
    struct token post;           /* TOKEN_POST */
    unsigned phone_home_tries;   /* 1 to 1000000; requests are 3 s apart */
    bool reporting;
    /* in force now: SEAL_YES drops password hashes, SEAL_ALL empties user-data and leaves the
     * operator's vendor-data out too */
    enum seal seal;
};

/* "web1.lab.internal", "web1" without a domain: the instance's, else its network's. `out` has room
 * for NAME_MAX_LEN + 1 + DOMAIN_MAX_LEN + 1 bytes. */
#define FQDN_SIZE (NAME_MAX_LEN + 1 + DOMAIN_MAX_LEN + 1)
void seed_fqdn(const struct seed_input *in, char out[FQDN_SIZE]);

#endif
