#include "model/name.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define A63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"

static void test_name(void **state)
{
    (void)state;
    static const char *const good[] = { "a", "0", "web1", "web-1", "a--b", "127", A63 };
    static const char *const bad[] = { "",      "-a",        "a-",     "Web", "a.b",   "a_b", "a b",
                                       "web\n", "w\xc3\xa9", "../etc", "a/b", A63 "h", "-" };
    struct name n;
    struct err e;

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(name_parse(good[i], "instance name", &n, &e), 0);
        assert_string_equal(n.s, good[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        strcpy(n.s, "kept");
        assert_int_equal(name_parse(bad[i], "image name", &n, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_non_null(strstr(e.text, "image name"));
        assert_string_equal(n.s, "kept");
    }
}

static void test_group(void **state)
{
    (void)state;
    static const char *const good[] = { "web", "_", "Web_1", "all_hosts", A63 };
    static const char *const bad[] = { "",    "1web",      "web-1",     "web.1", "{{x}}",
                                       "all", "ungrouped", "localhost", A63 "h", "a\n" };
    struct name n;
    struct err e;

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(group_parse(good[i], &n, &e), 0);
        assert_string_equal(n.s, good[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(group_parse(bad[i], &n, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
    }
}

static void test_domain(void **state)
{
    (void)state;
    static const char *const good[] = { "lab", "lab.internal", "a.b-c.d0", A63 "." A63 "." A63 };
    static const char *const bad[] = { "",
                                       ".",
                                       "lab.",
                                       ".lab",
                                       "a..b",
                                       "Lab",
                                       "a_b",
                                       "-a.b",
                                       "a.b-",
                                       "lab\ndhcp-script=/x",
                                       "a b",
                                       A63 "h.x",
                                       A63 "." A63 "." A63 "." A63 };
    char d[DOMAIN_MAX_LEN + 1];
    struct err e;

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(domain_parse(good[i], d, &e), 0);
        assert_string_equal(d, good[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(domain_parse(bad[i], d, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
    }
    /* 253 bytes are the most. */
    char longest[DOMAIN_MAX_LEN + 2];
    memset(longest, 'a', sizeof longest);
    for (size_t i = 62; i < sizeof longest; i += 63)
        longest[i] = '.';
    longest[DOMAIN_MAX_LEN] = '\0';
    assert_int_equal(domain_parse(longest, d, &e), 0);
    strcpy(longest + DOMAIN_MAX_LEN - 1, "aa");
    assert_int_equal(domain_parse(longest, d, &e), -1);
}

static void test_instance_name(void **state)
{
    (void)state;
    static const char *const reserved[] = { "all", "ungrouped", "localhost", "-a", "" };
    struct name n;
    struct err e;

    assert_int_equal(instance_name_parse("all-1", &n, &e), 0);
    assert_string_equal(n.s, "all-1");
    for (size_t i = 0; i < sizeof reserved / sizeof reserved[0]; i++) {
        assert_int_equal(instance_name_parse(reserved[i], &n, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_name),
        cmocka_unit_test(test_instance_name),
        cmocka_unit_test(test_group),
        cmocka_unit_test(test_domain),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
