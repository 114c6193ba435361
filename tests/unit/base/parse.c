#include "base/parse.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void test_u64(void **state)
{
    (void)state;
    uint64_t v = 99;
    assert_int_equal(parse_u64("0", 0, 10, &v, NULL), 0);
    assert_int_equal(v, 0);
    assert_int_equal(parse_u64("18446744073709551615", 0, UINT64_MAX, &v, NULL), 0);
    assert_true(v == UINT64_MAX);
    static const char *const bad[] = { "",
                                       " 1",
                                       "1 ",
                                       "+1",
                                       "-1",
                                       "0x1",
                                       "1.0",
                                       "1e3",
                                       "80x",
                                       "11",
                                       "4",
                                       "18446744073709551616",
                                       "99999999999999999999999" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct err e = { 0 };
        v = 99;
        assert_int_equal(parse_u64(bad[i], 5, 10, &v, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_int_equal(v, 99);
    }
    struct err e;
    parse_u64("80x", 1, 65535, &v, &e);
    assert_string_equal(e.text, "\"80x\" is not a whole number from 1 to 65535");
}

static void test_bool(void **state)
{
    (void)state;
    static const char *const yes[] = { "yes", "true", "on" };
    static const char *const no[] = { "no", "false", "off" };
    static const char *const bad[] = { "", "Yes", "1", "0", "yes ", "y" };
    for (size_t i = 0; i < 3; i++) {
        bool v = false;
        assert_int_equal(parse_bool(yes[i], &v, NULL), 0);
        assert_true(v);
        assert_int_equal(parse_bool(no[i], &v, NULL), 0);
        assert_false(v);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        bool v = true;
        assert_int_equal(parse_bool(bad[i], &v, NULL), -1);
        assert_true(v);
    }
}

static void test_size(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        uint64_t v;
    } good[] = {
        { "0", 0 },           { "512", 512 },       { "512B", 512 },
        { "1K", 1024 },       { "2KB", 2048 },      { "3KiB", 3072 },
        { "2G", 2ull << 30 }, { "10M", 10u << 20 }, { "16777215T", 16777215ull << 40 },
    };
    static const char *const bad[] = { "",    "G",     "-1G", "1.5G", "2g",        "2 G",
                                       "1iB", "1KiBx", "1KK", "1Ki",  "16777216T", "1P" };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        uint64_t v = 1;
        assert_int_equal(parse_size(good[i].s, &v, NULL), 0);
        assert_true(v == good[i].v);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        uint64_t v = 7;
        if (parse_size(bad[i], &v, NULL) == 0)
            fail_msg("\"%s\" was accepted", bad[i]);
        assert_int_equal(v, 7);
    }
}

static void test_duration(void **state)
{
    (void)state;
    static const struct {
        const char *s;
        int64_t v;
    } good[] = {
        { "250ms", 250 },
        { "40s", 40000 },
        { "5m", 300000 },
        { "1h30m", 5400000 },
        { "2d", 172800000 },
        { "0s", 0 },
        { "1d2h3m4s5ms", 93784005 },
        { "90m", 5400000 },
    };
    static const char *const bad[] = {
        "",     "5",    "m",  "5 m",  "-5m",  "1m1h",          "1m1m",
        "1.5h", "5min", "5M", "1h30", "1msx", "106751991168d", "99999999999999999999s"
    };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        int64_t v = 1;
        assert_int_equal(parse_duration(good[i].s, &v, NULL), 0);
        assert_true(v == good[i].v);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        int64_t v = 7;
        if (parse_duration(bad[i], &v, NULL) == 0)
            fail_msg("\"%s\" was accepted", bad[i]);
        assert_int_equal(v, 7);
    }
}

static void test_format_duration(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *s;
    } cases[] = {
        { 0, "0s" },
        { 1, "0.0s" },
        { 300, "0.3s" },
        { 999, "0.9s" },
        { 1000, "1s" },
        { 40999, "40s" },
        { 60000, "1m00s" },
        { 252000, "4m12s" },
        { 3780000, "1h03m" },
        { 86399999, "23h59m" },
        { 187200000, "2d4h" },
        { -40000, "-40s" },
        { INT64_MAX, "106751991167d7h" },
        { INT64_MIN, "-106751991167d7h" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char out[24];
        assert_string_equal(format_duration(cases[i].ms, out), cases[i].s);
    }
}

static void test_format_size(void **state)
{
    (void)state;
    static const struct {
        uint64_t v;
        const char *s;
    } cases[] = {
        { 0, "0 B" },
        { 1023, "1023 B" },
        { 1024, "1.0 KiB" },
        { 1536, "1.5 KiB" },
        { 512ull << 20, "512 MiB" },
        { 2ull << 30, "2.0 GiB" },
        { (1u << 20) - 1, "1.0 MiB" },
        { 10ull << 30, "10 GiB" },
        { UINT64_MAX, "16 EiB" },
        { 10188, "9.9 KiB" },
        { 10230, "10 KiB" },
        { 25276514304, "23.5 GiB" }, /* a host, and what of it is not kept for other things: */
        { 25276514304 - (512u << 20), "23 GiB" },
        { 102348, "99.9 KiB" },
        { 102349, "100 KiB" },
        { 15ull << 29, "7.5 GiB" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char out[24];
        assert_string_equal(format_size(cases[i].v, out), cases[i].s);
    }
}

static void decodes(const char *in, bool plus, const char *want)
{
    char out[64];
    int n = percent_decode(in, strlen(in), plus, out, sizeof(out), NULL);
    assert_int_equal(n, strlen(want));
    assert_string_equal(out, want);
}

static void test_percent(void **state)
{
    (void)state;
    decodes("", false, "");
    decodes("a%2Fb%2fc", false, "a/b/c");
    decodes("a+b%2B", false, "a+b+");
    decodes("a+b%2B", true, "a b+");
    decodes("%2541", false, "%41"); /* one pass */
    decodes("%c3%bc%0A", false, "\xc3\xbc\n");
    static const char *const bad[] = { "%", "%4", "%4g", "%g4", "a%00b", "abc%", "% 41" };
    char out[64];
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(percent_decode(bad[i], strlen(bad[i]), true, out, sizeof(out), NULL), -1);
    assert_int_equal(percent_decode("a\0b", 3, true, out, sizeof(out), NULL), -1);
    assert_int_equal(percent_decode("%41", 2, true, out, sizeof(out), NULL), -1);
    struct err e;
    assert_int_equal(percent_decode("abc", 3, true, out, 4, &e), 3);
    assert_int_equal(percent_decode("abc", 3, true, out, 3, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
    assert_int_equal(percent_decode("", 0, true, out, 0, &e), -1);
    assert_int_equal(percent_decode("ab%63", 5, true, out, 4, &e), 3);
    assert_int_equal(percent_decode("ab%63", 5, true, out, 3, &e), -1);
    assert_int_equal(percent_decode("ab%zz", 5, true, out, 64, &e), -1);
    assert_non_null(strstr(e.text, "byte 3"));
    /* In place. */
    char text[] = "x%41%42y";
    assert_int_equal(percent_decode(text, strlen(text), false, text, sizeof(text), NULL), 4);
    assert_string_equal(text, "xABy");
    /* Wherever it stands among others, each byte is seen and nothing else is. */
    int n;
    for (size_t at = 0; at < 24; at++) {
        for (int c = 0; c < 256; c++) {
            char in[25], want[25];
            memset(in, 'x', 24);
            in[24] = '\0';
            in[at] = (char)c;
            memcpy(want, in, sizeof(want));
            want[at] = c == '+' ? ' ' : (char)c;
            n = percent_decode(in, 24, true, out, sizeof(out), NULL);
            assert_int_equal(n, c == '\0' || c == '%' ? -1 : 24);
            if (n == 24)
                assert_string_equal(out, want);
        }
    }
}

static void test_ascii_printable(void **state)
{
    (void)state;
    assert_true(ascii_printable(" ~", 2));
    assert_true(ascii_printable("", 0));
    assert_false(ascii_printable("a\x7f", 2));
    assert_false(ascii_printable("a\x1f", 2));
    assert_false(ascii_printable("\xc3\xbc", 2));
}

static void test_each_escape_at_each_place(void **state)
{
    (void)state;
    for (int at = 0; at < 21; at++) {
        for (int next = at + 1; next < 22; next++) {
            char in[24], out[24], want[24];
            memset(in, '$', sizeof(in)); /* beside '%' and, with a borrow, '+' */
            in[at] = '+';
            in[next] = '+';
            in[22] = '\0';
            memcpy(want, in, sizeof(want));
            assert_int_equal(percent_decode(in, 22, false, out, sizeof(out), NULL), 22);
            assert_string_equal(out, want);
            want[at] = want[next] = ' ';
            assert_int_equal(percent_decode(in, 22, true, out, sizeof(out), NULL), 22);
            assert_string_equal(out, want);
            in[next] = '\0';
            assert_int_equal(percent_decode(in, 22, true, out, sizeof(out), NULL), -1);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_u64),
        cmocka_unit_test(test_bool),
        cmocka_unit_test(test_size),
        cmocka_unit_test(test_duration),
        cmocka_unit_test(test_format_duration),
        cmocka_unit_test(test_format_size),
        cmocka_unit_test(test_percent),
        cmocka_unit_test(test_ascii_printable),
        cmocka_unit_test(test_each_escape_at_each_place),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
