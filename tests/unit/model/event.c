#include "model/event.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/utf8.h"

static void test_names(void **state)
{
    (void)state;
    for (int k = 0; k < EV_KINDS; k++) {
        const char *name = event_kind_name((enum event_kind)k);
        assert_non_null(name);
        assert_int_equal(event_kind_from_name(name), k); /* so they are distinct, too */
        assert_non_null(strchr("ewid", event_kind_level((enum event_kind)k)));
        assert_int_equal(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
    }
    assert_string_equal(event_kind_name(EV_SEED_SERVED), "seed-served");
    assert_int_equal(event_kind_level(EV_KEY_MISMATCH), 'e');
    assert_int_equal(event_kind_from_name("no-such"), -1);
    assert_int_equal(event_kind_from_name(""), -1);
}

static void test_detail_is_one_harmless_line(void **state)
{
    (void)state;
    static const struct {
        const char *in, *want;
    } rows[] = {
        { "modules-config SUCCESS", "modules-config SUCCESS" },
        { "a\nb\r\tc\x7f", "a?b??c?" },
        { "\x1b[31mred", "?[31mred" },
        { "Gr\xc3\xbc\xc3\x9f"
          "e \xe2\x82\xac \xf0\x9f\x90\x94",
          "Gr\xc3\xbc\xc3\x9f"
          "e \xe2\x82\xac \xf0\x9f\x90\x94" },
        { "\xff\xfe", "??" },
        { "cut \xe2\x82", "cut ??" },
        { "\xc0\xaf overlong", "?? overlong" },
        { "\xed\xa0\x80 surrogate", "??? surrogate" },
        { "c1 \xc2\x9b"
          "31m",
          "c1 ?31m" },
        { "turned \xe2\x80\xae"
          "round",
          "turned ?round" },
        { "line\xe2\x80\xa8"
          "separator",
          "line?separator" },
        { "", "" },
    };
    struct event ev = { 0 };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        event_detail(&ev, "%s", rows[i].in);
        assert_string_equal(ev.detail, rows[i].want);
    }
    event_detail(&ev, "%s %d", "port", 22);
    assert_string_equal(ev.detail, "port 22");
}

static void test_detail_is_cut_between_characters(void **state)
{
    (void)state;
    char text[4000];
    struct event ev;

    memset(&ev, 'x', sizeof ev);
    memset(text, 'a', sizeof text);
    text[sizeof text - 1] = '\0';
    event_detail(&ev, "%s", text);
    assert_int_equal(strlen(ev.detail), EVENT_DETAIL_MAX);
    assert_int_equal(ev.actor[0], 'x');
    for (size_t i = 1; i + 3 < sizeof text; i += 3)
        memcpy(text + i, "\xe2\x82\xac", 3);
    event_detail(&ev, "%s", text);
    assert_int_equal(strlen(ev.detail), EVENT_DETAIL_MAX);
    assert_true(utf8_valid(ev.detail, EVENT_DETAIL_MAX));
    event_detail(&ev, "a%s", text);
    assert_int_equal(strlen(ev.detail), EVENT_DETAIL_MAX - 2);
    assert_true(utf8_valid(ev.detail, strlen(ev.detail)));
    assert_null(strchr(ev.detail, '?'));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_detail_is_one_harmless_line),
        cmocka_unit_test(test_detail_is_cut_between_characters),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
