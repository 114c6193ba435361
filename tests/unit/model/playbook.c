#include "model/playbook.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void taken(void **state)
{
    (void)state;
    static const char *const fine[] = { "site.yaml",   "web/site.yml", "/srv/a b/site.yaml",
                                        "..site.yaml", "a..b",         "./x" };
    for (size_t i = 0; i < ARRAY_SIZE(fine); i++) {
        struct playbook p;
        assert_int_equal(playbook_parse(fine[i], &p, NULL), 0);
        assert_string_equal(p.s, fine[i]);
    }
}

static void refused(void **state)
{
    (void)state;
    static const struct {
        const char *s, *why;
    } rows[] = {
        { "", "1 to 255 printable" },   { "a\nb", "printable" },
        { "s\xc3\xa9", "printable" },   { "--list-hosts", "no '-' first" },
        { "dir/", "expected a file" },  { "../x.yaml", "without \"..\"" },
        { "a/../x", "without \"..\"" }, { "/srv/..", "without \"..\"" },
    };
    char longest[PLAYBOOK_MAX + 2];
    struct playbook p = { "kept" };
    struct err e;

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(playbook_parse(rows[i].s, &p, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_non_null(strstr(e.text, rows[i].why));
        assert_string_equal(p.s, "kept");
    }
    memset(longest, 'a', sizeof longest - 1);
    longest[sizeof longest - 1] = '\0';
    assert_int_equal(playbook_parse(longest, &p, &e), -1);
    longest[PLAYBOOK_MAX] = '\0';
    assert_int_equal(playbook_parse(longest, &p, &e), 0);
}

static void triggers(void **state)
{
    (void)state;
    for (int t = 0; t < TRIGGERS; t++)
        assert_int_equal(trigger_from_name(trigger_name((enum trigger)t)), t);
    assert_int_equal(trigger_from_name("never"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(taken), cmocka_unit_test(refused),
                                        cmocka_unit_test(triggers) };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
