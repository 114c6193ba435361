/* Taps (Documentation/networking/tuntap.rst in the kernel's source). */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>

#include "base/cleanup.h"
#include "netcfg/link_msg.h"

/* A new one: IFF_TUN_EXCL refuses any device of that name, also a persistent tap that nobody has
 * open. */
static int make_tap(const char *name, struct err *e)
{
    auto_close int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    struct ifreq r = { .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR | IFF_TUN_EXCL) };

    if (fd < 0 && (errno == ENOENT || errno == ENODEV || errno == ENXIO))
        return err_set(e, ERR_NOT_FOUND,
                       "tap %s: there is no /dev/net/tun here (modprobe tun makes it)", name);
    if (fd < 0)
        return err_sys(e, "tap %s: /dev/net/tun", name);
    memcpy(r.ifr_name, name, IFNAME_SIZE);
    _Static_assert(sizeof(r.ifr_name) == IFNAME_SIZE, "names are the kernel's");
    if (ioctl(fd, TUNSETIFF, &r) < 0)
        return errno == EBUSY ? err_set(e, ERR_BUSY, "tap %s: there is a device of that name", name)
                              : err_sys(e, "tap %s", name);
    return steal_fd(&fd);
}

/* Everything in one message: MAC and MTU are in force before it joins (rtnetlink's do_setlink()),
 * so that the bridge's own never follow it. */
static int set_up(struct netlink *n, int index, const struct mac *mac, int bridge,
                  const char *alias, unsigned mtu, const char *name, struct err *e)
{
    const struct ifinfomsg ifi = { .ifi_index = index, .ifi_flags = IFF_UP, .ifi_change = IFF_UP };
    struct nl_msg *msg = netlink_request(RTM_SETLINK, 0, &ifi, sizeof(ifi));
    char what[IFNAME_SIZE + 32];

    if (!msg)
        return err_set(e, ERR_INTERNAL, "out of memory");
    nla_put(msg, IFLA_ADDRESS, sizeof(mac->b), mac->b);
    nla_put_u32(msg, IFLA_MTU, mtu);
    nla_put(msg, IFLA_IFALIAS, (int)strlen(alias), alias);
    nla_put_u32(msg, IFLA_MASTER, (uint32_t)bridge);
    snprintf(what, sizeof(what), "setting up tap %s", name);
    return netlink_expect(n, msg, 0, 0, what, e);
}

int tap_open(struct netlink *n, const char *name, const struct mac *mac, const char *bridge,
             const char *alias, unsigned mtu, struct err *e)
{
    struct fact_link b, tap;
    char checked[IFNAME_SIZE];

    if (ifname_parse(name, checked, e) < 0)
        return -1;
    int rc = netlink_link(n, bridge, &b, e);
    if (rc < 0)
        return -1;
    if (rc == 0 || strcmp(b.kind, "bridge") != 0)
        return err_set(e, ERR_NOT_FOUND, "tap %s: there is no bridge %s: bring its network up",
                       name, bridge);
    auto_close int fd = make_tap(checked, e);
    if (fd < 0)
        return -1;
    rc = netlink_link(n, checked, &tap, e);
    if (rc == 0)
        return err_set(e, ERR_INTERNAL, "tap %s was made in another network namespace", name);
    if (rc < 0 || set_up(n, tap.index, mac, b.index, alias, mtu ? mtu : b.mtu, name, e) < 0)
        return -1;
    return steal_fd(&fd);
}
