/* vendor-data: roost's part of what a guest does at boot, beside whatever the operator's user-data
 * says (cloud-init documentation: "Vendor data", "Merging user data sections"). */
#ifndef SEEDS_VENDOR_H
#define SEEDS_VENDOR_H

#include "seeds/nocloud.h"

/* The whole multi-part document. The operator's own vendor-data is its first part or parts, and what
 * roost adds to lists and mappings (users, reporting) then is a part of its own. */
int vendor_render(const struct seed_input *in, struct buf *out, struct err *e);

/* Its parts: the cloud-config, and the script that phones home on every boot. */
int vendor_config(const struct seed_input *in, struct buf *out, struct err *e);
int homescript_render(const struct seed_input *in, struct buf *out, struct err *e);

/* "web1.lab.internal", "web1" without a domain: the instance's, else its network's. `out` has room
 * for NAME_MAX_LEN + 1 + DOMAIN_MAX_LEN + 1 bytes. */
#define FQDN_SIZE (NAME_MAX_LEN + 1 + DOMAIN_MAX_LEN + 1)
void seed_fqdn(const struct seed_input *in, char out[FQDN_SIZE]);

#endif
