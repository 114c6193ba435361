#include "model/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "model/words.h"

static json_t *text(const char *s)
{
    json_t *j = json_loads(s, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(j);
    return j;
}

static void refused(const char *s, const char *message)
{
    struct network n = { .kind = NETWORK_BRIDGED };
    struct err e = { 0 };
    json_t *j = text(s);
    assert_int_equal(network_from_json("lab", j, &n, &e), -1);
    assert_string_equal(e.text, message);
    assert_int_equal(n.kind, NETWORK_BRIDGED);
    json_decref(j);
}

static void test_canonical(void **state)
{
    (void)state;
    static const char *const same[] = {
        "{\"kind\": \"user\", \"policy\": \"token\"}",
        "{\"kind\": \"user\", \"policy\": \"tag\"}",
        "{\"kind\": \"user\", \"policy\": \"token\", \"trigger\": \"manual\"}",
        "{\"advertise\": \"http://172.16.5.1:10200\", \"allow\": [\"dmz\", \"ops\"], "
        "\"autostart\": true, \"cidr\": \"172.16.5.0/24\", "
        "\"dhcp\": \"172.16.5.20-172.16.5.40\", \"domain\": \"lab.internal\", "
        "\"forwards\": [\"0.0.0.0:8080 web1:80\", \"10.0.0.1:443 web2:443\", "
        "\"0.0.0.0:53 dns1:53/udp\"], \"gateway\": \"172.16.5.254\", "
        "\"host-address\": \"172.16.5.254\", \"kind\": \"shared\", \"mtu\": 9000, "
        "\"nameservers\": [\"1.1.1.1\", \"9.9.9.9\"], \"policy\": \"address\"}",
        "{\"autostart\": false, \"cidr\": \"10.0.0.0/8\", \"dhcp\": false, "
        "\"host-address\": \"10.0.0.1\", \"kind\": \"host-only\", \"policy\": \"tag\"}",
        "{\"autostart\": false, \"dhcp\": false, \"kind\": \"bridged\", \"parent\": \"br0\", "
        "\"policy\": \"token\"}",
        "{\"autostart\": false, \"cidr\": \"172.16.3.0/24\", \"dhcp\": true, "
        "\"gateway\": \"172.16.3.1\", \"host-address\": \"172.16.3.10/24\", "
        "\"kind\": \"bridged\", \"nameservers\": [\"172.16.3.1\"], \"parent\": \"eth0\", "
        "\"policy\": \"token\", \"vlan\": 7}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
        struct network n;
        struct err e = { 0 };
        json_t *j = text(same[i]);
        assert_int_equal(network_from_json("lab", j, &n, &e), 0);
        assert_string_equal(n.name.s, "lab");
        json_t *out = network_to_json(&n);
        auto_free char *got = json_dumps(out, 0);
        assert_string_equal(got, same[i]);
        json_decref(out);
        json_decref(j);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    struct network n;
    json_t *j = text("{\"kind\": \"user\"}");
    assert_int_equal(network_from_json("lab", j, &n, NULL), 0);
    assert_int_equal(n.policy, POLICY_TOKEN);
    assert_int_equal(n.cidr.ip.family, 0);
    json_decref(j);
}

/* What was not said, in the canonical form. */
static void test_computed(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "{\"kind\": \"shared\", \"cidr\": \"172.16.5.0/24\"}",
          "{\"autostart\": false, \"cidr\": \"172.16.5.0/24\", "
          "\"dhcp\": \"172.16.5.10-172.16.5.254\", \"gateway\": \"172.16.5.1\", "
          "\"host-address\": \"172.16.5.1\", \"kind\": \"shared\", \"policy\": \"token\"}" },
        /* words behind those that they need, or before them */
        { "{\"dhcp\": true, \"host-address\": \"172.16.4.254/24\", \"cidr\": \"172.16.4.0/24\", "
          "\"kind\": \"host-only\"}",
          "{\"autostart\": false, \"cidr\": \"172.16.4.0/24\", "
          "\"dhcp\": \"172.16.4.10-172.16.4.253\", \"host-address\": \"172.16.4.254\", "
          "\"kind\": \"host-only\", \"policy\": \"token\"}" },
        { "{\"kind\": \"host-only\", \"host-address\": \"10.7.0.0/16\", \"dhcp\": false}", NULL },
        { "{\"kind\": \"host-only\", \"host-address\": \"10.7.0.9/16\", \"dhcp\": false}",
          "{\"autostart\": false, \"cidr\": \"10.7.0.0/16\", \"dhcp\": false, "
          "\"host-address\": \"10.7.0.9\", \"kind\": \"host-only\", \"policy\": \"token\"}" },
        { "{\"kind\": \"bridged\", \"parent\": \"eth0\", \"cidr\": \"172.16.3.0/24\", "
          "\"host-address\": \"172.16.3.10\"}",
          "{\"autostart\": false, \"cidr\": \"172.16.3.0/24\", \"dhcp\": false, "
          "\"host-address\": \"172.16.3.10/24\", \"kind\": \"bridged\", \"parent\": \"eth0\", "
          "\"policy\": \"token\"}" },
        { "{\"kind\": \"shared\", \"cidr\": \"10.1.1.0/24\", \"dhcp\": false, "
          "\"forwards\": [\":81 b:1\", \":53 c:1/udp\", \"10.9.9.9:80 a:1/tcp\"], "
          "\"allow\": [\"z\", \"a\"]}",
          "{\"allow\": [\"a\", \"z\"], \"autostart\": false, \"cidr\": \"10.1.1.0/24\", "
          "\"dhcp\": false, \"forwards\": [\"0.0.0.0:81 b:1\", \"10.9.9.9:80 a:1\", "
          "\"0.0.0.0:53 c:1/udp\"], \"gateway\": \"10.1.1.1\", \"host-address\": \"10.1.1.1\", "
          "\"kind\": \"shared\", \"policy\": \"token\"}" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct network n;
        struct err e = { 0 };
        json_t *j = text(cases[i][0]);
        int bad = network_from_json("lab", j, &n, &e);
        json_decref(j);
        assert_int_equal(bad, cases[i][1] ? 0 : -1);
        if (bad)
            continue;
        j = network_to_json(&n);
        auto_free char *got = json_dumps(j, 0);
        assert_string_equal(got, cases[i][1]);
        json_decref(j);
    }
}

/* As much of .10 to .254 as there is. */
static void test_default_range(void **state)
{
    (void)state;
    static const char *const cases[][4] = {
        { "10.0.0.0/8", NULL, "10.0.0.10", "10.255.255.254" },
        { "172.16.5.0/24", NULL, "172.16.5.10", "172.16.5.254" },
        { "172.16.5.0/26", NULL, "172.16.5.10", "172.16.5.62" },
        { "172.16.5.32/27", NULL, "172.16.5.40", "172.16.5.62" },
        { "172.16.5.16/28", NULL, "172.16.5.20", "172.16.5.30" },
        { "172.16.5.8/29", NULL, "172.16.5.10", "172.16.5.14" },
        { "172.16.5.8/29", "172.16.5.14", "172.16.5.10", "172.16.5.13" },
        { "172.16.5.0/24", "172.16.5.10", "172.16.5.11", "172.16.5.254" },
        { "172.16.5.0/24", "172.16.5.131", "172.16.5.132", "172.16.5.254" },
        { "172.16.5.0/24", "172.16.5.133", "172.16.5.10", "172.16.5.132" },
        { "172.16.5.0/24", "172.16.5.254", "172.16.5.10", "172.16.5.253" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct network n;
        char first[IP_TEXT], last[IP_TEXT];
        json_t *j = json_pack("{s:s,s:s,s:s*}", "kind", "host-only", "cidr", cases[i][0],
                              "host-address", cases[i][1]);
        assert_int_equal(network_from_json("lab", j, &n, NULL), 0);
        assert_true(n.dhcp);
        assert_string_equal(ip_format(&n.dhcp_first, first), cases[i][2]);
        assert_string_equal(ip_format(&n.dhcp_last, last), cases[i][3]);
        json_decref(j);
    }
}

#define WORDS_TEXT                                                                                 \
    "network words are: advertise, allow, autostart, cidr, dhcp, domain, forwards, gateway, "      \
    "host-address, kind, mtu, nameservers, parent, policy, trigger, vlan"

static void test_refused(void **state)
{
    (void)state;
    refused("{}", "/networks/lab: has no kind: say kind: user, host-only, shared or bridged");
    refused("{\"kind\": \"bridge\"}",
            "/networks/lab/kind: \"bridge\" is not user, host-only, shared "
            "or bridged, did you mean \"bridged\"");
    refused("{\"kind\": true}",
            "/networks/lab/kind: expected user, host-only, shared or bridged, got true");
    refused(
        "{\"kind\": \"user\", \"policy\": \"address\"}",
        "/networks/lab/policy: on a user network every guest has the same address: say token or "
        "tag");
    refused("{\"kind\": \"shared\", \"colour\": 9000}",
            "/networks/lab/colour: unknown word \"colour\"; " WORDS_TEXT);
    refused("{\"knid\": \"shared\"}",
            "/networks/lab/knid: unknown word \"knid\", did you mean \"kind\"");
    refused("{\"domain\": null}", "/networks/lab/domain: expected a string, got nothing");
    refused("{\"a/b~c\": 1}", "/networks/lab/a~1b~0c: unknown word \"a/b~c\"; " WORDS_TEXT);
}

/* A word that its kind does not have. */
static void test_foreign_words(void **state)
{
    (void)state;
    refused(
        "{\"kind\": \"user\", \"mtu\": 1400}",
        "/networks/lab/mtu: is for networks of kind host-only or shared or bridged; this one is "
        "user");
    refused("{\"kind\": \"user\", \"autostart\": false}",
            "/networks/lab/autostart: is for networks of kind host-only or shared or bridged; this "
            "one is user");
    refused("{\"kind\": \"shared\", \"cidr\": \"10.1.1.0/24\", \"parent\": \"eth0\"}",
            "/networks/lab/parent: is for networks of kind bridged; this one is shared");
    refused("{\"kind\": \"host-only\", \"cidr\": \"10.1.1.0/24\", \"gateway\": \"10.1.1.1\"}",
            "/networks/lab/gateway: is for networks of kind shared or bridged; this one is "
            "host-only");
    refused("{\"kind\": \"bridged\", \"parent\": \"eth0\", \"forwards\": []}",
            "/networks/lab/forwards: is for networks of kind shared; this one is bridged");
    refused("{\"kind\": \"host-only\", \"cidr\": \"10.1.1.0/24\", \"allow\": [\"x\"]}",
            "/networks/lab/allow: is for networks of kind shared; this one is host-only");
}

#define SHARED(words)  "{\"kind\": \"shared\", \"cidr\": \"10.1.1.0/24\", " words "}"
#define BRIDGED(words) "{\"kind\": \"bridged\", \"parent\": \"eth0\", " words "}"

static void test_refused_addresses(void **state)
{
    (void)state;
    refused("{\"kind\": \"shared\"}",
            "/networks/lab: has no cidr: say cidr: 172.16.5.0/24, or another range that is free "
            "here");
    refused("{\"kind\": \"shared\", \"cidr\": \"fd00::/64\"}",
            "/networks/lab/cidr: fd00::/64: only IPv4 so far, such as 172.16.5.0/24");
    refused("{\"kind\": \"shared\", \"cidr\": \"10.1.1.0/30\"}",
            "/networks/lab/cidr: 10.1.1.0/30: expected a prefix length of 8 to 29");
    refused("{\"kind\": \"shared\", \"cidr\": \"127.1.1.0/24\"}",
            "/networks/lab/cidr: 127.1.1.0/24 is no range of machines: take a private one, such as "
            "172.16.5.0/24");
    refused(SHARED("\"host-address\": \"10.1.2.1\""),
            "/networks/lab/host-address: host-address 10.1.2.1 is outside of 10.1.1.0/24: expected "
            "one of 10.1.1.1 to 10.1.1.254");
    refused(SHARED("\"host-address\": \"10.1.1.255\""),
            "/networks/lab/host-address: host-address 10.1.1.255 is the network's or broadcast "
            "address of 10.1.1.0/24: expected one of 10.1.1.1 to 10.1.1.254");
    refused(SHARED("\"host-address\": \"10.1.1.1/16\""),
            "/networks/lab/host-address: its prefix length is 16, but cidr is 10.1.1.0/24");
    refused(SHARED("\"host-address\": \"10.1.1.1/x\""),
            "/networks/lab/host-address: \"10.1.1.1/x\": expected an address with a prefix length, "
            "such as 172.16.3.10/24");
    refused(SHARED("\"gateway\": \"10.1.1.2\""),
            "/networks/lab/gateway: on a shared network the host is the gateway: say gateway: "
            "10.1.1.1 or nothing");
    refused(SHARED("\"nameservers\": [\"1.1.1.1\", \"1.1.1.1\"]"),
            "/networks/lab/nameservers: nameserver 1.1.1.1 is there twice");
    refused(SHARED("\"nameservers\": [\"::1\"]"),
            "/networks/lab/nameservers: nameserver ::1: only IPv4 so far, such as 172.16.5.1");
    refused(BRIDGED("\"gateway\": \"10.1.1.2\""),
            "/networks/lab/gateway: gateway of an unknown range: say cidr: or host-address: too");
    refused(BRIDGED("\"host-address\": \"10.1.1.2\""),
            "/networks/lab/host-address: host-address without a cidr: write it as ADDRESS/PREFIX");
    refused(BRIDGED("\"dhcp\": true"), "/networks/lab/dhcp: who answers DHCP needs an address "
                                       "there: say host-address: ADDRESS/PREFIX");
    refused(BRIDGED("\"cidr\": \"10.1.1.0/31\""),
            "/networks/lab/cidr: 10.1.1.0/31: expected a prefix length of 8 to 30");
    refused(BRIDGED("\"host-address\": \"10.1.1.0/31\""),
            "/networks/lab: 10.1.1.0/31: expected a prefix length of 8 to 30");
    refused("{\"kind\": \"bridged\"}", "/networks/lab: has no parent: say parent: eth0, an "
                                       "interface or a bridge of the host");
    refused("{\"kind\": \"bridged\", \"parent\": \"lo\"}",
            "/networks/lab/parent: lo cannot be a port of a bridge: name another interface");
}

static void test_refused_ranges(void **state)
{
    (void)state;
    refused(SHARED("\"dhcp\": \"10.1.1.10\""),
            "/networks/lab/dhcp: \"10.1.1.10\": expected FIRST-LAST, such as "
            "172.16.5.10-172.16.5.254, true or false");
    refused(SHARED("\"dhcp\": \"10.1.1.10-10.1.2.20\""),
            "/networks/lab/dhcp: range to 10.1.2.20 is outside of 10.1.1.0/24: expected one of "
            "10.1.1.1 to 10.1.1.254");
    refused(SHARED("\"dhcp\": \"10.1.1.20-10.1.1.10\""),
            "/networks/lab/dhcp: range 10.1.1.20-10.1.1.10 runs backward: write "
            "10.1.1.10-10.1.1.20");
    refused(SHARED("\"dhcp\": \"10.1.1.1-10.1.1.10\""),
            "/networks/lab/dhcp: the host's own address 10.1.1.1 lies inside the range "
            "10.1.1.1-10.1.1.10: begin behind it or end before it");
    refused(BRIDGED("\"host-address\": \"10.1.1.9/24\", \"gateway\": \"10.1.1.20\", "
                    "\"dhcp\": \"10.1.1.20-10.1.1.30\""),
            "/networks/lab/dhcp: the gateway 10.1.1.20 lies inside the range "
            "10.1.1.20-10.1.1.30: begin behind it or end before it");
}

static void test_refused_ports(void **state)
{
    (void)state;
    refused(SHARED("\"forwards\": [\":80 web1:80\", \"10.0.0.1:80 web2:80\"]"),
            "/networks/lab/forwards: \"0.0.0.0:80 web1:80\" and \"10.0.0.1:80 web2:80\" publish "
            "the same port");
    refused(SHARED("\"forwards\": [\"127.0.0.1:80 web1:80\"]"),
            "/networks/lab/forwards: \"127.0.0.1:80 web1:80\": the loopback is not forwarded; say "
            "0.0.0.0, or the host's address from which it shall be reached");
    refused(SHARED("\"forwards\": [\":80 web1:80\", \":81 web1\"]"),
            "/networks/lab/forwards/1: forward to \"web1\": expected ADDRESS:PORT INSTANCE:PORT, "
            "such as \"0.0.0.0:8080 web1:80\" or \":53 dns1:53/udp\"");
    refused(SHARED("\"forwards\": [\"[::1]:80 web1:80\"]"),
            "/networks/lab/forwards: published address ::1: only IPv4 so far, such as 172.16.5.1");
    refused(SHARED("\"allow\": [\"lab\"]"),
            "/networks/lab/allow: a network reaches itself without being told so");
    refused(SHARED("\"allow\": [\"x\", \"x\"]"), "/networks/lab/allow/1: \"x\" is there twice");
    refused(BRIDGED("\"vlan\": 4095"), "/networks/lab/vlan: 4095 is not from 1 to 4094");
    refused(SHARED("\"mtu\": 500"), "/networks/lab/mtu: 500 is not from 576 to 65521");
}

/* As a value, from somebody who did not read it from JSON. */
static void test_check(void **state)
{
    (void)state;
    struct network good, n;
    const char *word;
    json_t *j = text(SHARED("\"forwards\": [\":80 web1:80\", \":81 web1:81\"], "
                            "\"allow\": [\"a\", \"b\"]"));
    assert_int_equal(network_from_json("lab", j, &good, NULL), 0);
    json_decref(j);
    assert_int_equal(network_check(&good, &word, NULL), 0);
#define WRONG(w, ...)                                                                              \
    do {                                                                                           \
        n = good;                                                                                  \
        __VA_ARGS__;                                                                               \
        assert_int_equal(network_check(&n, &word, NULL), -1);                                      \
        assert_string_equal(word, w);                                                              \
    } while (0)
    WRONG("kind", n.kind = NETWORK_KINDS);
    WRONG("kind", n.policy = SEED_POLICIES);
    WRONG("kind", n.kind = NETWORK_USER);
    WRONG("kind", n.kind = NETWORK_HOST_ONLY);
    WRONG("kind", strcpy(n.parent, "eth0"));
    WRONG("kind", n.vlan = 3);
    WRONG("host-address", n.host.family = 0);
    WRONG("gateway", n.gateway.b[3]++);
    WRONG("dhcp", n.dhcp = false);
    WRONG("dhcp", n.dhcp_last.family = 0);
    WRONG("nameservers", n.n_nameservers = 1);
    WRONG("nameservers", n.n_nameservers = NETWORK_NAMESERVERS_MAX + 1);
    WRONG("nameservers", n.n_nameservers = -1);
    WRONG("mtu", n.mtu = 1);
    WRONG("allow", n.n_allow = NETWORK_ALLOW_MAX + 1);
    WRONG("allow", n.allow[0] = n.allow[1]);
    WRONG("allow", strcpy(n.allow[0].s, "B"));
    WRONG("forwards", n.n_forwards = NETWORK_FORWARDS_MAX + 1);
    WRONG("forwards", n.forwards[0] = n.forwards[1]);
    WRONG("forwards", n.forwards[0].at.port = 82);
    WRONG("forwards", strcpy(n.forwards[0].instance.s, "a/b"));
    WRONG("forwards", n.forwards[0].port = 0);
    n = (struct network){ .kind = NETWORK_BRIDGED, .parent = "eth0", .vlan = 4095 };
    assert_int_equal(network_check(&n, &word, NULL), -1);
    assert_string_equal(word, "vlan");
    n.vlan = 0;
    assert_int_equal(network_check(&n, &word, NULL), 0);
    n.parent[0] = '/';
    assert_int_equal(network_check(&n, &word, NULL), -1);
    assert_string_equal(word, "parent");
}

static void address(const struct network *n, const char *ip, const char *message)
{
    struct err e = { 0 };
    struct ip a;
    assert_int_equal(ip_parse(ip, &a, NULL), 0);
    assert_int_equal(network_address_check(n, &a, &e), message ? -1 : 0);
    if (message)
        assert_string_equal(e.text, message);
}

static void test_address(void **state)
{
    (void)state;
    struct network n;
    json_t *j = text(SHARED("\"dhcp\": false"));
    assert_int_equal(network_from_json("lab", j, &n, NULL), 0);
    json_decref(j);
    address(&n, "10.1.1.2", NULL);
    address(&n, "10.1.1.254", NULL);
    address(&n, "10.1.1.1", "address 10.1.1.1 on network lab is that of the host: take another");
    address(&n, "10.1.1.0",
            "network lab: address 10.1.1.0 is the network's or broadcast address of 10.1.1.0/24: "
            "expected one of 10.1.1.1 to 10.1.1.254");
    address(&n, "10.1.2.2",
            "network lab: address 10.1.2.2 is outside of 10.1.1.0/24: expected one "
            "of 10.1.1.1 to 10.1.1.254");
    address(&n, "fd00::1", "address fd00::1: only IPv4 so far, such as 172.16.5.1");
    address(&n, "224.0.0.1", "address 224.0.0.1 is no address that a machine can have");
    n.kind = NETWORK_BRIDGED;
    n.gateway.b[3] = 3;
    address(&n, "10.1.1.3", "address 10.1.1.3 on network lab is that of the gateway: take another");
    n.cidr.ip.family = 0;
    address(&n, "10.1.1.9",
            "address 10.1.1.9 on network lab, whose range is unknown: give the "
            "network a cidr");
    n.kind = NETWORK_USER;
    address(&n, "10.1.1.9", NULL);
}

/* Messages of the parsers below carry the place too. */
static void test_wrapped(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        { "{\"kind\": \"shared\", \"cidr\": \"172.16.5.1/24\"}", "/networks/lab/cidr: " },
        { "{\"kind\": \"shared\", \"domain\": \"a..b\"}", "/networks/lab/domain: " },
        { "{\"kind\": \"shared\", \"advertise\": \"https://x\"}", "/networks/lab/advertise: " },
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct network n;
        struct err e = { 0 };
        json_t *j = text(bad[i][0]);
        assert_int_equal(network_from_json("lab", j, &n, &e), -1);
        assert_int_equal(strncmp(e.text, bad[i][1], strlen(bad[i][1])), 0);
        json_decref(j);
    }
}

static void test_names(void **state)
{
    (void)state;
    for (int k = 0; k < NETWORK_KINDS; k++)
        assert_int_equal(network_kind_from_name(network_kind_name((enum network_kind)k)), k);
    for (int p = 0; p < SEED_POLICIES; p++)
        assert_int_equal(seed_policy_from_name(seed_policy_name((enum seed_policy)p)), p);
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const names[] = { "memory", "mac", "uuid", "user-data" };
    static const char *const cases[][2] = {
        { "memroy", "memory" },
        { "memor", "memory" },
        { "mem", NULL },
        { "userdata", "user-data" },
        { "uiud", "uuid" },
        { "mca", "mac" },
        { "m", NULL },
        { "", NULL },
        { "ma", "mac" },
        { "user_data", "user-data" },
        { "a-word-of-more-than-thirty-two-bytes", NULL },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *got = nearest_name(cases[i][0], names, ARRAY_SIZE(names));
        if (cases[i][1])
            assert_string_equal(got, cases[i][1]);
        else
            assert_null(got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical),      cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_computed),       cmocka_unit_test(test_default_range),
        cmocka_unit_test(test_foreign_words),  cmocka_unit_test(test_refused_addresses),
        cmocka_unit_test(test_refused_ranges), cmocka_unit_test(test_refused_ports),
        cmocka_unit_test(test_check),          cmocka_unit_test(test_address),
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_wrapped),
        cmocka_unit_test(test_names),          cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
