/* DHCP messages, byte for byte (RFC 2131, RFC 2132). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "netcfg/dhcp.h"

#define XID 0x01020304
static const struct mac mac = { { 0x52, 0x54, 0, 0, 0, 7 } };
static const struct ip client = { 4, { 172, 16, 5, 20 } }, server = { 4, { 172, 16, 5, 1 } };

/* The fixed part up to the options, whose first four bytes are the magic cookie. */
static void assert_head(const uint8_t *m, uint8_t flags, const char *ciaddr)
{
    static const uint8_t zero[192];

    assert_memory_equal(m, "\1\1\6\0\1\2\3\4\0\0", 10);
    assert_int_equal(m[10], flags);
    assert_int_equal(m[11], 0);
    assert_memory_equal(m + 12, ciaddr, 4);
    assert_memory_equal(m + 16, zero, 12); /* yiaddr, siaddr, giaddr */
    assert_memory_equal(m + 28, mac.b, 6);
    assert_memory_equal(m + 34, zero, 10); /* rest of chaddr */
    assert_memory_equal(m + 44, zero, 192);
    assert_memory_equal(m + 236, "\x63\x82\x53\x63", 4);
}

static void test_discover(void **state)
{
    (void)state;
    static const uint8_t options[] = { 53, 1, 1, 55, 3, 1, 3, 6, 255 };
    uint8_t m[DHCP_MESSAGE_MAX];

    memset(m, 0xaa, sizeof m);
    assert_int_equal(dhcp_discover(XID, &mac, m), 300);
    assert_head(m, 0x80, "\0\0\0\0");
    assert_memory_equal(m + 240, options, sizeof options);
    for (size_t i = 240 + sizeof options; i < 300; i++)
        assert_int_equal(m[i], 0);
}

static void test_release(void **state)
{
    (void)state;
    static const uint8_t options[] = { 53, 1, 7, 54, 4, 172, 16, 5, 1, 255 };
    uint8_t m[DHCP_MESSAGE_MAX];

    assert_int_equal(dhcp_release(XID, &mac, &client, &server, m), 300);
    assert_head(m, 0, "\xac\x10\x05\x14");
    assert_memory_equal(m + 240, options, sizeof options);
}

/* An OFFER with these options; 0 in `len` of a row: the whole. */
static size_t offer(uint8_t *m, const char *options, size_t n)
{
    dhcp_discover(XID, &mac, m);
    m[0] = 2;
    memset(m + 240, 0, 60);
    memcpy(m + 240, options, n);
    return 240 + n;
}

#define OPTIONS(s) s, sizeof(s) - 1
static void test_offer(void **state)
{
    (void)state;
    static const struct {
        const char *options;
        size_t n;
        int rc;
    } rows[] = {
        { OPTIONS("\x35\1\2\x36\4\xac\x10\5\1\xff"), 1 },
        { OPTIONS("\x36\4\xac\x10\5\1\x35\1\2\xff"), 1 },
        { OPTIONS("\0\0\x35\1\2\0\x33\4\0\0\x0e\x10\x36\4\xac\x10\5\1"), 1 },
        { OPTIONS("\x35\1\5\x36\4\xac\x10\5\1\xff"), 0 }, /* ACK */
        { OPTIONS("\x35\1\2\xff\x36\4\xac\x10\5\1"), 0 }, /* behind the end */
        { OPTIONS("\x35\1\2\xff"), 0 },
        { OPTIONS("\x36\4\xac\x10\5\1\xff"), 0 },
        { OPTIONS("\x35\2\2\2\x36\4\xac\x10\5\1\xff"), 0 },
        { OPTIONS("\x35\1\2\x36\3\xac\x10\5\xff"), 0 },
        { OPTIONS("\x35\1\2\x36\4\xac\x10\5"), 0 },
        { OPTIONS("\x35\1\2\x36\4"), 0 },
        { OPTIONS("\x35\1\2\x36"), 0 },
        { OPTIONS("\x35\1\2\x33\xff\x36\4\xac\x10\5\1\xff"), 0 },
        { OPTIONS(""), 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        uint8_t m[DHCP_MESSAGE_MAX];
        struct ip got = { 0 };
        size_t len = offer(m, rows[i].options, rows[i].n);
        /* In memory of exactly its size. */
        auto_free uint8_t *copy = malloc(len);
        memcpy(copy, m, len);
        assert_int_equal(dhcp_offer_parse(copy, len, XID, &got), rows[i].rc);
        assert_int_equal(ip_equal(&got, &server), rows[i].rc);
    }
}

static void test_offer_to_others(void **state)
{
    (void)state;
    static const char good[] = "\x35\1\2\x36\4\xac\x10\5\1\xff";
    static const size_t touched[] = { 0, 4, 7, 236, 239 };
    uint8_t m[DHCP_MESSAGE_MAX];
    struct ip got;
    size_t len = offer(m, good, sizeof good - 1);

    assert_int_equal(dhcp_offer_parse(m, len, XID, &got), 1);
    assert_int_equal(dhcp_offer_parse(m, len, XID + 1, &got), 0);
    for (size_t i = 0; i < ARRAY_SIZE(touched); i++) {
        m[touched[i]] ^= 1;
        assert_int_equal(dhcp_offer_parse(m, len, XID, &got), 0);
        m[touched[i]] ^= 1;
    }
    for (size_t cut = 0; cut < len - 1; cut++) /* less its end option it is still one */
        assert_int_equal(dhcp_offer_parse(m, cut, XID, &got), 0);
    /* A request of somebody else, which a broadcast socket sees as well. */
    assert_int_equal(dhcp_offer_parse(m, dhcp_discover(XID, &mac, m), XID, &got), 0);
}

/* As a packet(7) socket gives it: the same message with its IP and UDP headers. */
static size_t wrap(uint8_t *out, const uint8_t *m, size_t len, uint8_t options)
{
    size_t head = 20 + (size_t)options;

    memset(out, 0, head + 8);
    out[0] = (uint8_t)(0x40 | head / 4);
    out[9] = 17;
    out[head + 3] = 68;
    out[head + 4] = (uint8_t)((len + 8) >> 8);
    out[head + 5] = (uint8_t)(len + 8);
    memcpy(out + head + 8, m, len);
    return head + 8 + len;
}

static void test_packet(void **state)
{
    (void)state;
    static const char good[] = "\x35\1\2\x36\4\xac\x10\5\1\xff";
    static const struct {
        size_t at;
        uint8_t flip;
    } bad[] = { { 0, 0x20 }, { 0, 0x04 }, { 9, 1 },  { 6, 0x20 }, { 7, 1 },
                { 22, 1 },   { 23, 1 },   { 24, 2 }, { 25, 8 } };
    uint8_t m[DHCP_MESSAGE_MAX], p[DHCP_MESSAGE_MAX + 100];
    struct ip got = { 0 };
    size_t len = offer(m, good, sizeof good - 1);

    assert_int_equal(dhcp_offer_parse(p, wrap(p, m, len, 40), XID, &got), 1);
    size_t total = wrap(p, m, len, 0);
    p[6] = 0x40; /* may not be fragmented: nothing to us */
    assert_int_equal(dhcp_offer_parse(p, total, XID, &got), 1);
    assert_true(ip_equal(&got, &server));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        p[bad[i].at] ^= bad[i].flip;
        if (dhcp_offer_parse(p, total, XID, &got) != 0)
            fail_msg("taken with byte %zu changed", bad[i].at);
        p[bad[i].at] ^= bad[i].flip;
    }
    for (size_t cut = 0; cut < total; cut++) {
        auto_free uint8_t *copy = malloc(cut ? cut : 1);
        memcpy(copy, p, cut);
        assert_int_equal(dhcp_offer_parse(copy, cut, XID, &got), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_discover), cmocka_unit_test(test_release),
        cmocka_unit_test(test_offer),    cmocka_unit_test(test_offer_to_others),
        cmocka_unit_test(test_packet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
