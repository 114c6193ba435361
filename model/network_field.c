#include "model/network_field.h"

#include <stdlib.h>
#include <string.h>

#include "model/groupdef.h"
#include "model/seedurl.h"

#define READER(name)                                                                               \
    static int read_##name(void *obj, const json_t *v, const struct spot *at, struct err *e)
#define EMITTER(name) static json_t *emit_##name(const void *obj)

/* --- of every kind --- */

READER(kind)
{
    struct network *n = obj;
    int kind;
    if (value_kind(v, NETWORK_KINDS, network_kind_name, at, &kind, e) < 0)
        return -1;
    n->kind = (enum network_kind)kind;
    return 0;
}

EMITTER(kind)
{
    const struct network *n = obj;
    return json_string(network_kind_name(n->kind));
}

READER(policy)
{
    struct network *n = obj;
    int policy;
    if (value_kind(v, SEED_POLICIES, seed_policy_name, at, &policy, e) < 0)
        return -1;
    n->policy = (enum seed_policy)policy;
    return 0;
}

EMITTER(policy)
{
    const struct network *n = obj;
    return json_string(seed_policy_name(n->policy));
}

READER(cidr)
{
    struct network *n = obj;
    const char *s;
    if (value_text(v, CIDR_TEXT, at, &s, e) < 0)
        return -1;
    return cidr_parse(s, &n->cidr, e) < 0 ? spot_wrap(at, e) : 0;
}

EMITTER(cidr)
{
    const struct network *n = obj;
    char text[CIDR_TEXT];
    return n->cidr.ip.family ? json_string(cidr_format(&n->cidr, text)) : NULL;
}

READER(domain)
{
    struct network *n = obj;
    const char *s;
    if (value_text(v, DOMAIN_MAX_LEN, at, &s, e) < 0)
        return -1;
    return domain_parse(s, n->domain, e) < 0 ? spot_wrap(at, e) : 0;
}

EMITTER(domain)
{
    const struct network *n = obj;
    return *n->domain ? json_string(n->domain) : NULL;
}

READER(advertise)
{
    struct network *n = obj;
    const char *s;
    _Static_assert(sizeof(n->advertise) == BASE_URL_MAX + 1, "one size of base URLs");
    if (value_text(v, BASE_URL_MAX, at, &s, e) < 0)
        return -1;
    return base_url_parse(s, n->advertise, e) < 0 ? spot_wrap(at, e) : 0;
}

EMITTER(advertise)
{
    const struct network *n = obj;
    return *n->advertise ? json_string(n->advertise) : NULL;
}

READER(trigger)
{
    struct network *n = obj;
    n->trigger_set = true;
    return value_trigger(v, at, &n->trigger, e);
}

EMITTER(trigger)
{
    const struct network *n = obj;
    return n->trigger_set ? json_string(trigger_name(n->trigger)) : NULL;
}

/* --- addresses --- */

static int read_ip(const json_t *v, const struct spot *at, struct ip *ret, struct err *e)
{
    const char *s;
    if (value_text(v, IP_TEXT, at, &s, e) < 0)
        return -1;
    return ip_parse(s, ret, e) < 0 ? spot_wrap(at, e) : 0;
}

static json_t *emit_ip(const struct ip *a)
{
    char text[IP_TEXT];
    return a->family ? json_string(ip_format(a, text)) : NULL;
}

/* "172.16.3.10/24", or the address alone where cidr says the rest. */
READER(host_address)
{
    struct network_reading *r = obj;
    const char *s;
    char text[CIDR_TEXT], *slash;
    struct cidr whole;
    if (value_text(v, CIDR_TEXT - 1, at, &s, e) < 0)
        return -1;
    strcpy(text, s);
    slash = strchr(text, '/');
    if (slash) {
        /* The prefix's own parser, asked about an address without host bits. */
        char zero[24];
        snprintf(zero, sizeof(zero), "0.0.0.0/%.8s", slash + 1);
        if (cidr_parse(zero, &whole, e) < 0)
            return spot_bad(at, e,
                            "\"%s\": expected an address with a prefix length, such as "
                            "172.16.3.10/24",
                            s);
        r->host_prefix = whole.prefix;
        r->host_prefix_said = true;
        *slash = '\0';
    }
    return ip_parse(text, &r->n.host, e) < 0 ? spot_wrap(at, e) : 0;
}

EMITTER(host_address)
{
    const struct network *n = obj;
    char ip[IP_TEXT], text[CIDR_TEXT];
    if (n->kind != NETWORK_BRIDGED || !n->host.family)
        return emit_ip(&n->host);
    snprintf(text, sizeof(text), "%s/%u", ip_format(&n->host, ip), n->cidr.prefix);
    return json_string(text);
}

READER(gateway)
{
    return read_ip(v, at, &((struct network *)obj)->gateway, e);
}

EMITTER(gateway)
{
    return emit_ip(&((const struct network *)obj)->gateway);
}

/* "FIRST-LAST". */
static int read_range(const char *s, struct network *n, const struct spot *at, struct err *e)
{
    char first[2 * IP_TEXT], *dash;
    if (strlen(s) >= sizeof(first) || !strchr(s, '-'))
        return spot_bad(at, e,
                        "\"%.64s\": expected FIRST-LAST, such as 172.16.5.10-172.16.5.254, true or "
                        "false",
                        s);
    strcpy(first, s);
    dash = strchr(first, '-');
    *dash = '\0';
    if (ip_parse(first, &n->dhcp_first, e) < 0 || ip_parse(dash + 1, &n->dhcp_last, e) < 0)
        return spot_wrap(at, e);
    return 0;
}

READER(dhcp)
{
    struct network_reading *r = obj;
    const char *s;
    r->dhcp_said = true;
    r->n.dhcp = !json_is_false(v);
    if (json_is_boolean(v))
        return 0;
    if (value_text(v, 256, at, &s, e) < 0)
        return -1;
    return read_range(s, &r->n, at, e);
}

EMITTER(dhcp)
{
    const struct network *n = obj;
    char first[IP_TEXT], last[IP_TEXT];
    if (n->kind == NETWORK_USER)
        return NULL;
    if (!n->dhcp_first.family)
        return json_boolean(n->dhcp);
    return json_sprintf("%s-%s", ip_format(&n->dhcp_first, first), ip_format(&n->dhcp_last, last));
}

READER(nameservers)
{
    struct network *n = obj;
    if (value_list(v, NETWORK_NAMESERVERS_MAX, at, e) < 0)
        return -1;
    n->n_nameservers = (int)json_array_size(v);
    for (int i = 0; i < n->n_nameservers; i++) {
        const struct spot item = spot_item(at, (size_t)i);
        if (read_ip(json_array_get(v, (size_t)i), &item, &n->nameservers[i], e) < 0)
            return -1;
    }
    return 0;
}

EMITTER(nameservers)
{
    const struct network *n = obj;
    json_t *out = n->n_nameservers ? json_array() : NULL;
    for (int i = 0; out && i < n->n_nameservers; i++)
        json_array_append_new(out, emit_ip(&n->nameservers[i]));
    return out;
}

/* --- on the host --- */

READER(parent)
{
    struct network *n = obj;
    const char *s;
    if (value_text(v, 256, at, &s, e) < 0)
        return -1;
    return ifname_parse(s, n->parent, e) < 0 ? spot_wrap(at, e) : 0;
}

EMITTER(parent)
{
    const struct network *n = obj;
    return *n->parent ? json_string(n->parent) : NULL;
}

READER(vlan)
{
    int64_t id;
    if (value_int(v, 1, 4094, at, &id, e) < 0)
        return -1;
    ((struct network *)obj)->vlan = (uint16_t)id;
    return 0;
}

READER(mtu)
{
    int64_t bytes;
    if (value_int(v, NETWORK_MTU_MIN, NETWORK_MTU_MAX, at, &bytes, e) < 0)
        return -1;
    ((struct network *)obj)->mtu = (uint16_t)bytes;
    return 0;
}

static json_t *emit_set(unsigned value)
{
    return value ? json_integer(value) : NULL;
}

EMITTER(vlan)
{
    return emit_set(((const struct network *)obj)->vlan);
}

EMITTER(mtu)
{
    return emit_set(((const struct network *)obj)->mtu);
}

READER(autostart)
{
    return value_bool(v, at, &((struct network *)obj)->autostart, e);
}

EMITTER(autostart)
{
    const struct network *n = obj;
    return n->kind == NETWORK_USER ? NULL : json_boolean(n->autostart);
}

/* --- between networks --- */

static int parse_network_name(const char *s, struct name *ret, struct err *e)
{
    return name_parse(s, "network name", ret, e);
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->s, ((const struct name *)b)->s);
}

READER(allow)
{
    struct network *n = obj;
    if (value_names(v, parse_network_name, NETWORK_ALLOW_MAX, at, n->allow, &n->n_allow, e) < 0)
        return -1;
    qsort(n->allow, (size_t)n->n_allow, sizeof(n->allow[0]), compare_names);
    return 0;
}

EMITTER(allow)
{
    const struct network *n = obj;
    return names_emit(n->allow, n->n_allow);
}

static int compare_forwards(const void *a, const void *b)
{
    return forward_compare(a, b);
}

READER(forwards)
{
    struct network *n = obj;
    if (value_list(v, NETWORK_FORWARDS_MAX, at, e) < 0)
        return -1;
    n->n_forwards = (int)json_array_size(v);
    for (int i = 0; i < n->n_forwards; i++) {
        const struct spot item = spot_item(at, (size_t)i);
        const char *s;
        if (value_text(json_array_get(v, (size_t)i), 256, &item, &s, e) < 0)
            return -1;
        if (forward_parse(s, &n->forwards[i], e) < 0)
            return spot_wrap(&item, e);
    }
    qsort(n->forwards, (size_t)n->n_forwards, sizeof(n->forwards[0]), compare_forwards);
    return 0;
}

EMITTER(forwards)
{
    const struct network *n = obj;
    char text[FORWARD_TEXT];
    json_t *out = n->n_forwards ? json_array() : NULL;
    for (int i = 0; out && i < n->n_forwards; i++)
        json_array_append_new(out, json_string(forward_format(&n->forwards[i], text)));
    return out;
}

#define K(kind) (1u << NETWORK_##kind)
#define OF_ALL  (K(USER) | OF_HOST)
#define OF_HOST (K(HOST_ONLY) | K(SHARED) | K(BRIDGED))
#define ROW(text, name, kinds)                                                                     \
    {                                                                                              \
        { text, read_##name, emit_##name }, kinds                                                  \
    }
static const struct network_word network_rows[] = {
    ROW("advertise", advertise, OF_ALL),
    ROW("allow", allow, K(SHARED)),
    ROW("autostart", autostart, OF_HOST),
    ROW("cidr", cidr, OF_ALL),
    ROW("dhcp", dhcp, OF_HOST),
    ROW("domain", domain, OF_ALL),
    ROW("forwards", forwards, K(SHARED)),
    ROW("gateway", gateway, K(SHARED) | K(BRIDGED)),
    ROW("host-address", host_address, OF_HOST),
    ROW("kind", kind, OF_ALL),
    ROW("mtu", mtu, OF_HOST),
    ROW("nameservers", nameservers, OF_HOST),
    ROW("parent", parent, K(BRIDGED)),
    ROW("policy", policy, OF_ALL),
    ROW("trigger", trigger, OF_ALL),
    ROW("vlan", vlan, K(BRIDGED)),
};
const struct words network_words = WORDS("network", network_rows);

const struct network_word *network_word(size_t i)
{
    return &network_rows[i];
}
