/* The networks that are there at the first start with the rights for them: defined, not up. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "netcfg/link.h"
#include "server/core_network.h"

#define META_DEFINED "networks-defined"

/* By the words of a fleet file, so that everything that hangs on them is computed as there. */
static int define(struct core *c, const char *name, json_t *words, struct err *e)
{
    struct network n;
    int r =
        words ? network_from_json(name, words, &n, e) : err_set(e, ERR_INTERNAL, "out of memory");

    json_decref(words);
    if (r < 0 || core_network(c, name))
        return r;
    return core_network_put(c, &n, e);
}

static json_t *words_of(const char *kind, const struct cidr *range, const char *parent)
{
    char cidr[CIDR_TEXT];

    return parent ? json_pack("{s:s, s:s}", "kind", kind, "parent", parent)
                  : json_pack("{s:s, s:s}", "kind", kind, "cidr", cidr_format(range, cidr));
}

bool network_is_default(const struct core *c, const struct network *n)
{
    char yes[8] = "";

    store_meta_get(c->store, META_DEFINED, yes, sizeof yes, NULL);
    if (!yes[0] || n->kind == NETWORK_USER || strcmp(n->name.s, network_kind_name(n->kind)) != 0)
        return false;
    json_t *words = words_of(n->name.s, &n->cidr, n->kind == NETWORK_BRIDGED ? n->parent : NULL);
    struct network made;
    bool same = words && network_from_json(n->name.s, words, &made, NULL) == 0;
    json_t *was = same ? network_to_json(&made) : NULL, *is = same ? network_to_json(n) : NULL;

    same = same && json_equal(was, is);
    json_decref(words);
    json_decref(was);
    json_decref(is);
    return same;
}

static int define_range(struct core *c, const struct facts *f, const char *kind,
                        const struct cidr *wanted, struct err *e)
{
    struct cidr free_one = *wanted;
    char taken[96], text[CIDR_TEXT];

    if (facts_taken(f, wanted, NULL, taken, sizeof taken)) {
        if (facts_next_free(f, wanted, &free_one, e) < 0)
            return -1;
        log_info("network %s: %s is taken, so it gets %s", kind, taken,
                 cidr_format(&free_one, text));
    }
    return define(c, kind, words_of(kind, &free_one, NULL), e);
}

static int define_all(struct core *c, const struct facts *f, struct err *e)
{
    const char *uplink = facts_default_device(f);

    if (define_range(c, f, "host-only", &c->config.host_only, e) < 0 ||
        define_range(c, f, "shared", &c->config.shared, e) < 0)
        return -1;
    return uplink ? define(c, "bridged", words_of("bridged", NULL, uplink), e) : 0;
}

int networks_define(struct core *c, struct err *e)
{
    struct facts f = { 0 };
    char was[8] = "";

    store_meta_get(c->store, META_DEFINED, was, sizeof was, NULL);
    if (was[0] || !c->config.network_defaults || c->config.mode != MODE_SYSTEM)
        return 0;
    struct netlink *n = netlink_open(e);
    int r =
        n && link_facts(n, &f, e) == 0 && core_write(c, true, e) == 0 && define_all(c, &f, e) == 0
            ? store_meta_set(c->store, META_DEFINED, "yes", e)
            : -1;
    netlink_close(n);
    facts_done(&f);
    return r < 0 ? err_wrap(e, "networks of the first start ([network] defaults)") : 0;
}
