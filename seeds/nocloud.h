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
#include "seeds/input.h"

int nocloud_meta_data(const struct seed_input *in, struct buf *out, struct err *e);
int nocloud_user_data(const struct seed_input *in, struct buf *out, struct err *e);
int nocloud_vendor_data(const struct seed_input *in, struct buf *out, struct err *e);
int nocloud_network_config(const struct seed_input *in, struct buf *out, struct err *e);
/* The same as a table for whoever wants all of them. */
int nocloud_render(enum seed_doc doc, const struct seed_input *in, struct buf *out, struct err *e);

#endif
