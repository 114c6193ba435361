/* The neighbour table (rtnetlink(7), RTM_GETNEIGH): which MAC has an address? */
#include <errno.h>
#include <linux/neighbour.h>
#include <net/if.h>
#include <string.h>

#include "netcfg/link_msg.h"

struct found {
    struct mac mac;
    bool is;
};

/* NUD_FAILED and NUD_INCOMPLETE have none. */
static int each(const void *fixed, struct nlattr *const *attrs, void *arg, struct err *e)
{
    const struct nlattr *mac = attrs[NDA_LLADDR];
    struct found *f = arg;

    (void)fixed;
    (void)e;
    if (mac && nla_len(mac) == sizeof(f->mac.b)) {
        memcpy(f->mac.b, nla_data(mac), sizeof(f->mac.b));
        f->is = true;
    }
    return 0;
}

int link_neighbour(struct netlink *n, const char *device, const struct ip *ip, struct mac *ret,
                   struct err *e)
{
    struct found f = { .is = false };
    const struct ndmsg ndm = { .ndm_family = (uint8_t)ip_af(ip),
                               .ndm_ifindex = (int)if_nametoindex(device) };
    const struct dump d = { .type = RTM_GETNEIGH,
                            .answer = RTM_NEWNEIGH,
                            .size = sizeof(struct ndmsg),
                            .max_attr = NDA_MAX,
                            .each = each,
                            .arg = &f };

    if (ndm.ndm_ifindex == 0)
        return 0;
    struct nl_msg *msg = netlink_request(RTM_GETNEIGH, 0, &ndm, sizeof(ndm));
    if (msg)
        put_ip(msg, NDA_DST, ip);
    if (netlink_query(n, msg, &d, ENOENT, e) < 0)
        return -1;
    if (f.is)
        *ret = f.mac;
    return f.is;
}
