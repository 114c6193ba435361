#include "model/addr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static const uint8_t salt[16] = { 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15 };

static void test_mac(void **state)
{
    (void)state;
    static const char *const bad[] = { "",
                                       "52:54:00:12:34",
                                       "52:54:00:12:34:5",
                                       "52:54:00:12:34:56:",
                                       "52:54-00:12:34:56",
                                       "525400123456",
                                       "52:54:00:12:34:5g",
                                       "52.54.00.12.34.56",
                                       "01:00:5e:00:00:01",
                                       "ff:ff:ff:ff:ff:ff",
                                       "00:00:00:00:00:00" };
    char out[MAC_TEXT];
    struct mac m;
    struct err e;

    assert_int_equal(mac_parse("52:54:00:AB:cd:0F", &m, &e), 0);
    assert_string_equal(mac_format(&m, out), "52:54:00:ab:cd:0f");
    assert_int_equal(mac_parse("52-54-00-ab-cd-0f", &m, &e), 0);
    assert_string_equal(mac_format(&m, out), "52:54:00:ab:cd:0f");
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(mac_parse(bad[i], &m, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_non_null(strstr(e.text, "52:54:00:12:34:56")); /* what would be right */
    }
    assert_int_equal(m.b[5], 0x0f);
}

static void test_ip(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } good[] = {
        { "10.0.2.15", "10.0.2.15" },
        { "::1", "::1" },
        { "FD00:0:0::20", "fd00::20" },
        { "::ffff:192.0.2.7", "192.0.2.7" }, /* what a dual-stack socket says of IPv4 */
    };
    static const char *const bad[] = { "",          "10.0.2",       "10.0.2.256", "010.0.2.1",
                                       "10.0.2.1 ", "fe80::1%eth0", "[::1]",      "1",
                                       "::1/64",    "localhost" };
    char out[IP_TEXT];
    struct ip a, b;
    struct err e;

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(ip_parse(good[i].in, &a, &e), 0);
        assert_string_equal(ip_format(&a, out), good[i].out);
        assert_int_equal(ip_parse(out, &b, &e), 0);
        assert_true(ip_equal(&a, &b));
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(ip_parse(bad[i], &a, &e), -1);
    assert_string_equal(ip_format(&(struct ip){ 0 }, out), "");
    ip_parse("127.0.0.9", &a, NULL);
    ip_parse("::1", &b, NULL);
    assert_true(ip_is_loopback(&a));
    assert_true(ip_is_loopback(&b));
    assert_false(ip_equal(&a, &b));
    ip_parse("::2", &b, NULL);
    assert_false(ip_is_loopback(&b));
    ip_parse("128.0.0.1", &a, NULL);
    assert_false(ip_is_loopback(&a));
}

static bool inside(const char *network, const char *address)
{
    struct cidr c;
    struct ip a;

    assert_int_equal(cidr_parse(network, &c, NULL), 0);
    assert_int_equal(ip_parse(address, &a, NULL), 0);
    return cidr_contains(&c, &a);
}

static void test_cidr(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",          "172.16.5.0", "172.16.5.0/",   "172.16.5.0/33",  "fd00::/129", "172.16.5.0/x",
        "172.16/16", "/24",        "172.16.5.0/-1", "172.16.5.0/24/1"
    };
    static const struct {
        const char *wrong, *right;
    } host_bits[] = {
        { "172.16.5.20/24", " 172.16.5.0/24 " },  { "10.0.0.7/31", " 10.0.0.6/31 " },
        { "10.255.255.255/9", " 10.128.0.0/9 " }, { "fd00::1/64", " fd00::/64 " },
        { "1.2.3.4/0", " 0.0.0.0/0 " },
    };
    char out[CIDR_TEXT];
    struct cidr c;
    struct err e;

    assert_int_equal(cidr_parse("172.16.5.0/24", &c, &e), 0);
    assert_string_equal(cidr_format(&c, out), "172.16.5.0/24");
    assert_int_equal(cidr_parse("10.0.0.1/32", &c, &e), 0);
    assert_string_equal(cidr_format(&(struct cidr){ 0 }, out), "");
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(cidr_parse(bad[i], &c, &e), -1);
    for (size_t i = 0; i < ARRAY_SIZE(host_bits); i++) {
        assert_int_equal(cidr_parse(host_bits[i].wrong, &c, &e), -1);
        assert_non_null(strstr(e.text, host_bits[i].right));
    }
    assert_true(inside("172.16.5.0/24", "172.16.5.255"));
    assert_false(inside("172.16.5.0/24", "172.16.6.0"));
    assert_true(inside("10.0.0.6/31", "10.0.0.7"));
    assert_false(inside("10.0.0.6/31", "10.0.0.8"));
    assert_true(inside("0.0.0.0/0", "8.8.8.8"));
    assert_false(inside("0.0.0.0/0", "::1"));
    assert_true(inside("fc00::/7", "fdff::1"));
    assert_false(inside("fd00::/16", "fd01::1"));
    assert_false(cidr_contains(&c, &(struct ip){ 0 }));
}

static void test_endpoint(void **state)
{
    (void)state;
    static const char *const good[] = { "127.0.0.1:10200", "[::1]:80", "0.0.0.0:0",
                                        "[fd00::20]:65535" };
    static const char *const bad[] = {
        "",        "127.0.0.1",    "127.0.0.1:",     "127.0.0.1:65536",
        "::1:80",  "[::1]",        "[127.0.0.1]:80", "[::1:80",
        ":80",     "host:80",      "127.0.0.1:80/",  "[]:80",
        "[::1]80", "127.0.0.1: 80"
    };
    char out[ENDPOINT_TEXT];
    struct endpoint p;
    struct err e;

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(endpoint_parse(good[i], &p, &e), 0);
        assert_string_equal(endpoint_format(&p, out), good[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(endpoint_parse(bad[i], &p, &e), -1);
    assert_string_equal(endpoint_format(&(struct endpoint){ 0 }, out), "");
}

static void test_uuid(void **state)
{
    (void)state;
    static const char *const bad[] = { "",
                                       "4c4c4544-0042-3510-8031-b4c04f4e373",
                                       "4c4c4544-0042-3510-8031-b4c04f4e37322",
                                       "4c4c4544-0042-3510-8031xb4c04f4e3732",
                                       "4c4c454-40042-3510-8031-b4c04f4e3732",
                                       "4c4c4544-0042-3510-8031-b4c04f4e373g",
                                       "{c4c4544-0042-3510-8031-b4c04f4e373}",
                                       "00000000-0000-0000-0000-000000000000",
                                       "FFFFFFFF-ffff-ffff-ffff-ffffffffffff" };
    struct uuid u;
    struct err e;

    assert_int_equal(uuid_parse("4C4C4544-0042-3510-8031-B4C04F4E3732", &u, &e), 0);
    assert_string_equal(u.s, "4c4c4544-0042-3510-8031-b4c04f4e3732");
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(uuid_parse(bad[i], &u, &e), -1);
    assert_string_equal(u.s, "4c4c4544-0042-3510-8031-b4c04f4e3732");
}

/* The values were computed beside by Python's hmac: a change of them would give every guest without
 * a stored address another one. */
static void test_derive(void **state)
{
    (void)state;
    char out[MAC_TEXT];
    struct uuid u, again;
    struct mac m;

    mac_derive(salt, "web1", 0, &m);
    assert_string_equal(mac_format(&m, out), "52:54:00:be:80:8a");
    mac_derive(salt, "web1", 258, &m);
    assert_string_equal(mac_format(&m, out), "52:54:00:44:06:f6");
    uuid_derive(salt, "web1", 0, &u);
    assert_string_equal(u.s, "20c98e8e-8670-898a-ab62-e8b56acd274d");
    assert_int_equal(uuid_parse(u.s, &again, NULL), 0);
    assert_int_equal(u.s[14], '8');
    uuid_derive(salt, "web2", 0, &again);
    assert_string_not_equal(u.s, again.s);
}

static struct ip ip(const char *s)
{
    struct ip a;

    assert_int_equal(ip_parse(s, &a, NULL), 0);
    return a;
}

static struct cidr cidr(const char *s)
{
    struct cidr c;

    assert_int_equal(cidr_parse(s, &c, NULL), 0);
    return c;
}

static void test_numbers(void **state)
{
    (void)state;
    static const struct {
        const char *from;
        uint64_t n;
        const char *to; /* NULL: beyond the end */
    } sums[] = {
        { "10.0.0.1", 0, "10.0.0.1" },
        { "10.0.0.255", 1, "10.0.1.0" },
        { "10.255.255.254", 3, "11.0.0.1" },
        { "255.255.255.255", 1, NULL },
        { "0.0.0.1", UINT32_MAX, NULL },
        { "0.0.0.0", UINT32_MAX, "255.255.255.255" },
        { "fd00::ffff:ffff:ffff:ffff", 1, "fd00:0:0:1::" },
        { "fd00::1", UINT64_MAX, "fd00:0:0:1::" },
    };
    char text[IP_TEXT];

    for (size_t i = 0; i < ARRAY_SIZE(sums); i++) {
        struct ip a = ip(sums[i].from), was = a;
        bool ok = ip_add(&a, sums[i].n, &a);
        assert_int_equal(ok, sums[i].to != NULL);
        assert_string_equal(ip_format(&a, text), ok ? sums[i].to : ip_format(&was, text));
        if (ok && sums[i].n < UINT64_MAX)
            assert_int_equal(ip_count(&was, &a), sums[i].n + 1);
        if (ok && sums[i].n)
            assert_int_equal(ip_count(&a, &was), 0);
        assert_int_equal(ip_compare(&a, &was) > 0, ok && sums[i].n);
    }
    struct ip four = ip("255.1.1.1"), six = ip("::2"), none = { 0 };
    assert_true(ip_compare(&four, &six) < 0 && ip_compare(&six, &four) > 0);
    assert_int_equal(ip_count(&four, &six), 0);
    assert_int_equal(ip_count(&none, &none), 0);
    assert_false(ip_add(&none, 0, &four));
    struct ip low = ip("::"), high = ip("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
    assert_true(ip_count(&low, &high) == UINT64_MAX);
}

static void test_ranges(void **state)
{
    (void)state;
    static const char *const lasts[][2] = {
        { "10.0.0.0/8", "10.255.255.255" },  { "172.16.5.0/24", "172.16.5.255" },
        { "172.16.5.8/29", "172.16.5.15" },  { "10.1.1.1/32", "10.1.1.1" },
        { "0.0.0.0/0", "255.255.255.255" },  { "fd00::/64", "fd00::ffff:ffff:ffff:ffff" },
        { "172.16.4.0/23", "172.16.5.255" },
    };
    static const struct {
        const char *a, *b;
        bool overlap;
    } pairs[] = {
        { "10.0.0.0/8", "10.1.0.0/16", true },      { "10.0.0.0/24", "10.0.1.0/24", false },
        { "10.0.0.0/24", "10.0.0.0/24", true },     { "0.0.0.0/0", "10.0.0.0/24", true },
        { "172.16.4.0/23", "172.16.5.0/24", true }, { "172.16.4.0/23", "172.16.6.0/24", false },
        { "fd00::/64", "fd00::1:0:0:0/80", true },  { "0.0.0.0/0", "::/0", false },
    };
    char text[CIDR_TEXT];

    for (size_t i = 0; i < ARRAY_SIZE(lasts); i++) {
        struct cidr c = cidr(lasts[i][0]), again;
        struct ip last;
        cidr_last(&c, &last);
        assert_string_equal(ip_format(&last, text), lasts[i][1]);
        cidr_around(&last, c.prefix, &again);
        assert_string_equal(cidr_format(&again, text), lasts[i][0]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        struct cidr a = cidr(pairs[i].a), b = cidr(pairs[i].b), none = { 0 };
        assert_int_equal(cidr_overlaps(&a, &b), pairs[i].overlap);
        assert_int_equal(cidr_overlaps(&b, &a), pairs[i].overlap);
        assert_false(cidr_overlaps(&a, &none) || cidr_overlaps(&none, &none));
    }
}

static void test_usable(void **state)
{
    (void)state;
    static const char *const good[] = { "10.1.1.1", "172.16.5.0", "223.255.255.255", "fd00::1",
                                        "1.0.0.0" };
    static const char *const bad[] = { "0.0.0.0",         "0.1.2.3", "127.0.0.1", "224.0.0.1",
                                       "255.255.255.255", "::",      "::1",       "ff02::1" };
    struct ip a, none = { 0 };

    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_true((a = ip(good[i]), ip_is_usable(&a)));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false((a = ip(bad[i]), ip_is_usable(&a)));
    assert_false(ip_is_usable(&none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers),  cmocka_unit_test(test_ranges),
        cmocka_unit_test(test_usable),   cmocka_unit_test(test_mac),
        cmocka_unit_test(test_ip),       cmocka_unit_test(test_cidr),
        cmocka_unit_test(test_endpoint), cmocka_unit_test(test_uuid),
        cmocka_unit_test(test_derive),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
