#include "base/utf8.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void test_utf8(void **state)
{
    (void)state;
    static const char *const good[] = { "",
                                        "a\x7f",
                                        "\xc2\x80",
                                        "\xdf\xbf",
                                        "\xe0\xa0\x80",
                                        "\xed\x9f\xbf",
                                        "\xee\x80\x80",
                                        "\xef\xbf\xbf",
                                        "\xf0\x90\x80\x80",
                                        "\xf4\x8f\xbf\xbf" };
    static const char *const bad[] = { "\x80",
                                       "\xc0\xaf",
                                       "\xc1\xbf",
                                       "\xc2",
                                       "\xc2\x41",
                                       "\xe0\x9f\xbf",
                                       "\xed\xa0\x80",
                                       "\xe2\x82",
                                       "\xf0\x8f\xbf\xbf",
                                       "\xf4\x90\x80\x80",
                                       "\xf5\x80\x80\x80",
                                       "\xff",
                                       "a\xfe" };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_true(utf8_valid(good[i], strlen(good[i])));
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_false(utf8_valid(bad[i], strlen(bad[i])));
    uint32_t cp = 0;
    assert_int_equal(utf8_next("\xf0\x9f\x90\xa6", 4, &cp), 4);
    assert_int_equal(cp, 0x1f426);
    assert_int_equal(utf8_next("\xc3\xbc", 2, &cp), 2);
    assert_int_equal(cp, 0xfc);
    assert_int_equal(utf8_next("\xe2\x82\xac", 3, &cp), 3);
    assert_int_equal(cp, 0x20ac);
    assert_int_equal(utf8_next("\xe2\x82\xac", 2, &cp), 0);
    assert_int_equal(utf8_next("", 0, &cp), 0);
}

static void test_control_mask(void **state)
{
    (void)state;
    char text[] = "a\x01\n\xc3\xbc\xc2\x85\xff\x9b z";
    control_mask(text);
    assert_string_equal(text, "a??\xc3\xbc???? z");
}

/* Each byte at each place of a word and of what is left behind it, beside each neighbour. */
static void test_each_byte_at_each_place(void **state)
{
    (void)state;
    for (int at = 0; at < 21; at++) {
        for (int b = 1; b < 256; b++) {
            char text[24], want[24];
            bool plain = b >= 0x20 && b < 0x7f;
            memset(text, at % 2 ? ' ' : '~', sizeof(text));
            text[at] = (char)b;
            text[22] = '\0';
            memcpy(want, text, sizeof(want));
            if (!plain)
                want[at] = '?';
            assert_int_equal(printable_run(text, 22), plain ? 22 : at);
            assert_int_equal(utf8_valid(text, 22), b < 0x80);
            control_mask(text);
            assert_string_equal(text, want);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_utf8),
        cmocka_unit_test(test_control_mask),
        cmocka_unit_test(test_each_byte_at_each_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
