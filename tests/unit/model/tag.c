#include "model/tag.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

#define A63 "aaaaaaaaaabbbbbbbbbbccccccccccddddddddddeeeeeeeeeeffffffffffggg"

static void test_parse(void **state)
{
    (void)state;
    static const char *const good[] = { "web1", "WEB_1.lab-2", "0", "...", "a", A63 };
    static const char *const bad[] = { "",     ".",   "..",  "a b",  "a/b",
                                       "a%2e", "a,b", "a\n", "\xff", A63 "h" };
    struct tag t;
    struct err e;

    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        assert_int_equal(tag_parse(good[i], strlen(good[i]), &t, &e), 0);
        assert_string_equal(t.s, good[i]);
    }
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        strcpy(t.s, "kept");
        assert_int_equal(tag_parse(bad[i], strlen(bad[i]), &t, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_string_equal(t.s, "kept");
    }
    assert_int_equal(tag_parse("a\0b", 3, &t, &e), -1);
    /* The length counts, not a NUL behind it. */
    assert_int_equal(tag_parse("web1/meta-data", 4, &t, &e), 0);
    assert_string_equal(t.s, "web1");
}

static void test_filler(void **state)
{
    (void)state;
    static const char *const filler[] = { "",
                                          "   ",
                                          "\t\n",
                                          "Default string",
                                          "default STRING  ",
                                          "To Be Filled By O.E.M.",
                                          "No Asset Tag",
                                          "Not Specified",
                                          " None",
                                          "7783-7084-3265-9085-8269-3286-77",
                                          "00000000",
                                          ".......",
                                          "-" };
    static const char *const real[] = { "web1", "0", "none-such", "default",
                                        "0001", "a", "--x",       "xxx" };

    for (size_t i = 0; i < ARRAY_SIZE(filler); i++)
        assert_true(tag_is_filler(filler[i], strlen(filler[i])));
    for (size_t i = 0; i < ARRAY_SIZE(real); i++)
        assert_false(tag_is_filler(real[i], strlen(real[i])));
    assert_true(tag_is_filler("None\0\0\0", 7)); /* as a fixed-size field holds it */
    assert_false(tag_is_filler("Nonesuch", 8));
    assert_true(tag_is_filler("Nonesuch", 4));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_parse),
        cmocka_unit_test(test_filler),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
