/* Network cards of a launch beside the first one, as the verb carries them. */
#ifndef MODEL_LAUNCH_NIC_H
#define MODEL_LAUNCH_NIC_H

#include "base/msg.h"
#include "model/network.h"

#define NICS_MAX   8              /* of an instance */
#define NICS_OTHER (NICS_MAX - 1) /* beside the first */

/* What decides QEMU's arguments for one. */
struct launch_nic {
    struct name network;
    enum network_kind kind;
    struct mac mac;
    bool tap;     /* exactly the kinds other than user have one */
    uint16_t mtu; /* 0: not said; with a tap only */
};
void launch_nics_encode(const struct launch_nic *nics, int n, struct buf *out);
/* Fails the cursor when there are more than may be; the values are checked by launch_nics_check. */
int launch_nics_decode(struct msg_cur *c, struct launch_nic ret[NICS_OTHER]);
int launch_nics_check(const struct launch_nic *nics, int n, struct err *e);

#endif
