/* Leases as dnsmasq tells them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "netcfg/lease.h"

#define A16 "aaaaaaaaaaaaaaaa"
#define A63 A16 A16 A16 "aaaaaaaaaaaaaaa"

static void test_datagram(void **state)
{
    (void)state;
    static const struct {
        const char *argv[5], *interface, *want;
    } rows[] = {
        { { "add", "52:54:00:00:00:07", "172.16.5.20", "web1" },
          "rb-lab",
          "add 52:54:00:00:00:07 172.16.5.20 rb-lab web1" },
        { { "old", "52:54:00:00:00:07", "172.16.5.20" },
          "rb-lab",
          "old 52:54:00:00:00:07 172.16.5.20 rb-lab" },
        { { "del", "52:54:00:AB:CD:EF", "172.16.5.20", "" },
          "rb-lab",
          "del 52:54:00:ab:cd:ef 172.16.5.20 rb-lab" },
        /* a guest's bytes */
        { { "add", "52:54:00:00:00:07", "172.16.5.20", "a b\nc\x7f\xc3\xa4" },
          "rb-lab",
          "add 52:54:00:00:00:07 172.16.5.20 rb-lab a?b?c???" },
        { { "add", "52:54:00:00:00:07", "172.16.5.20", A63 A63 },
          "rb-lab",
          "add 52:54:00:00:00:07 172.16.5.20 rb-lab " A63 },
        { { "tftp", "52:54:00:00:00:07", "172.16.5.20" }, "rb-lab", NULL },
        { { "add", "06-52:54:00:00:00:07", "172.16.5.20" }, "rb-lab", NULL },
        { { "add", "00:01:00:01:2c:a1:52:54:00:00:00:07", "fd00::20" }, "rb-lab", NULL },
        { { "add", "52:54:00:00:00:07", "fd00::20" }, "rb-lab", NULL },
        { { "add", "53:54:00:00:00:07", "172.16.5.20" }, "rb-lab", NULL },
        { { "add", "52:54:00:00:00:07", "172.16.5.20" }, "rb lab", NULL },
        { { "add", "52:54:00:00:00:07", "172.16.5.20" }, "a-name-of-16-by.", NULL },
        { { "add", "52:54:00:00:00:07", "172.16.5" }, "rb-lab", NULL },
        { { "add", "52:54:00:00:00:07" }, "rb-lab", NULL },
        { { "add" }, "rb-lab", NULL },
        { { NULL }, "rb-lab", NULL },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char got[LEASE_DATAGRAM_MAX] = "untouched";
        struct err e = { 0 };
        int rc = lease_datagram(rows[i].argv, rows[i].interface, got, &e);
        assert_int_equal(rc, rows[i].want ? 0 : -1);
        assert_string_equal(got, rows[i].want ? rows[i].want : "untouched");
        assert_int_equal(e.kind, rows[i].want ? ERR_NONE : ERR_INVALID);
    }
}

static void test_parse(void **state)
{
    (void)state;
    static const char text[] = "del 52:54:00:00:00:07 172.16.5.20 rb-lab web1";
    const struct ip ip = { 4, { 172, 16, 5, 20 } };
    struct lease l;
    char again[LEASE_DATAGRAM_MAX];

    assert_int_equal(lease_datagram_parse(text, strlen(text), &l, NULL), 0);
    assert_int_equal(l.action, LEASE_DEL);
    assert_memory_equal(l.mac.b, "\x52\x54\0\0\0\x07", 6);
    assert_true(ip_equal(&l.ip, &ip));
    assert_string_equal(l.bridge, "rb-lab");
    assert_string_equal(l.hostname, "web1");
    /* The longest of each: nothing is cut on the way. */
    const char *const most[] = { "add", "52:54:00:00:00:07", "172.116.115.120", A63, NULL };
    assert_int_equal(lease_datagram(most, "fifteen-bytes--", again, NULL), 0);
    assert_int_equal(lease_datagram_parse(again, strlen(again), &l, NULL), 0);
    assert_string_equal(l.hostname, A63);
    assert_string_equal(l.bridge, "fifteen-bytes--");
}

static void test_parse_refuses(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        " ",
        "add",
        "add 52:54:00:00:00:07 172.16.5.20",
        "add 52:54:00:00:00:07 172.16.5.20 ",
        "add  52:54:00:00:00:07 172.16.5.20 rb-lab",
        " add 52:54:00:00:00:07 172.16.5.20 rb-lab",
        "add 52:54:00:00:00:07 172.16.5.20 rb-lab ",
        "add 52:54:00:00:00:07 172.16.5.20 rb-lab web1 ",
        "add 52:54:00:00:00:07 172.16.5.20 rb-lab web1 web2",
        "add 52:54:00:00:00:07 172.16.5.20 rb-lab web1\n",
        "add 52:54:00:00:00:07 172.16.5.20 rb-lab w\xc3\xa4",
        "add 52:54:00:00:00:07 172.16.5.20 rb-lab a" A63,
        "add 52:54:00:00:00:07 172.16.5.20 rb/lab web1",
        "add 52:54:00:00:00:07 fd00::20 rb-lab web1",
        "add 06-52:54:00:00:00:07 172.16.5.20 rb-lab web1",
        "ADD 52:54:00:00:00:07 172.16.5.20 rb-lab web1",
        "arp-add 52:54:00:00:00:07 172.16.5.20 rb-lab",
        "add 52:54:00:00:00:07 172.16.5.20 rb-lab " A63 A63 A63 A63,
    };
    static const char zero[] = "add 52:54:00:00:00:07 172.16.5.20 rb-lab we\0b1";
    struct lease l = { .bridge = "untouched" };
    struct err e;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (lease_datagram_parse(bad[i], strlen(bad[i]), &l, &e) == 0)
            fail_msg("taken: \"%s\"", bad[i]);
        assert_int_equal(e.kind, ERR_INVALID);
    }
    assert_int_equal(lease_datagram_parse(zero, sizeof zero - 1, &l, &e), -1);
    assert_string_equal(l.bridge, "untouched");
}

static void test_line(void **state)
{
    (void)state;
    static const struct {
        const char *line;
        int rc;
        int64_t expires;
        const char *hostname;
    } rows[] = {
        { "1763737200 52:54:00:00:00:07 172.16.5.20 web1 ff:00:00:00:07:00:01\n", 1, 1763737200,
          "web1" },
        { "1763737200 52:54:00:00:00:07 172.16.5.20 * *", 1, 1763737200, "" },
        { "0 52:54:00:00:00:07 172.16.5.20 * 01:52:54:00:00:00:07\n", 1, 0, "" },
        { "0 52:54:00:00:00:07 172.16.5.20 " A63 A63 " *\n", 1, 0, A63 },
        { "0 52:54:00:00:00:07 172.16.5.20 w\x1b[2J\n", 1, 0, "w?[2J" },
        { "duid 00:01:00:01:2c:a1:52:54:00:00:00:07\n", 0, 0, NULL },
        { "1763737200 7 fd00::20 web1 00:01:00:01:2c:a1\n", 0, 0, NULL },
        { "1763737200 06-52:54:00:00:00:07 172.16.5.20 * *\n", 0, 0, NULL },
        { "\n", 0, 0, NULL },
        { "", 0, 0, NULL },
        { "1763737200 52:54:00:00:00:07 172.16.5.2", 1, 1763737200, "" },
        { "1763737200 52:54:00:00:00:07 172.16.5\n", -1, 0, NULL },
        { "1763737200 52:54:00:00:00:07\n", -1, 0, NULL },
        { "17637372OO 52:54:00:00:00:07 172.16.5.20 * *\n", -1, 0, NULL },
        { "-1 52:54:00:00:00:07 172.16.5.20 * *\n", -1, 0, NULL },
        { "9999999999999999999 52:54:00:00:00:07 172.16.5.20 * *\n", -1, 0, NULL },
        { "what is this\n", -1, 0, NULL },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct lease l = { .bridge = "untouched" };
        int64_t expires = -7;
        struct err e;
        if (lease_line_parse(rows[i].line, &expires, &l, &e) != rows[i].rc)
            fail_msg("not %d: %s", rows[i].rc, rows[i].line);
        if (rows[i].rc != 1) {
            assert_int_equal(expires, -7);
            assert_string_equal(l.bridge, "untouched");
            continue;
        }
        assert_int_equal(expires, rows[i].expires);
        assert_string_equal(l.hostname, rows[i].hostname);
        assert_string_equal(l.bridge, "");
        assert_int_equal(l.action, LEASE_OLD);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_datagram),
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_parse_refuses),
        cmocka_unit_test(test_line),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
