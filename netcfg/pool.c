#include "netcfg/pool.h"

#include <string.h>

#include "base/encode.h"

/* Where guests' addresses are taken from: the DHCP range, or all of cidr but its first and last. */
static int pool_range(const struct network *n, struct ip *ret_first, struct ip *ret_last,
                      struct err *e)
{
    struct ip broadcast;

    if (n->kind == NETWORK_USER)
        return err_set(e, ERR_INVALID, "network %s: guests of a user network have QEMU's addresses",
                       n->name.s);
    if (n->dhcp_first.family) {
        *ret_first = n->dhcp_first;
        *ret_last = n->dhcp_last;
        return 0;
    }
    cidr_last(&n->cidr, &broadcast);
    const uint64_t size = ip_count(&n->cidr.ip, &broadcast);
    if (size < 4 || !ip_add(&n->cidr.ip, 1, ret_first) || !ip_add(&n->cidr.ip, size - 2, ret_last))
        return err_set(e, ERR_INVALID,
                       "network %s: no range of addresses is known: say cidr: or dhcp: FIRST-LAST",
                       n->name.s);
    return 0;
}

/* The name's place among `size`: the same on every host and after every restart. */
static uint64_t pool_place(const struct name *instance, uint64_t size)
{
    uint8_t digest[SHA256_SIZE];
    uint64_t n = 0;

    sha256(instance->s, strlen(instance->s), digest);
    for (int i = 0; i < 8; i++)
        n = n << 8 | digest[i];
    return n % size;
}

static int pool_full(const struct network *n, const struct ip *first, const struct ip *last,
                     uint64_t size, struct err *e)
{
    char from[IP_TEXT], to[IP_TEXT];

    return err_set(e, ERR_BUSY,
                   "network %s: all %llu addresses from %s to %s are taken: remove instances, or "
                   "give it a larger %s",
                   n->name.s, (unsigned long long)size, ip_format(first, from), ip_format(last, to),
                   n->dhcp_first.family ? "dhcp range" : "cidr");
}

/* Somebody's: a guest may be told to be the nameserver, but does not become it by chance. */
static bool pool_reserved(const struct network *n, const struct ip *a)
{
    for (int i = 0; i < n->n_nameservers; i++)
        if (ip_equal(a, &n->nameservers[i]))
            return true;
    return ip_equal(a, &n->host) || ip_equal(a, &n->gateway);
}

int pool_pick(const struct network *n, const struct name *instance, pool_taken_fn *taken, void *arg,
              struct ip *ret, struct err *e)
{
    struct ip first, last, at;

    if (pool_range(n, &first, &last, e) < 0)
        return -1;
    const uint64_t size = ip_count(&first, &last), place = size ? pool_place(instance, size) : 0;
    for (uint64_t i = 0; i < size; i++) {
        if (!ip_add(&first, (place + i) % size, &at))
            break; /* not within ip_count() */
        if (pool_reserved(n, &at) || taken(&at, arg))
            continue;
        *ret = at;
        return 0;
    }
    return pool_full(n, &first, &last, size, e);
}

int pool_check(const struct network *n, const struct ip *wanted, struct err *e)
{
    return network_address_check(n, wanted, e);
}
