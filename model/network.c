#include "model/network.h"

#include <string.h>

#include "model/seedurl.h"
#include "model/words.h"

static int read_kind(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct network *n = obj;
    int kind;
    if (value_kind(v, NETWORK_KINDS, network_kind_name, at, &kind, e) < 0)
        return -1;
    n->kind = (enum network_kind)kind;
    return 0;
}

static int read_policy(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct network *n = obj;
    int policy;
    if (value_kind(v, SEED_POLICIES, seed_policy_name, at, &policy, e) < 0)
        return -1;
    n->policy = (enum seed_policy)policy;
    return 0;
}

static int read_cidr(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct network *n = obj;
    const char *s;
    if (value_text(v, CIDR_TEXT, at, &s, e) < 0)
        return -1;
    return cidr_parse(s, &n->cidr, e) < 0 ? spot_wrap(at, e) : 0;
}

static int read_domain(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct network *n = obj;
    const char *s;
    if (value_text(v, DOMAIN_MAX_LEN, at, &s, e) < 0)
        return -1;
    return domain_parse(s, n->domain, e) < 0 ? spot_wrap(at, e) : 0;
}

static int read_advertise(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct network *n = obj;
    const char *s;
    _Static_assert(sizeof(n->advertise) == BASE_URL_MAX + 1, "one size of base URLs");
    if (value_text(v, BASE_URL_MAX, at, &s, e) < 0)
        return -1;
    return base_url_parse(s, n->advertise, e) < 0 ? spot_wrap(at, e) : 0;
}

static json_t *emit_kind(const void *obj)
{
    const struct network *n = obj;
    return json_string(network_kind_name(n->kind));
}

static json_t *emit_policy(const void *obj)
{
    const struct network *n = obj;
    return json_string(seed_policy_name(n->policy));
}

static json_t *emit_cidr(const void *obj)
{
    const struct network *n = obj;
    char text[CIDR_TEXT];
    return n->cidr.ip.family ? json_string(cidr_format(&n->cidr, text)) : NULL;
}

static json_t *emit_domain(const void *obj)
{
    const struct network *n = obj;
    return *n->domain ? json_string(n->domain) : NULL;
}

static json_t *emit_advertise(const void *obj)
{
    const struct network *n = obj;
    return *n->advertise ? json_string(n->advertise) : NULL;
}

static const struct word network_rows[] = {
    { "advertise", read_advertise, emit_advertise }, { "cidr", read_cidr, emit_cidr },
    { "domain", read_domain, emit_domain },          { "kind", read_kind, emit_kind },
    { "policy", read_policy, emit_policy },
};
static const struct words network_words = WORDS("network", network_rows);

int network_read(const char *name, const json_t *j, const struct spot *at, struct network *ret,
                 struct err *e)
{
    struct network n = { .policy = POLICY_TOKEN };
    if (name_parse(name, "network name", &n.name, e) < 0)
        return spot_wrap(at, e);
    if (words_read(&network_words, &n, j, at, e) < 0)
        return -1;
    if (!json_object_get(j, "kind"))
        return spot_bad(at, e, "has no kind: say kind: user, host-only, shared or bridged");
    if (n.kind == NETWORK_USER && n.policy == POLICY_ADDRESS) {
        const struct spot policy = spot_key(at, "policy");
        return spot_bad(&policy, e,
                        "on a user network every guest has the same address: say token or tag");
    }
    *ret = n;
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
