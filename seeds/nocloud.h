/* The four NoCloud documents (cloud-init documentation: "NoCloud" datasource, "Vendor data",
 * "Networking config version 2", "Phone home", "Reporting"). Pure: the same input gives the same
 * bytes.
 *
 * meta-data:      instance-id, local-hostname, and the host variables under `roost:` for jinja's
 *                 ds.meta_data. On a volume also `dsmode: net`: the network configuration is
 *                 applied before the network comes up, user-data (with its #include) and reports
 *                 come after that.
 * user-data:      the operator's bytes, untouched ("#cloud-config\n{}\n" when there are none).
 * vendor-data:    roost's part, a MIME multi-part: cloud-config with users, phone_home, reporting,
 *                 manual_cache_clean and both merge_how and merge_type; a script that makes the
 * same POST on every boot until it is answered; where the operator has or may have a phone_home of
 *                 his own, there is that script alone. So a first boot without one is posted twice
 * (the script's User-Agent is "roost-home"). `users` is left out without identities. The operator's
 *                 own vendor-data goes before, as further parts.
 * network-config: version 2, for each of its cards the interface with that MAC: DHCP (by MAC, not by DUID,
 * where it is not QEMU's own); where roost answers no DHCP and the range is known, the instance's
 * address with the network's gateway, nameservers and search domain. Empty for an external guest
 * whose MAC nobody told. cloud-init before 24.3, and that of Ubuntu LTS, reads it from a volume
 * only, not over HTTP. */
#ifndef SEEDS_NOCLOUD_H
#define SEEDS_NOCLOUD_H

#include "base/buf.h"
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

int nocloud_meta_data(const struct seed_input *in, struct buf *out, struct err *e);
int nocloud_user_data(const struct seed_input *in, struct buf *out, struct err *e);
int nocloud_vendor_data(const struct seed_input *in, struct buf *out, struct err *e);
int nocloud_network_config(const struct seed_input *in, struct buf *out, struct err *e);
/* The same as a table for whoever wants all of them. */
int nocloud_render(enum seed_doc doc, const struct seed_input *in, struct buf *out, struct err *e);

#endif
