#include "base/buf.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void test_append(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    assert_string_equal(buf_str(&b), "");
    buf_puts(&b, "one");
    buf_putc(&b, ' ');
    buf_put(&b, "two!", 3);
    buf_printf(&b, " %s %d", "three", 4);
    assert_string_equal(buf_str(&b), "one two three 4");
    assert_int_equal(b.len, 15);
    assert_int_equal(buf_check(&b, NULL), 0);
    buf_consume(&b, 4);
    assert_string_equal(buf_str(&b), "two three 4");
    buf_consume(&b, b.len);
    assert_string_equal(buf_str(&b), "");
    assert_int_equal(b.len, 0);
    buf_put(&b, NULL, 0);
    assert_int_equal(b.len, 0);
    buf_cat(&b, "a", "", "bc", NULL);
    assert_string_equal(buf_str(&b), "abc");
}

/* Every length around the doublings of the memory. */
static void test_printf_grows(void **state)
{
    (void)state;
    for (int n = 0; n < 600; n++) {
        auto_buf struct buf b = BUF_INIT;
        buf_puts(&b, "ab");
        buf_printf(&b, "%*s", n, "");
        buf_puts(&b, "cd");
        assert_int_equal(b.len, (size_t)n + 4);
        assert_int_equal(strlen(b.data), b.len);
        assert_string_equal(b.data + n + 2, "cd");
    }
}

static void test_sticky(void **state)
{
    (void)state;
    auto_buf struct buf b = { .cap = 8 };
    struct err e = { 0 };
    buf_puts(&b, "12345678");
    assert_int_equal(buf_check(&b, &e), 0);
    buf_puts(&b, "9");
    assert_int_equal(buf_check(&b, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
    buf_putc(&b, 'x');
    buf_printf(&b, "%d", 1);
    assert_string_equal(buf_str(&b), "12345678");
    assert_null(buf_steal(&b));
    assert_int_equal(buf_check(&b, NULL), -1);
    buf_clear(&b);
    assert_int_equal(buf_check(&b, NULL), 0);
    buf_printf(&b, "%s", "123456789");
    assert_int_equal(buf_check(&b, NULL), -1);
    assert_string_equal(buf_str(&b), "");
    buf_done(&b);
    assert_int_equal(b.cap, 8);
    assert_false(b.failed);
}

static void test_default_cap(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    auto_free char *mib = calloc(1, 1 << 20);
    assert_non_null(mib);
    for (int i = 0; i < 16; i++)
        buf_put(&b, mib, 1 << 20);
    assert_int_equal(buf_check(&b, NULL), 0);
    buf_putc(&b, 'x');
    assert_int_equal(buf_check(&b, NULL), -1);
    buf_put(&b, "", SIZE_MAX);
    assert_int_equal(b.len, 16 << 20);
}

static void test_steal(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    auto_free char *empty = buf_steal(&b);
    assert_string_equal(empty, "");
    buf_puts(&b, "mine");
    auto_free char *mine = buf_steal(&b);
    assert_string_equal(mine, "mine");
    assert_int_equal(b.len, 0);
    assert_null(b.data);
}

static void test_shell(void **state)
{
    (void)state;
    static const struct {
        const char *in, *out;
    } cases[] = {
        { "", "''" },
        { "a-Z0@%+=:,./_", "a-Z0@%+=:,./_" },
        { "two words", "'two words'" },
        { "it's", "'it'\\''s'" },
        { "$(x)`y`\\", "'$(x)`y`\\'" },
        { "~root", "'~root'" },
        { "\xc3\xbc", "'\xc3\xbc'" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_buf struct buf b = BUF_INIT;
        buf_shell(&b, cases[i].in);
        assert_string_equal(buf_str(&b), cases[i].out);
    }
}

static void test_percent(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    buf_percent(&b, "aZ09-._~ /%+&\xc3\xbc\n");
    assert_string_equal(buf_str(&b), "aZ09-._~%20%2F%25%2B%26%C3%BC%0A");
}

static void test_json(void **state)
{
    (void)state;
    static const char in[] = "a\"\\\b\f\n\r\t\x01\0/\x7f\xc3\xbc\xf0\x9f\x90\xa6";
    auto_buf struct buf b = BUF_INIT;
    buf_json(&b, in, sizeof(in) - 1);
    assert_string_equal(buf_str(&b), "\"a\\\"\\\\\\b\\f\\n\\r\\t\\u0001\\u0000/\\u007f"
                                     "\xc3\xbc\xf0\x9f\x90\xa6\"");
    /* A lone byte, an overlong form, a surrogate, a cut sequence: U+FFFD per byte. */
    buf_clear(&b);
    buf_json(&b, "x\xffy\xc0\xafz\xed\xa0\x80\xe2\x82", 11);
#define R "\xef\xbf\xbd"
    assert_string_equal(buf_str(&b), "\"x" R "y" R R "z" R R R R R "\"");
#undef R
    buf_clear(&b);
    buf_json(&b, NULL, 0);
    assert_string_equal(buf_str(&b), "\"\"");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_append),  cmocka_unit_test(test_printf_grows),
        cmocka_unit_test(test_sticky),  cmocka_unit_test(test_default_cap),
        cmocka_unit_test(test_steal),   cmocka_unit_test(test_shell),
        cmocka_unit_test(test_percent), cmocka_unit_test(test_json),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
