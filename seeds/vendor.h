/* vendor-data: roost's part of what a guest does at boot, beside whatever the operator's user-data
 * says (cloud-init documentation: "Vendor data", "Merging user data sections"). */
#ifndef SEEDS_VENDOR_H
#define SEEDS_VENDOR_H

#include "base/buf.h"
#include "seeds/input.h"

/* The whole multi-part document. The operator's own vendor-data is its first part or parts, and what
 * roost adds to lists and mappings (users, reporting) then is a part of its own. */
int vendor_render(const struct seed_input *in, struct buf *out, struct err *e);

/* Its cloud-config. */
int vendor_config(const struct seed_input *in, struct buf *out, struct err *e);

#endif
