/* Capabilities (capabilities(7)): what roostd keeps of root's, or of those that systemd gave it as
 * ambient ones, and what it hands to which program. The one corner that knows libcap-ng. */
#ifndef SERVER_POWERS_H
#define SERVER_POWERS_H

#include <linux/capability.h>
#include <stdint.h>

#include "base/err.h"

#define POWER(cap) (UINT64_C(1) << (cap))
/* For spawn_opts.caps. As no new privileges are gained (child_confine()), root's programs get these
 * at most too. */
#define POWERS_NONE     UINT64_C(0)
#define POWERS_CORE     POWER(CAP_DAC_READ_SEARCH) /* images and playbooks lie in homes */
#define POWERS_QEMU     (POWER(CAP_SETUID) | POWER(CAP_SETGID)) /* until -runas */
#define POWERS_IPTABLES (POWER(CAP_NET_ADMIN) | POWER(CAP_NET_RAW))
#define POWERS_DNSMASQ                                                                             \
    (POWER(CAP_NET_ADMIN) | POWER(CAP_NET_RAW) | POWER(CAP_NET_BIND_SERVICE) | POWERS_QEMU)

/* Gives up all but the named ones, also as what programs of root's could get. Those that are not
 * there are not missed: who needs one says so when it comes to that. */
int powers_limit(struct err *e);

#endif
