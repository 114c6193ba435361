/* What may stand in a network. No JSON here: roostd checks by the same rules what it is asked for.
 */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/network.h"

/* IPv4 alone for now; the types know both families. */
static int check_four(const struct ip *a, const char *what, struct err *e)
{
    char text[IP_TEXT];

    if (a->family == 6)
        return err_set(e, ERR_INVALID, "%s %s: only IPv4 so far, such as 172.16.5.1", what,
                       ip_format(a, text));
    if (!ip_is_usable(a))
        return err_set(e, ERR_INVALID, "%s %s is no address that a machine can have", what,
                       ip_format(a, text));
    return 0;
}

/* Inside, and neither the network's own address nor its broadcast address (RFC 1122 3.2.1.3). */
static int check_inside(const struct network *n, const struct ip *a, const char *what,
                        struct err *e)
{
    char text[IP_TEXT], cidr[CIDR_TEXT], from[IP_TEXT], to[IP_TEXT];
    struct ip last, first = n->cidr.ip, end;

    cidr_last(&n->cidr, &last);
    if (cidr_contains(&n->cidr, a) && !ip_equal(a, &first) && !ip_equal(a, &last))
        return 0;
    ip_add(&n->cidr.ip, 1, &first);
    ip_add(&n->cidr.ip, ip_count(&n->cidr.ip, &last) - 2, &end);
    return err_set(
        e, ERR_INVALID, "%s %s %s of %s: expected one of %s to %s", what, ip_format(a, text),
        cidr_contains(&n->cidr, a) ? "is the network's or broadcast address" : "is outside",
        cidr_format(&n->cidr, cidr), ip_format(&first, from), ip_format(&end, to));
}

static int check_policy(const struct network *n, struct err *e)
{
    if (n->kind == NETWORK_USER && n->policy == POLICY_ADDRESS)
        return err_set(e, ERR_INVALID,
                       "on a user network every guest has the same address: say token or tag");
    return 0;
}

static int check_cidr(const struct network *n, struct err *e)
{
    const unsigned max = n->kind == NETWORK_BRIDGED ? 30 : 29;
    char text[CIDR_TEXT];

    if (n->kind == NETWORK_USER || (n->kind == NETWORK_BRIDGED && !n->cidr.ip.family))
        return 0;
    if (!n->cidr.ip.family)
        return err_set(e, ERR_INVALID,
                       "has no cidr: say cidr: 172.16.5.0/24, or another range that is free here");
    cidr_format(&n->cidr, text);
    if (n->cidr.ip.family == 6)
        return err_set(e, ERR_INVALID, "%s: only IPv4 so far, such as 172.16.5.0/24", text);
    if (!ip_is_usable(&n->cidr.ip))
        return err_set(e, ERR_INVALID,
                       "%s is no range of machines: take a private one, such as 172.16.5.0/24",
                       text);
    if (n->cidr.prefix < 8 || n->cidr.prefix > max)
        return err_set(e, ERR_INVALID, "%s: expected a prefix length of 8 to %u", text, max);
    return 0;
}

static int check_host(const struct network *n, struct err *e)
{
    if (!n->host.family)
        return n->kind == NETWORK_BRIDGED || n->kind == NETWORK_USER
                   ? 0
                   : err_set(e, ERR_INVALID, "the host has no address on it");
    if (check_four(&n->host, "host-address", e) < 0)
        return -1;
    if (!n->cidr.ip.family)
        return err_set(e, ERR_INVALID, "host-address without a cidr: write it as ADDRESS/PREFIX");
    return check_inside(n, &n->host, "host-address", e);
}

static int check_gateway(const struct network *n, struct err *e)
{
    char text[IP_TEXT];

    if (n->kind == NETWORK_SHARED && !ip_equal(&n->gateway, &n->host))
        return err_set(e, ERR_INVALID,
                       "on a shared network the host is the gateway: say gateway: %s or nothing",
                       ip_format(&n->host, text));
    if (!n->gateway.family || n->kind == NETWORK_SHARED)
        return 0;
    if (check_four(&n->gateway, "gateway", e) < 0)
        return -1;
    if (!n->cidr.ip.family)
        return err_set(e, ERR_INVALID,
                       "gateway of an unknown range: say cidr: or host-address: too");
    return check_inside(n, &n->gateway, "gateway", e);
}

static bool in_range(const struct network *n, const struct ip *a)
{
    return a->family && ip_compare(&n->dhcp_first, a) <= 0 && ip_compare(a, &n->dhcp_last) <= 0;
}

static int check_range(const struct network *n, struct err *e)
{
    char first[IP_TEXT], last[IP_TEXT], text[IP_TEXT];

    ip_format(&n->dhcp_first, first);
    ip_format(&n->dhcp_last, last);
    if (check_four(&n->dhcp_first, "range from", e) < 0 ||
        check_four(&n->dhcp_last, "range to", e) < 0 ||
        check_inside(n, &n->dhcp_first, "range from", e) < 0 ||
        check_inside(n, &n->dhcp_last, "range to", e) < 0)
        return -1;
    if (ip_compare(&n->dhcp_first, &n->dhcp_last) > 0)
        return err_set(e, ERR_INVALID, "range %s-%s runs backward: write %s-%s", first, last, last,
                       first);
    if (in_range(n, &n->host))
        return err_set(e, ERR_INVALID,
                       "the host's own address %s lies inside the range %s-%s: begin behind it or "
                       "end before it",
                       ip_format(&n->host, text), first, last);
    if (in_range(n, &n->gateway))
        return err_set(e, ERR_INVALID,
                       "the gateway %s lies inside the range %s-%s: begin behind it or end before "
                       "it",
                       ip_format(&n->gateway, text), first, last);
    return 0;
}

static int check_dhcp(const struct network *n, struct err *e)
{
    if (n->dhcp_first.family != n->dhcp_last.family || (!n->dhcp && n->dhcp_first.family))
        return err_set(e, ERR_INVALID, "expected FIRST-LAST, true or false");
    if (n->dhcp && !n->host.family)
        return err_set(e, ERR_INVALID,
                       "who answers DHCP needs an address there: say host-address: ADDRESS/PREFIX");
    return n->dhcp_first.family ? check_range(n, e) : 0;
}

static int check_nameservers(const struct network *n, struct err *e)
{
    char text[IP_TEXT];

    if (n->n_nameservers < 0 || n->n_nameservers > NETWORK_NAMESERVERS_MAX)
        return err_set(e, ERR_INVALID, "at most %d nameservers", NETWORK_NAMESERVERS_MAX);
    for (int i = 0; i < n->n_nameservers; i++) {
        if (!n->nameservers[i].family || check_four(&n->nameservers[i], "nameserver", e) < 0)
            return -1;
        for (int k = 0; k < i; k++)
            if (ip_equal(&n->nameservers[i], &n->nameservers[k]))
                return err_set(e, ERR_INVALID, "nameserver %s is there twice",
                               ip_format(&n->nameservers[i], text));
    }
    return 0;
}

static int check_parent(const struct network *n, struct err *e)
{
    char again[IFNAME_SIZE];

    if (n->kind != NETWORK_BRIDGED)
        return 0;
    if (!*n->parent)
        return err_set(e, ERR_INVALID,
                       "has no parent: say parent: eth0, an interface or a bridge of the host");
    if (!strcmp(n->parent, "lo"))
        return err_set(e, ERR_INVALID, "lo cannot be a port of a bridge: name another interface");
    return ifname_parse(n->parent, again, e);
}

static int check_vlan(const struct network *n, struct err *e)
{
    return n->vlan <= 4094 ? 0 : err_set(e, ERR_INVALID, "VLAN %u: expected 1 to 4094", n->vlan);
}

static int check_mtu(const struct network *n, struct err *e)
{
    if (n->mtu && (n->mtu < NETWORK_MTU_MIN || n->mtu > NETWORK_MTU_MAX))
        return err_set(e, ERR_INVALID, "MTU %u: expected %d to %d", n->mtu, NETWORK_MTU_MIN,
                       NETWORK_MTU_MAX);
    return 0;
}

static int check_allow(const struct network *n, struct err *e)
{
    struct name again;

    if (n->n_allow < 0 || n->n_allow > NETWORK_ALLOW_MAX)
        return err_set(e, ERR_INVALID, "at most %d networks", NETWORK_ALLOW_MAX);
    for (int i = 0; i < n->n_allow; i++) {
        if (name_parse(n->allow[i].s, "network name", &again, e) < 0)
            return -1;
        if (!strcmp(n->allow[i].s, n->name.s))
            return err_set(e, ERR_INVALID, "a network reaches itself without being told so");
        if (i && strcmp(n->allow[i - 1].s, n->allow[i].s) >= 0)
            return err_set(e, ERR_INVALID, "%s is there twice, or out of order", n->allow[i].s);
    }
    return 0;
}

/* Addresses of the loopback are not forwarded: what a guest answers to one is a martian to the
 * kernel (ip-sysctl: route_localnet). */
static int check_forward(const struct forward *f, struct err *e)
{
    static const struct ip any = { .family = 4 };
    char text[FORWARD_TEXT];
    struct forward again;

    if (forward_parse(forward_format(f, text), &again, e) < 0)
        return -1;
    if (f->at.ip.family == 4 && f->at.ip.b[0] == 127)
        return err_set(e, ERR_INVALID,
                       "\"%s\": the loopback is not forwarded; say 0.0.0.0, or the host's address "
                       "from which it shall be reached",
                       text);
    return ip_equal(&f->at.ip, &any) ? 0 : check_four(&f->at.ip, "published address", e);
}

static int check_forwards(const struct network *n, struct err *e)
{
    char a[FORWARD_TEXT], b[FORWARD_TEXT];

    if (n->n_forwards < 0 || n->n_forwards > NETWORK_FORWARDS_MAX)
        return err_set(e, ERR_INVALID, "at most %d published ports", NETWORK_FORWARDS_MAX);
    for (int i = 0; i < n->n_forwards; i++) {
        if (check_forward(&n->forwards[i], e) < 0)
            return -1;
        if (i && forward_compare(&n->forwards[i - 1], &n->forwards[i]) > 0)
            return err_set(e, ERR_INVALID, "published ports are out of order");
        for (int k = 0; k < i; k++)
            if (forward_clashes(&n->forwards[k], &n->forwards[i]))
                return err_set(e, ERR_INVALID, "\"%s\" and \"%s\" publish the same port",
                               forward_format(&n->forwards[k], a),
                               forward_format(&n->forwards[i], b));
    }
    return 0;
}

/* What a kind does not have is not there either. */
static bool has_no_more(const struct network *n)
{
    const bool bridged = n->kind == NETWORK_BRIDGED, shared = n->kind == NETWORK_SHARED;

    if (n->kind == NETWORK_USER &&
        (n->host.family || n->dhcp || n->n_nameservers || n->mtu || n->autostart))
        return false;
    if (!bridged && (*n->parent || n->vlan))
        return false;
    return (shared || (!n->n_allow && !n->n_forwards)) && (bridged || shared || !n->gateway.family);
}

static int check_kind(const struct network *n, struct err *e)
{
    if ((unsigned)n->kind >= NETWORK_KINDS || (unsigned)n->policy >= SEED_POLICIES)
        return err_set(e, ERR_INVALID, "no such kind or policy");
    if (!has_no_more(n))
        return err_set(e, ERR_INVALID, "a %s network does not have all of this",
                       network_kind_name(n->kind));
    return 0;
}

/* In an order in which each may rely on those before it. */
static const struct {
    const char *word;
    int (*check)(const struct network *n, struct err *e);
} rules[] = {
    { "kind", check_kind },
    { "policy", check_policy },
    { "cidr", check_cidr },
    { "host-address", check_host },
    { "gateway", check_gateway },
    { "dhcp", check_dhcp },
    { "nameservers", check_nameservers },
    { "parent", check_parent },
    { "vlan", check_vlan },
    { "mtu", check_mtu },
    { "allow", check_allow },
    { "forwards", check_forwards },
};

int network_check(const struct network *n, const char **ret_word, struct err *e)
{
    for (size_t i = 0; i < ARRAY_SIZE(rules); i++) {
        if (rules[i].check(n, e) < 0) {
            *ret_word = rules[i].word;
            return -1;
        }
    }
    return 0;
}

int network_address_check(const struct network *n, const struct ip *a, struct err *e)
{
    char text[IP_TEXT];

    if (n->kind == NETWORK_USER)
        return 0;
    if (check_four(a, "address", e) < 0)
        return -1;
    if (!n->cidr.ip.family)
        return err_set(e, ERR_INVALID,
                       "address %s on network %s, whose range is unknown: give the network a cidr",
                       ip_format(a, text), n->name.s);
    if (check_inside(n, a, "address", e) < 0)
        return err_wrap(e, "network %s", n->name.s);
    if (ip_equal(a, &n->host) || ip_equal(a, &n->gateway))
        return err_set(e, ERR_INVALID, "address %s on network %s is that of the %s: take another",
                       ip_format(a, text), n->name.s, ip_equal(a, &n->host) ? "host" : "gateway");
    return 0;
}
