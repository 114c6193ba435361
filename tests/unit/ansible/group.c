#include "ansible/group.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static void assert_groups(const struct groups *g, const char *want)
{
    auto_buf struct buf out = BUF_INIT;

    groups_put(g, 0, &out);
    assert_string_equal(buf_str(&out), want);
}

static void test_sorted_by_name(void **state)
{
    (void)state;
    struct groups *g = groups_new(NULL);

    assert_true(groups_empty(g));
    assert_int_equal(groups_add(g, GROUP_FLEET, "web", "a", NULL), 0);
    assert_int_equal(groups_add(g, GROUP_FLEET, "db", "a", NULL), 0);
    assert_int_equal(groups_add(g, GROUP_FLEET, "web", "b", NULL), 0);
    assert_int_equal(groups_add(g, GROUP_FLEET, "Web", "c", NULL), 0);
    assert_false(groups_empty(g));
    assert_groups(g, "Web:\n  hosts:\n    c:\n"
                     "db:\n  hosts:\n    a:\n"
                     "web:\n  hosts:\n    a:\n    b:\n");
    groups_free(g);
}

/* Whoever comes first, the fleet's group holds the fleet's members alone. */
static void test_the_fleet_s_group_wins(void **state)
{
    (void)state;
    static const char want[] = "# The fleet's own group; roost's of this name is left out.\n"
                               "state_homed:\n  hosts:\n    mine:\n";
    struct groups *g = groups_new(NULL);

    groups_add(g, GROUP_ROOST, "state_homed", "a", NULL);
    groups_add(g, GROUP_FLEET, "state_homed", "mine", NULL);
    groups_add(g, GROUP_ROOST, "state_homed", "z", NULL);
    assert_groups(g, want);
    groups_free(g);
    g = groups_new(NULL);
    groups_add(g, GROUP_FLEET, "state_homed", "mine", NULL);
    groups_add(g, GROUP_ROOST, "state_homed", "z", NULL);
    assert_groups(g, want);
    groups_free(g);
}

static void test_name_too_long(void **state)
{
    (void)state;
    char name[200];
    struct groups *g = groups_new(NULL);

    memset(name, 'x', sizeof(name) - 1);
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(groups_add(g, GROUP_FLEET, name, "a", NULL), -1);
    assert_true(groups_empty(g));
    groups_free(g);
}

static void test_keys(void **state)
{
    (void)state;
    static const struct {
        const char *name, *want;
    } keys[] = {
        { "web1", "web1:" },     { "Yes", "\"Yes\":" },     { "n", "\"n\":" },
        { "null", "\"null\":" }, { "0755", "\"0755\":" },   { "1e3", "\"1e3\":" },
        { "_x", "_x:" },         { "on-call", "on-call:" }, { "OFF", "\"OFF\":" },
        { "true", "\"true\":" }, { "nullx", "nullx:" },     { "12-01-01", "\"12-01-01\":" },
    };

    for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++) {
        auto_buf struct buf out = BUF_INIT;
        group_put_key(&out, 0, keys[i].name);
        assert_string_equal(buf_str(&out), keys[i].want);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sorted_by_name),
        cmocka_unit_test(test_the_fleet_s_group_wins),
        cmocka_unit_test(test_name_too_long),
        cmocka_unit_test(test_keys),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
