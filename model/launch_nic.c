#include "model/launch_nic.h"

#include "model/verb_field.h"

void launch_nics_encode(const struct launch_nic *nics, int n, struct buf *out)
{
    msg_put_u8(out, (uint8_t)n);
    for (int i = 0; i < n; i++) {
        msg_put_str(out, nics[i].network.s);
        verb_put_enum(out, nics[i].kind);
        verb_put_mac(out, &nics[i].mac);
        msg_put_u8(out, nics[i].tap);
        msg_put_u16(out, nics[i].mtu);
    }
}

int launch_nics_decode(struct msg_cur *c, struct launch_nic ret[NICS_OTHER])
{
    int n = msg_get_u8(c);
    if (n > NICS_OTHER)
        c->failed = true;
    for (int i = 0; i < n && !c->failed; i++) {
        msg_get_str(c, ret[i].network.s, sizeof ret[i].network.s);
        ret[i].kind = (enum network_kind)verb_get_enum(c, NETWORK_KINDS);
        verb_get_mac(c, &ret[i].mac);
        ret[i].tap = msg_get_bool(c);
        ret[i].mtu = msg_get_u16(c);
    }
    return c->failed ? 0 : n;
}

int launch_nics_check(const struct launch_nic *nics, int n, struct err *e)
{
    for (int i = 0; i < n; i++) {
        const struct launch_nic *l = &nics[i];
        if (verb_check_name(&l->network, "network name", e) < 0)
            return -1;
        if (l->tap != (l->kind != NETWORK_USER))
            return verb_wrong("launch", "nic: tap", e);
        if (l->mtu && (!l->tap || l->mtu < NETWORK_MTU_MIN || l->mtu > NETWORK_MTU_MAX))
            return verb_wrong("launch", "nic: mtu", e);
    }
    return 0;
}
