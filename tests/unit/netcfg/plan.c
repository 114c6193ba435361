/* Plans against what was reviewed: tests/golden/netcfg/plan/CASE. REGEN=1 writes them anew. */
#include "netcfg/plan.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"

static const uint8_t salt[16] = "0123456789abcde";

/* A host, in words: "eth0 up 1400", "br0 bridge pinned", "10.0.0.5/24 eth0", "10.9.0.0/16 > eth1".
 */
enum { LINKS = 8, ROWS = 8 };
struct host {
    struct fact_link links[LINKS];
    struct fact_address addresses[ROWS];
    struct fact_route routes[ROWS];
};

struct test_case {
    const char *name;
    struct network network;
    struct host host;
    bool no_seed, no_resolved, made;
};

/* What is not said: MTU 1500, up, a MAC but for lo and tun0. */
#define LINK(n, ...)                                                                               \
    {                                                                                              \
        .name = n, __VA_ARGS__                                                                     \
    }
#define IP(a, b_, c, d)                                                                            \
    {                                                                                              \
        .family = 4, .b = { a, b_, c, d }                                                          \
    }
#define ETH0 LINK("eth0", .index = 2)
#define ETH0_ADDRESS                                                                               \
    {                                                                                              \
        .device = "eth0", .ip = IP(192, 168, 1, 5), .prefix = 24                                   \
    }
#define DEFAULT_ROUTE                                                                              \
    {                                                                                              \
        .device = "eth0", .to = { .ip = IP(0, 0, 0, 0) }, .via = IP(192, 168, 1, 1), .metric = 100 \
    }
#define NAMED_LAB(n, k)                                                                            \
    .name = { n }, .kind = (k), .cidr = { IP(172, 16, 5, 0), 24 }, .host = IP(172, 16, 5, 1),      \
    .domain = "lab.internal", .dhcp = true
#define LAB(k) NAMED_LAB("lab", k)
#define LAN    .name = { "lan" }, .kind = NETWORK_BRIDGED
/* network_bridge_mac() of "lab" and "lan" with this salt, filled in by main(). */
#define OUR_MAC                                                                                    \
    {                                                                                              \
        {                                                                                          \
            0xff                                                                                   \
        }                                                                                          \
    }

static struct test_case cases[] = {
    { .name = "user", .network = { .name = { "user" }, .kind = NETWORK_USER } },
    { .name = "host-only", .network = { LAB(NETWORK_HOST_ONLY) }, .host = { .links = { ETH0 } } },
    { .name = "host-only-allow",
      .network = { LAB(NETWORK_HOST_ONLY), .allow = { { "other" } }, .n_allow = 1 } },
    { .name = "shared",
      .network = { LAB(NETWORK_SHARED) },
      .host = { .links = { ETH0 }, .addresses = { ETH0_ADDRESS }, .routes = { DEFAULT_ROUTE } } },
    { .name = "shared-mtu-plain",
      .network = { LAB(NETWORK_SHARED), .mtu = 9000 },
      .no_seed = true,
      .no_resolved = true },
    { .name = "shared-long-name",
      .network = { NAMED_LAB("a-network-with-a-very-long-name", NETWORK_SHARED) } },
    { .name = "shared-up-already",
      .network = { LAB(NETWORK_SHARED) },
      .host = { .links = { ETH0,
                           LINK("rb-lab", .kind = "bridge", .alias = "roost lab", .mac = OUR_MAC) },
                .addresses = { { .device = "rb-lab", .ip = IP(172, 16, 5, 1), .prefix = 24 } },
                .routes = { { .device = "rb-lab", .to = { IP(172, 16, 5, 0), 24 } } } } },
    { .name = "shared-half-made",
      .network = { LAB(NETWORK_SHARED) },
      .host = { .links = { LINK("rb-lab", .kind = "bridge", .mac = OUR_MAC) } } },
    { .name = "taken-by-address",
      .network = { LAB(NETWORK_SHARED) },
      .host = { .links = { ETH0 },
                .addresses = { { .device = "eth0", .ip = IP(172, 16, 5, 77), .prefix = 16 } } } },
    { .name = "taken-by-route",
      .network = { LAB(NETWORK_HOST_ONLY) },
      .host = { .routes = { { .device = "tun0", .to = { IP(172, 16, 0, 0), 12 } } } } },
    { .name = "device-of-somebody-else",
      .network = { LAB(NETWORK_SHARED) },
      .host = { .links = { LINK("rb-lab", .kind = "bridge", .alias = "my own",
                                .mac = OUR_MAC) } } },
    { .name = "device-of-another-kind",
      .network = { LAB(NETWORK_SHARED) },
      .host = { .links = { LINK("rb-lab", .kind = "veth", .mac = OUR_MAC) } } },
    { .name = "device-of-another-roost",
      .network = { LAB(NETWORK_SHARED) },
      .host = { .links = { LINK("rb-lab", .kind = "bridge", .alias = "roost lab") } } },
    { .name = "device-whose-mac-was-changed",
      .network = { LAB(NETWORK_SHARED) },
      .host = { .links = { LINK("rb-lab", .kind = "bridge", .alias = "roost lab") } },
      .made = true },
    { .name = "device-of-somebody-else-that-we-had-made",
      .network = { LAB(NETWORK_SHARED) },
      .host = { .links = { LINK("rb-lab", .kind = "bridge", .alias = "my own") } },
      .made = true },
    { .name = "bridged-no-parent", .network = { LAN, .parent = "eth7" } },
    { .name = "bridged-loopback",
      .network = { LAN, .parent = "lo" },
      .host = { .links = { { .name = "lo", .mtu = 65535 } } } },
    { .name = "bridged-tun",
      .network = { LAN, .parent = "tun0" },
      .host = { .links = { { .name = "tun0", .kind = "tun", .mtu = 1500 } } } },
    { .name = "bridged-on-bridge",
      .network = { LAN, .parent = "br0" },
      .host = { .links = { LINK("br0", .kind = "bridge", .mac_pinned = true) },
                .addresses = { { .device = "br0", .ip = IP(10, 0, 0, 5), .prefix = 24 } } } },
    { .name = "bridged-on-bridge-not-pinned",
      .network = { LAN, .parent = "br0" },
      .host = { .links = { LINK("br0", .kind = "bridge") } } },
    { .name = "bridged-on-bridge-advertise",
      .network = { LAN, .parent = "br0", .advertise = "http://10.1.0.5:10200" },
      .host = { .links = { LINK("br0", .kind = "bridge", .mac_pinned = true) },
                .addresses = { { .device = "br0", .ip = IP(10, 0, 0, 5), .prefix = 24 },
                               { .device = "br0", .ip = IP(10, 1, 0, 5), .prefix = 24 } } } },
    { .name = "bridged-on-bridge-dhcp",
      .network = { LAN, .parent = "br0", .dhcp = true, .domain = "lan.internal",
                   .cidr = { IP(10, 0, 0, 0), 24 }, .host = IP(10, 0, 0, 5) },
      .host = { .links = { LINK("br0", .kind = "bridge", .mac_pinned = true) },
                .addresses = { { .device = "br0", .ip = IP(10, 0, 0, 5), .prefix = 24 } } } },
    { .name = "bridged-on-bridge-host-address-missing",
      .network = { LAN, .parent = "br0", .cidr = { IP(10, 0, 0, 0), 24 }, .host = IP(10, 0, 0, 9) },
      .host = { .links = { LINK("br0", .kind = "bridge", .mac_pinned = true) } } },
    { .name = "bridged-on-bridge-mtu",
      .network = { LAN, .parent = "br0", .mtu = 1400 },
      .host = { .links = { LINK("br0", .kind = "bridge", .mac_pinned = true) } } },
    { .name = "bridged-on-our-bridge",
      .network = { LAN, .parent = "rb-lab" },
      .host = { .links = { LINK("rb-lab", .kind = "bridge", .alias = "roost lab") } } },
    { .name = "bridged-plain",
      .network = { LAN, .parent = "eth1" },
      .host = { .links = { ETH0, LINK("eth1", .mtu = 9000) }, .addresses = { ETH0_ADDRESS } } },
    { .name = "bridged-plain-host-address-dhcp",
      .network = { LAN, .parent = "eth1", .dhcp = true, .domain = "lan.internal",
                   .cidr = { IP(10, 0, 0, 0), 24 }, .host = IP(10, 0, 0, 5) },
      .host = { .links = { ETH0, LINK("eth1") }, .addresses = { ETH0_ADDRESS } } },
    { .name = "bridged-dhcp-without-address",
      .network = { LAN, .parent = "eth1", .dhcp = true },
      .host = { .links = { LINK("eth1") } } },
    { .name = "bridged-default-route",
      .network = { LAN, .parent = "eth0" },
      .host = { .links = { ETH0 }, .addresses = { ETH0_ADDRESS }, .routes = { DEFAULT_ROUTE } } },
    { .name = "bridged-default-route-moved",
      .network = { LAN, .parent = "eth0" },
      .host = { .links = { LINK("eth0", .master = "rb-lan"),
                           LINK("rb-lan", .kind = "bridge", .alias = "roost lan", .mac = OUR_MAC) },
                .addresses = { { .device = "rb-lan", .ip = IP(192, 168, 1, 5), .prefix = 24 } } } },
    { .name = "bridged-default-route-dynamic",
      .network = { LAN, .parent = "eth0", .cidr = { IP(192, 168, 1, 0), 24 },
                   .host = IP(192, 168, 1, 9) },
      .host = { .links = { ETH0 },
                .addresses = { { .device = "eth0",
                                 .ip = IP(192, 168, 1, 5),
                                 .prefix = 24,
                                 .dynamic = true } },
                .routes = { DEFAULT_ROUTE } } },
    { .name = "bridged-ipv6-only",
      .network = { LAN, .parent = "eth0" },
      .host = { .links = { ETH0 },
                .addresses = { { .device = "eth0",
                                 .ip = { .family = 6, .b = { 0xfd, 0, 1 } },
                                 .prefix = 64 } } } },
    { .name = "bridged-ipv6-link-local",
      .network = { LAN, .parent = "eth0" },
      .host = { .links = { ETH0 },
                .addresses = { { .device = "eth0",
                                 .ip = { .family = 6, .b = { 0xfe, 0x80, 1 } },
                                 .prefix = 64 } } } },
    { .name = "bridged-port-of-another",
      .network = { LAN, .parent = "eth0" },
      .host = { .links = { LINK("eth0", .master = "br0"), LINK("br0", .kind = "bridge") } } },
    { .name = "bridged-mtu-too-large",
      .network = { LAN, .parent = "eth0", .mtu = 9000 },
      .host = { .links = { ETH0 } } },
    { .name = "bridged-vlan",
      .network = { LAN, .parent = "eth0", .vlan = 7 },
      .host = { .links = { ETH0 }, .addresses = { ETH0_ADDRESS }, .routes = { DEFAULT_ROUTE } } },
    { .name = "bridged-vlan-host-address",
      .network = { LAN, .parent = "eth0", .vlan = 7, .mtu = 1400, .cidr = { IP(172, 16, 3, 0), 24 },
                   .host = IP(172, 16, 3, 10) },
      .host = { .links = { ETH0 }, .addresses = { ETH0_ADDRESS } } },
    { .name = "bridged-vlan-on-port",
      .network = { LAN, .parent = "eth0", .vlan = 7 },
      .host = { .links = { LINK("eth0", .master = "br0"), LINK("br0", .kind = "bridge") } } },
    { .name = "bridged-vlan-taken",
      .network = { LAN, .parent = "eth0", .vlan = 7, .cidr = { IP(192, 168, 1, 0), 25 },
                   .host = IP(192, 168, 1, 10) },
      .host = { .links = { ETH0 }, .addresses = { ETH0_ADDRESS } } },
    { .name = "bridged-vlan-of-another",
      .network = { LAN, .parent = "eth0", .vlan = 7 },
      .host = { .links = { ETH0, LINK("rv-lan", .kind = "vlan", .parent = "eth0", .vlan = 8) } } },
};

static void describe(const struct test_case *c, struct buf *out)
{
    struct host h = c->host;
    struct facts f = { .links = h.links, .addresses = h.addresses, .routes = h.routes };
    const struct plan_opts o = {
        .salt = salt, .seed_port = 10200, .resolved = !c->no_resolved, .launch_seed = !c->no_seed,
        .made = c->made
    };
    struct plan p;
    struct err e = { 0 };
    for (; f.n_links < LINKS && h.links[f.n_links].name[0]; f.n_links++) {
        struct fact_link *l = &h.links[f.n_links];
        l->up = true;
        l->mtu = l->mtu ? l->mtu : 1500;
        if (!l->mac.b[0] && strcmp(l->name, "lo") != 0 && strcmp(l->kind, "tun") != 0)
            l->mac = (struct mac){ { 0x52, 0x54, 0, 0, 0, 1 } };
        if (l->mac.b[0] == 0xff)
            network_bridge_mac(salt, &c->network.name, &l->mac);
    }
    while (f.n_addresses < ROWS && h.addresses[f.n_addresses].device[0])
        f.n_addresses++;
    while (f.n_routes < ROWS && h.routes[f.n_routes].device[0])
        f.n_routes++;
    if (plan_up(&c->network, &f, &o, &p, &e) < 0) {
        buf_printf(out, "%s: %s\n", err_kind_name(e.kind), e.text);
        return;
    }
    buf_printf(out, "bridge: %s%s\n", p.bridge, p.foreign ? " (foreign)" : "");
    if (p.warning[0])
        buf_printf(out, "warning: %s\n", p.warning);
    for (int i = 0; i < p.n; i++) {
        auto_buf struct buf line = BUF_INIT;
        struct step same;
        step_format(&p.steps[i], &line);
        buf_printf(out, "%s\n", buf_str(&line));
        if (step_parse(buf_str(&line), &same, &e) < 0)
            fail_msg("%s: %s", c->name, e.text);
    }
}

static void test_goldens(void **state)
{
    (void)state;
    static const char dir[] = "tests/golden/netcfg/plan";
    bool ok = true;
    if (getenv("REGEN"))
        assert_int_equal(dir_make_all(dir, 0755, NULL), 0);
    auto_close int fd = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_buf struct buf have = BUF_INIT, want = BUF_INIT;
        describe(&cases[i], &have);
        if (getenv("REGEN"))
            assert_int_equal(file_replace(fd, cases[i].name, have.data, have.len, 0644, NULL, NULL),
                             0);
        assert_int_equal(file_read(fd, cases[i].name, 1 << 16, &want, NULL), 0);
        if (strcmp(buf_str(&have), buf_str(&want)) != 0) {
            print_error("%s:\n%s", cases[i].name, buf_str(&have));
            ok = false;
        }
    }
    assert_true(ok);
}

/* Everything on the host once, and nothing twice: ranks never go down but between sysctls. */
static void test_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_buf struct buf text = BUF_INIT;
        int last = -1;
        static const enum step_kind order[] = { STEP_VLAN,    STEP_BRIDGE, STEP_MOVE,
                                                STEP_ADDRESS, STEP_PORT,   STEP_SYSCTL,
                                                STEP_RULES,   STEP_LISTEN, STEP_DNSMASQ,
                                                STEP_RESOLVED };
        describe(&cases[i], &text);
        for (char *save = NULL, *line = strtok_r(text.data, "\n", &save); line;
             line = strtok_r(NULL, "\n", &save)) {
            struct step s;
            int rank = 0;
            if (step_parse(line, &s, NULL) < 0)
                continue;
            while (order[rank] != s.kind)
                rank++;
            assert_true(rank > last || (rank == last && s.kind == STEP_SYSCTL));
            last = rank;
        }
    }
}

static void test_names(void **state)
{
    (void)state;
    static const char *const names[] = { "lab", "twelve-bytes", "thirteen-byte", "abcd-abcdefg" };
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        struct name n = { "" };
        char bridge[IFNAME_SIZE], vlan[IFNAME_SIZE], alias[PLAN_ALIAS_SIZE];
        strcpy(n.s, names[i]);
        network_bridge(&n, bridge);
        plan_vlan_device(&n, vlan);
        plan_alias(&n, alias);
        assert_int_equal(strncmp(vlan, "rv-", 3), 0);
        assert_string_equal(vlan + 3, bridge + 3);
        assert_string_equal(alias + 6, names[i]);
    }
    struct name longest;
    char alias[PLAN_ALIAS_SIZE];
    memset(longest.s, 'a', NAME_MAX_LEN);
    longest.s[NAME_MAX_LEN] = '\0';
    plan_alias(&longest, alias);
    assert_int_equal(strlen(alias), NAME_MAX_LEN + 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_goldens),
        cmocka_unit_test(test_order),
        cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
