/* Addresses as numbers: order, distance, prefixes as ranges. */
#include <string.h>

#include "model/addr.h"

static int ip_bytes(const struct ip *a)
{
    return a->family == 4 ? 4 : a->family == 6 ? 16 : 0;
}

int ip_compare(const struct ip *a, const struct ip *b)
{
    if (a->family != b->family)
        return a->family < b->family ? -1 : 1;
    return memcmp(a->b, b->b, (size_t)ip_bytes(a));
}

bool ip_add(const struct ip *a, uint64_t n, struct ip *ret)
{
    struct ip sum = *a;

    for (int i = ip_bytes(a) - 1; i >= 0; i--) {
        uint64_t digit = sum.b[i] + (n & 0xff);
        sum.b[i] = (uint8_t)digit;
        n = (n >> 8) + (digit >> 8);
    }
    if (n || !a->family)
        return false;
    *ret = sum;
    return true;
}

uint64_t ip_count(const struct ip *first, const struct ip *last)
{
    uint64_t d = 0;

    if (!first->family || first->family != last->family || ip_compare(first, last) > 0)
        return 0;
    /* From the highest byte on: as last >= first, the difference of what was read is never below
     * zero, whatever single bytes are. */
    for (int i = 0; i < ip_bytes(first); i++) {
        if (d >> 48)
            return UINT64_MAX;
        d = (d << 8) + last->b[i] - first->b[i];
    }
    return d + 1;
}

void cidr_last(const struct cidr *c, struct ip *ret)
{
    struct ip last = c->ip;

    for (int i = 0; i < ip_bytes(&last); i++) {
        int host = 8 * (i + 1) - c->prefix; /* bits of this byte behind the prefix */
        if (host > 0)
            last.b[i] |= (uint8_t)(host >= 8 ? 0xff : (1 << host) - 1);
    }
    *ret = last;
}

bool cidr_overlaps(const struct cidr *a, const struct cidr *b)
{
    return a->ip.family && a->ip.family == b->ip.family &&
           cidr_contains(a->prefix <= b->prefix ? a : b, a->prefix <= b->prefix ? &b->ip : &a->ip);
}

/* RFC 6890: what a machine may have on a network. */
bool ip_is_usable(const struct ip *a)
{
    static const struct ip none6 = { .family = 6 };

    if (a->family == 4)
        return a->b[0] != 0 && a->b[0] != 127 && a->b[0] < 224;
    return a->family == 6 && a->b[0] != 0xff && !ip_is_loopback(a) && !ip_equal(a, &none6);
}
