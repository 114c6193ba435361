#include "netcfg/facts.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void facts_done(struct facts *f)
{
    free(f->links);
    free(f->addresses);
    free(f->routes);
    *f = (struct facts){ .links = NULL };
}

const struct fact_link *facts_link(const struct facts *f, const char *name)
{
    for (size_t i = 0; i < f->n_links; i++) {
        if (strcmp(f->links[i].name, name) == 0)
            return &f->links[i];
    }
    return NULL;
}

const char *facts_default_device(const struct facts *f)
{
    const struct fact_route *best = NULL;

    for (size_t i = 0; i < f->n_routes; i++) {
        const struct fact_route *r = &f->routes[i];
        if (r->to.prefix == 0 && r->to.ip.family == 4 && r->device[0] &&
            (!best || r->metric < best->metric))
            best = r;
    }
    return best ? best->device : NULL;
}

/* A route to everything, or to one half of everything (as VPNs write it to come before the default
 * route), takes nobody's range. */
static bool is_default(const struct cidr *c)
{
    return c->prefix <= 1;
}

/* The prefix that an address of a device makes reachable there. */
static struct cidr address_net(const struct fact_address *a)
{
    struct cidr c = { .ip = a->ip, .prefix = a->prefix };

    for (unsigned i = 0; i < sizeof(c.ip.b); i++) {
        unsigned keep = a->prefix >= 8 * (i + 1) ? 8 : a->prefix > 8 * i ? a->prefix - 8 * i : 0;
        c.ip.b[i] &= (uint8_t)(0xff << (8 - keep));
    }
    return c;
}

static bool say_taken(const struct cidr *c, const char *device, char *ret, size_t size)
{
    char text[CIDR_TEXT];

    if (ret)
        snprintf(ret, size, "%s on %s", cidr_format(c, text), device);
    return true;
}

static bool is_device(const char *device, const char *other)
{
    return other && strcmp(device, other) == 0;
}

bool facts_taken_beside(const struct facts *f, const struct cidr *c, const char *except,
                        const char *except2, char *ret, size_t size)
{
    for (size_t i = 0; i < f->n_addresses; i++) {
        const struct fact_address *a = &f->addresses[i];
        struct cidr net = address_net(a);
        if (!is_device(a->device, except) && !is_device(a->device, except2) &&
            cidr_overlaps(&net, c))
            return say_taken(&net, a->device, ret, size);
    }
    for (size_t i = 0; i < f->n_routes; i++) {
        const struct fact_route *r = &f->routes[i];
        if (!is_device(r->device, except) && !is_device(r->device, except2) &&
            !is_default(&r->to) && cidr_overlaps(&r->to, c))
            return say_taken(&r->to, r->device, ret, size);
    }
    return false;
}

bool facts_taken(const struct facts *f, const struct cidr *c, const char *except, char *ret,
                 size_t size)
{
    return facts_taken_beside(f, c, except, NULL, ret, size);
}

/* --- the next free range --------------------------------------------------------------------- */

/* The first free range of this length in `within`, from `from` on and around; false: none. */
static bool find_free(const struct facts *f, const struct cidr *within, const struct ip *from,
                      unsigned prefix, struct cidr *ret)
{
    struct cidr c = { .ip = *from, .prefix = (uint8_t)prefix };
    uint64_t step = 1ull << (32 - prefix);

    if (prefix < within->prefix)
        return false;
    for (uint64_t n = 1ull << (prefix - within->prefix); n > 0; n--) {
        if (!facts_taken(f, &c, NULL, NULL, 0)) {
            *ret = c;
            return true;
        }
        if (!ip_add(&c.ip, step, &c.ip) || !cidr_contains(within, &c.ip))
            c.ip = within->ip;
    }
    return false;
}

int facts_next_free(const struct facts *f, const struct cidr *wanted, struct cidr *ret,
                    struct err *e)
{
    /* RFC 1918; 192.168/16 is what most offices and homes use, and stays theirs. */
    static const struct cidr pools[] = {
        { .ip = { .family = 4, .b = { 172, 16 } }, .prefix = 12 },
        { .ip = { .family = 4, .b = { 10 } }, .prefix = 8 },
    };
    char text[CIDR_TEXT];

    if (!facts_taken(f, wanted, NULL, NULL, 0)) {
        *ret = *wanted;
        return 0;
    }
    if (wanted->ip.family != 4 || wanted->prefix > 30)
        return err_set(e, ERR_INVALID, "network %s: only IPv4 ranges up to /30 can be moved",
                       cidr_format(wanted, text));
    for (size_t i = 0; i < sizeof(pools) / sizeof(pools[0]); i++) {
        const struct ip *from = cidr_contains(&pools[i], &wanted->ip) ? &wanted->ip : &pools[i].ip;
        if (find_free(f, &pools[i], from, wanted->prefix, ret))
            return 0;
    }
    return err_set(e, ERR_CONFLICT,
                   "network %s is taken, and so is every /%u of 172.16.0.0/12 and 10.0.0.0/8: "
                   "give one that is free",
                   cidr_format(wanted, text), wanted->prefix);
}
