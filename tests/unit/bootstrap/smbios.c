#include "bootstrap/smbios.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct uuid uuid = { .s = "00112233-4455-6677-8899-aabbccddeeff" };

static void test_value(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    assert_int_equal(smbios_value(&b, "ds=nocloud-net;s=http://h/a,b,,/", NULL), 0);
    assert_string_equal(buf_str(&b), "ds=nocloud-net;s=http://h/a,,b,,,,/");
}

static void test_value_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "a b", "a\nb", "a\tb", " ", "a\x7f", "\x01", "\xc3\xa4" };
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct err e = { 0 };
        auto_buf struct buf b = BUF_INIT;
        assert_int_equal(smbios_value(&b, bad[i], &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_int_equal(b.len, 0);
    }
}

/* Byte for byte by DSP0134 table 10, UUID by section 7.2.1. */
static void test_type1(void **state)
{
    (void)state;
    static const uint8_t want[] = {
        1,    27,   0x00, 0x01, 1,    2,    0,    3, /* header, manufacturer, product, -, serial */
        0x33, 0x22, 0x11, 0x00, 0x55, 0x44, 0x77, 0x66, /* little-endian fields */
        0x88, 0x99, 0xaa, 0xbb, 0xcc, 0xdd, 0xee, 0xff, /* as written */
        6,    0,    0,                                  /* power switch, no SKU, no family */
        'r',  'o',  'o',  's',  't',  0,    'g',  'u',  'e', 's', 't', 0, 'a', ',', 'b', 0, 0,
    };
    auto_buf struct buf b = BUF_INIT;
    assert_int_equal(smbios_type1("a,b", &uuid, &b, NULL), 0);
    assert_int_equal(b.len, sizeof(want));
    assert_memory_equal(b.data, want, sizeof(want));
}

static void test_type1_refused(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    struct uuid broken = { .s = "0011" };
    assert_int_equal(smbios_type1("", &uuid, &b, NULL), -1);
    assert_int_equal(smbios_type1("a b", &uuid, &b, NULL), -1);
    assert_int_equal(smbios_type1("a", &broken, &b, NULL), -1);
    assert_int_equal(b.len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_value),
        cmocka_unit_test(test_value_refused),
        cmocka_unit_test(test_type1),
        cmocka_unit_test(test_type1_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
