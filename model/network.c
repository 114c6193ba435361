#include "model/network.h"

#include <stdio.h>
#include <string.h>

#include "model/network_field.h"

/* Words that are known, but not in a network of this kind. */
static int check_words(const struct network *n, const json_t *j, const struct spot *at,
                       struct err *e)
{
    for (size_t i = 0; i < network_words.n; i++) {
        const struct network_word *w = network_word(i);
        const struct spot here = spot_key(at, w->word.name);
        char kinds[64] = "";
        if (w->kinds & (1u << n->kind) || !json_object_get(j, w->word.name))
            continue;
        for (unsigned k = 0, len = 0; k < NETWORK_KINDS; k++)
            if (w->kinds & (1u << k))
                len += (unsigned)snprintf(kinds + len, sizeof(kinds) - len, "%s%s",
                                          len ? " or " : "", network_kind_name(k));
        return spot_bad(&here, e, "is for networks of kind %s; this one is %s", kinds,
                        network_kind_name(n->kind));
    }
    return 0;
}

/* The range of an address with its prefix. */
static int settle_host(struct network_reading *r, const struct spot *at, struct err *e)
{
    const struct spot here = spot_key(at, "host-address");
    struct network *n = &r->n;
    char text[CIDR_TEXT];
    if (!r->host_prefix_said)
        return 0;
    if (n->cidr.ip.family && n->cidr.prefix != r->host_prefix)
        return spot_bad(&here, e, "its prefix length is %u, but cidr is %s", r->host_prefix,
                        cidr_format(&n->cidr, text));
    if (!n->cidr.ip.family)
        cidr_around(&n->host, r->host_prefix, &n->cidr);
    return 0;
}

/* .10 to the last but one of a /24, from a quarter on in a smaller one; of that the larger part
 * that the host's own address leaves. */
static void settle_range(struct network *n)
{
    struct ip last, begin, end;
    cidr_last(&n->cidr, &last);
    const uint64_t size = ip_count(&n->cidr.ip, &last);
    ip_add(&n->cidr.ip, size / 4 < 10 ? size / 4 : 10, &begin);
    ip_add(&n->cidr.ip, size - 2, &end);
    if (ip_compare(&begin, &n->host) <= 0 && ip_compare(&n->host, &end) <= 0) {
        if (ip_count(&begin, &n->host) > ip_count(&n->host, &end))
            ip_add(&n->cidr.ip, ip_count(&n->cidr.ip, &n->host) - 2, &end);
        else
            ip_add(&n->host, 1, &begin);
    }
    n->dhcp_first = begin;
    n->dhcp_last = end;
}

/* What was not said. */
static void settle(struct network_reading *r)
{
    struct network *n = &r->n;
    if (n->kind != NETWORK_SHARED && n->kind != NETWORK_HOST_ONLY)
        return;
    if (n->cidr.ip.family != 4 || n->cidr.prefix < 8 || n->cidr.prefix > 29)
        return; /* network_check() says so */
    if (!n->host.family)
        ip_add(&n->cidr.ip, 1, &n->host);
    if (n->kind == NETWORK_SHARED && !n->gateway.family)
        n->gateway = n->host;
    if (!r->dhcp_said)
        n->dhcp = true;
    if (n->dhcp && !n->dhcp_first.family)
        settle_range(n);
}

int network_read(const char *name, const json_t *j, const struct spot *at, struct network *ret,
                 struct err *e)
{
    struct network_reading r = { .n.policy = POLICY_TOKEN };
    const char *word;
    if (name_parse(name, "network name", &r.n.name, e) < 0)
        return spot_wrap(at, e);
    if (words_read(&network_words, &r, j, at, e) < 0)
        return -1;
    if (!json_object_get(j, "kind"))
        return spot_bad(at, e, "has no kind: say kind: user, host-only, shared or bridged");
    if (check_words(&r.n, j, at, e) < 0 || settle_host(&r, at, e) < 0)
        return -1;
    settle(&r);
    if (network_check(&r.n, &word, e) < 0) {
        const struct spot here = spot_key(at, word);
        return spot_wrap(json_object_get(j, word) ? &here : at, e);
    }
    *ret = r.n;
    return 0;
}

int network_from_json(const char *name, const json_t *j, struct network *ret, struct err *e)
{
    const struct spot root = spot_root(""), networks = spot_key(&root, "networks"),
                      at = spot_key(&networks, name);
    return network_read(name, j, &at, ret, e);
}

json_t *network_to_json(const struct network *n)
{
    return words_emit(&network_words, n);
}
