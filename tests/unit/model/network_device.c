#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "model/network.h"

static void test_ifname(void **state)
{
    (void)state;
    static const char *const good[] = { "eth0", "a", "br-0123456789ab", "eth0.7", "..." };
    static const char *const bad[] = { "",    ".",    "..",   "sixteen-bytes-xx", "a/b",   "a:b",
                                       "a b", "a\tb", "a\n",  "caf\xc3\xa9",      "eth%d", "a\"b",
                                       "a'b", "a\\b", "a\x7f" };
    char out[IFNAME_SIZE];
    struct err e;

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(ifname_parse(good[i], out, &e), 0);
        assert_string_equal(out, good[i]);
    }
    strcpy(out, "untouched");
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(ifname_parse(bad[i], out, &e), -1);
    assert_string_equal(out, "untouched");
    ifname_parse("a%b", out, &e);
    assert_string_equal(e.text, "interface name \"a%b\": expected 1 to 15 characters without '/', "
                                "':', '%', quotes and spaces, such as eth0");
}

static const char *bridge(const char *name, char out[IFNAME_SIZE])
{
    struct name n;

    assert_int_equal(name_parse(name, "network name", &n, NULL), 0);
    network_bridge(&n, out);
    char again[IFNAME_SIZE];
    assert_int_equal(ifname_parse(out, again, NULL), 0);
    return out;
}

static void test_bridge(void **state)
{
    (void)state;
    char a[IFNAME_SIZE], b[IFNAME_SIZE];

    assert_string_equal(bridge("lab", a), "rb-lab");
    assert_string_equal(bridge("twelve-bytes", a), "rb-twelve-bytes");
    bridge("thirteen-byte", a);
    assert_int_equal(strlen(a), IFNAME_SIZE - 1);
    assert_memory_equal(a, "rb-thir-", 8);
    assert_string_not_equal(a, bridge("thirteen-bytf", b));
    assert_string_equal(a, bridge("thirteen-byte", b)); /* the same every time */
    /* Who names a network as another's bridge is called does not get that bridge. */
    assert_string_not_equal(a, bridge(a + 3, b));
    assert_memory_equal(b, "rb-thir-", 8);
    assert_string_equal(bridge("thir-abcdef1", b), "rb-thir-abcdef1");
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

/* Names of every length that differ in one place only, and their bridges' own names as names. */
static void test_bridges_never_clash(void **state)
{
    (void)state;
    enum { N = 4000 };
    static char all[N][IFNAME_SIZE];

    for (int i = 0; i < N; i += 2) {
        char name[NAME_MAX_LEN + 1];
        snprintf(name, sizeof name, "a%.*s%d", i % 40, "bcdefghijklmnopqrstuvwxyz-bcdefghijklmnopq",
                 i);
        bridge(name, all[i]);
        /* A short name's bridge, as a name, is longer than the name; a cut one's looks cut. */
        bridge(all[i] + (strlen(name) > 12 ? 3 : 0), all[i + 1]);
    }
    qsort(all, N, IFNAME_SIZE, compare);
    for (int i = 1; i < N; i++)
        assert_string_not_equal(all[i - 1], all[i]);
}

static void test_tap(void **state)
{
    (void)state;
    const struct mac guest = { { 0x52, 0x54, 0, 0xab, 2, 3 } };
    char name[IFNAME_SIZE];
    struct mac tap;

    network_tap(&guest, name);
    assert_string_equal(name, "rt525400ab0203");
    network_tap_mac(&guest, &tap);
    assert_memory_equal(tap.b, ((uint8_t[6]){ 0xfe, 0x54, 0, 0xab, 2, 3 }), 6);
}

/* It depends on salt and name alone, and never is one that a guest or a tap can have. */
static void test_bridge_mac(void **state)
{
    (void)state;
    const uint8_t salt[16] = { 1 }, other[16] = { 2 };
    const struct name lab = { "lab" }, dmz = { "dmz" };
    struct mac a, b;

    network_bridge_mac(salt, &lab, &a);
    network_bridge_mac(salt, &lab, &b);
    assert_memory_equal(&a, &b, sizeof a);
    assert_int_equal(a.b[0], 0x02);
    network_bridge_mac(other, &lab, &b);
    assert_memory_not_equal(&a, &b, sizeof a);
    network_bridge_mac(salt, &dmz, &b);
    assert_memory_not_equal(&a, &b, sizeof a);
}

static void test_forward(void **state)
{
    (void)state;
    static const char *const good[][2] = {
        { "0.0.0.0:8080 web1:80", "0.0.0.0:8080 web1:80" },
        { ":8080 web1:80", "0.0.0.0:8080 web1:80" },
        { "10.0.0.1:53 dns1:53/udp", "10.0.0.1:53 dns1:53/udp" },
        { "10.0.0.1:53 dns1:53/tcp", "10.0.0.1:53 dns1:53" },
        { "[fd00::1]:65535 a:65535", "[fd00::1]:65535 a:65535" },
    };
    static const char *const bad[] = {
        "",           "8080 web1:80",   ":8080",         ":8080 web1",       ":8080  web1:80",
        ":0 web1:80", ":8080 web1:0",   ":8080 :80",     ":8080 web1:80/ip", ":8080 web1:80/",
        ":x web1:80", ":8080 Web1:80",  ":65536 web1:1", ":1 web1:65536",    ":1 web1/tcp:80",
        ":1 all:80",  ":8080 web1:80 ", "h:80 web1:80",  ":1 web1:80\n",     ":1 a:1,b:2",
    };
    struct forward f;
    struct err e;

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        char text[FORWARD_TEXT];
        assert_int_equal(forward_parse(good[i][0], &f, &e), 0);
        assert_string_equal(forward_format(&f, text), good[i][1]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(forward_parse(bad[i], &f, &e), -1);
    char longest[400];
    memset(longest, '1', sizeof longest);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(forward_parse(longest, &f, &e), -1);
    longest[150] = ' ';
    longest[200] = '\0';
    assert_int_equal(forward_parse(longest, &f, &e), -1);
    assert_int_equal(forward_parse(":8080 web1:80/sctp", &f, &e), -1);
    assert_string_equal(e.text, "forward by \"sctp\": expected tcp or udp");
}

static struct network net(enum network_kind kind, const char *name, const char *cidr)
{
    struct network n = { .kind = kind };

    snprintf(n.name.s, sizeof n.name.s, "%s", name);
    if (cidr) {
        assert_int_equal(cidr_parse(cidr, &n.cidr, NULL), 0);
        ip_add(&n.cidr.ip, 1, &n.host);
    }
    return n;
}

static void pair(const struct network *a, const struct network *b, const char *message)
{
    struct err e = { 0 };

    assert_int_equal(network_compatible(a, b, &e), message ? -1 : 0);
    if (message) {
        assert_int_equal(e.kind, ERR_CONFLICT);
        assert_string_equal(e.text, message);
    }
    assert_int_equal(network_compatible(b, a, NULL), message ? -1 : 0);
}

static void test_ranges(void **state)
{
    (void)state;
    struct network a = net(NETWORK_SHARED, "a", "172.16.5.0/24"),
                   b = net(NETWORK_HOST_ONLY, "b", "172.16.4.0/23"),
                   c = net(NETWORK_SHARED, "c", "172.16.6.0/24"),
                   user = net(NETWORK_USER, "u", "172.16.5.0/24"),
                   lan = net(NETWORK_BRIDGED, "lan", "172.16.5.0/24"),
                   far = net(NETWORK_BRIDGED, "far", "172.16.5.0/25");

    pair(&a, &b,
         "network a has 172.16.5.0/24, which overlaps with 172.16.4.0/23 of network b: give one of "
         "them another cidr");
    pair(&a, &c, NULL);
    pair(&b, &c, NULL);
    pair(&a, &user, NULL);
    pair(&a, &a, NULL); /* itself, changed */
    strcpy(lan.parent, "eth0");
    strcpy(far.parent, "eth1");
    pair(&a, &lan,
         "network a has 172.16.5.0/24, which overlaps with 172.16.5.0/24 of network lan: give one "
         "of them another cidr");
    pair(&lan, &far,
         "network lan has 172.16.5.0/24, which overlaps with 172.16.5.0/25 of network far: give "
         "one of them another cidr");
    /* Where the host takes no part, two wires may use one range. */
    far.host.family = 0;
    pair(&lan, &far, NULL);
}

static void test_parents(void **state)
{
    (void)state;
    struct network a = net(NETWORK_BRIDGED, "a", NULL), b = net(NETWORK_BRIDGED, "b", NULL),
                   c = net(NETWORK_HOST_ONLY, "c", "10.1.1.0/24");

    strcpy(a.parent, "eth0");
    strcpy(b.parent, "eth0");
    pair(&a, &b,
         "networks a and b both bridge eth0: one is enough, or give one of them another "
         "vlan");
    b.vlan = 7;
    pair(&a, &b, NULL);
    a.vlan = 7;
    pair(&a, &b,
         "networks a and b both bridge VLAN 7 of eth0: one is enough, or give one of them "
         "another vlan");
    strcpy(a.parent, "rb-c");
    pair(&a, &c,
         "network a: its parent rb-c is the bridge of network c: put the guests on c "
         "instead");
}

static void test_ports(void **state)
{
    (void)state;
    struct network a = net(NETWORK_SHARED, "a", "10.1.1.0/24"),
                   b = net(NETWORK_SHARED, "b", "10.1.2.0/24");

    a.n_forwards = b.n_forwards = 1;
    assert_int_equal(forward_parse("10.0.0.1:80 web1:80", &a.forwards[0], NULL), 0);
    assert_int_equal(forward_parse(":80 web2:80", &b.forwards[0], NULL), 0);
    pair(&a, &b,
         "network a publishes \"10.0.0.1:80 web1:80\", and network b \"0.0.0.0:80 web2:80\": one "
         "port of the host goes to one guest");
    assert_int_equal(forward_parse("10.0.0.2:80 web2:80", &b.forwards[0], NULL), 0);
    pair(&a, &b, NULL);
    assert_int_equal(forward_parse(":80 web2:80/udp", &b.forwards[0], NULL), 0);
    pair(&a, &b, NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ifname),
        cmocka_unit_test(test_bridge),
        cmocka_unit_test(test_bridges_never_clash),
        cmocka_unit_test(test_tap),
        cmocka_unit_test(test_bridge_mac),
        cmocka_unit_test(test_forward),
        cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_parents),
        cmocka_unit_test(test_ports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
