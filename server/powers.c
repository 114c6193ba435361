#include "server/powers.h"

#include <cap-ng.h>
#include <errno.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"

static const struct {
    unsigned cap;
    const char *why;
} named[] = {
    { CAP_NET_ADMIN, "bridges, taps, addresses, iptables, sysctls of networks" },
    { CAP_NET_RAW, "the DISCOVER before dnsmasq starts, and dnsmasq's own ping" },
    { CAP_NET_BIND_SERVICE, "ports 53, 67, 68, and a seed port below 1024" },
    { CAP_SETUID, "dnsmasq and QEMU become users of their own" },
    { CAP_SETGID, "the same" },
    { CAP_KILL, "and are ended as such" },
    { CAP_DAC_READ_SEARCH, "roost-core's: images and playbooks lie in homes" },
};

/* Bit by bit of `named`. */
static unsigned present(void)
{
    unsigned have = 0;

    for (size_t i = 0; i < ARRAY_SIZE(named); i++)
        have |= (unsigned)capng_have_capability(CAPNG_PERMITTED, named[i].cap) << i;
    return have;
}

static void choose(unsigned have)
{
    capng_type_t in = CAPNG_EFFECTIVE | CAPNG_PERMITTED | CAPNG_BOUNDING_SET;

    /* Ambient ones have to be inheritable as well. */
    if (geteuid() != 0)
        in |= CAPNG_INHERITABLE;
    capng_clear(CAPNG_SELECT_BOTH);
    for (size_t i = 0; i < ARRAY_SIZE(named); i++)
        if (have >> i & 1)
            capng_update(CAPNG_ADD, in, named[i].cap);
}

static void say(unsigned have)
{
    for (size_t i = 0; i < ARRAY_SIZE(named); i++)
        if (have >> i & 1)
            log_debug("powers", "kept: %s (%s)", capng_capability_to_name(named[i].cap),
                      named[i].why);
}

int powers_limit(struct err *e)
{
    if (capng_get_caps_process() < 0)
        return err_set(e, ERR_INTERNAL, "capabilities of this process cannot be read");
    /* An ordinary user has none, and may not touch the bounding set. */
    bool bounds = capng_have_capability(CAPNG_EFFECTIVE, CAP_SETPCAP) != 0;
    unsigned have = present();

    choose(have);
    if (capng_apply(bounds ? CAPNG_SELECT_BOTH : CAPNG_SELECT_CAPS) < 0)
        return err_set(e, ERR_INTERNAL, "capabilities cannot be given up");
    say(have);
    return 0;
}
