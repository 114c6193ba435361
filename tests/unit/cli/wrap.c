#include "cli/wrap.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void wraps(const char *s, size_t width, size_t indent, const char *want)
{
    auto_buf struct buf b = BUF_INIT;

    wrap_text(s, width, indent, &b);
    assert_string_equal(b.len ? buf_str(&b) : "", want);
}

static void test_between_words(void **state)
{
    (void)state;
    wraps("", 5, 0, "");
    wraps("one", 5, 0, "one");
    wraps("one two", 7, 0, "one two");
    wraps("one two", 6, 0, "one\ntwo");
    wraps("one two three", 3, 0, "one\ntwo\nthr\nee");
    wraps("one  two", 4, 0, "one\ntwo");
    wraps("a b c d", 3, 0, "a b\nc d");
    wraps("two\nlines here", 5, 0, "two\nlines\nhere");
    wraps("ends\n", 5, 0, "ends\n");
}

static void test_indent(void **state)
{
    (void)state;
    wraps("name  what it is", 10, 6, "name  what\n      it\n      is");
    wraps("no room", 2, 6, "no\nro\nom");
}

/* A character is one column, however many bytes it has, and is never cut. */
static void test_characters(void **state)
{
    (void)state;
    wraps("äöü äöü", 3, 0, "äöü\näöü");
    wraps("……………", 2, 0, "……\n……\n…");
    wraps("x", 0, 0, "x");
    assert_int_equal(wrap_width("NAME…"), 5);
    assert_int_equal(wrap_width("a\nlonger\nb"), 6);
    assert_int_equal(wrap_width(""), 0);
}

static void test_share(void **state)
{
    const size_t want[] = { 5, 100, 0, 40 };
    size_t got[4];

    (void)state;
    wrap_share(want, 4, 65, 10, got);
    assert_int_equal(got[0], 5);
    assert_int_equal(got[1], 30);
    assert_int_equal(got[3], 30);
    wrap_share(want, 4, 120, 10, got);
    assert_int_equal(got[1], 75);
    assert_int_equal(got[3], 40);
    wrap_share(want, 4, 0, 10, got); /* nothing is left, and yet one can read it */
    assert_int_equal(got[0], 10);
    assert_int_equal(got[1], 10);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_between_words),
        cmocka_unit_test(test_indent),
        cmocka_unit_test(test_characters),
        cmocka_unit_test(test_share),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
