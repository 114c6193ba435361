#include "netcfg/sysctl.h"

#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void test_ours(void **state)
{
    (void)state;
    static const char *const good[][2] = {
        { "net.ipv4.ip_forward", "0" },
        { "net.ipv4.ip_forward", "1" },
        { "net.ipv4.conf.rb-lab.rp_filter", "2" },
        { "net.ipv4.conf.rb-fifteen-lett.rp_filter", "0" },
        { "net.ipv6.conf.rb-a.disable_ipv6", "1" },
        { "net.ipv6.conf.rb-a.accept_ra", "0" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_int_equal(sysctl_check(good[i][0], good[i][1], NULL), 0);
}

static void test_not_ours(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "net.ipv4.ip_forward ",
        "net.ipv4.ip_forward_use_pmtu",
        "net/ipv4/ip_forward",
        "kernel.core_pattern",
        "net.ipv4.conf.all.rp_filter",
        "net.ipv4.conf.eth0.rp_filter",
        "net.ipv4.conf.rb-.rp_filter",
        "net.ipv4.conf..rp_filter",
        "net.ipv4.conf.rb-lab.route_localnet",
        "net.ipv4.conf.rb-lab.accept_ra",
        "net.ipv4.conf.rb-../../../kernel.rp_filter",
        "net.ipv4.conf.rb-a/b.rp_filter",
        "net.ipv4.conf.rb-a.b.rp_filter",
        "net.ipv4.conf.rb-LAB.rp_filter",
        "net.ipv4.conf.rb-a\n.rp_filter",
        "net.ipv4.conf.rb-sixteen-bytess.rp_filter",
        "net.ipv6.conf.rb-lab.rp_filter",
        "net.ipv4.conf.rp_filter",
    };
    char value[SYSCTL_VALUE_MAX] = "kept";

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct err e = { 0 };
        assert_int_equal(sysctl_check(bad[i], "1", &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_int_equal(sysctl_write(bad[i], "1", NULL), -1);
        assert_int_equal(sysctl_read(bad[i], value, NULL), -1);
        assert_string_equal(value, "kept");
    }
}

static void test_values(void **state)
{
    (void)state;
    static const char *const bad[] = { "", "2", "-1", "00", "1\n", "on", ":" };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(sysctl_check("net.ipv4.ip_forward", bad[i], NULL), -1);
        assert_int_equal(sysctl_write("net.ipv4.ip_forward", bad[i], NULL), -1);
    }
    assert_int_equal(sysctl_check("net.ipv4.conf.rb-a.rp_filter", "3", NULL), -1);
}

static void test_read(void **state)
{
    (void)state;
    char value[SYSCTL_VALUE_MAX] = "kept";
    struct err e;

    assert_int_equal(sysctl_read("net.ipv4.ip_forward", value, NULL), 0);
    assert_true(!strcmp(value, "0") || !strcmp(value, "1"));
    assert_int_equal(sysctl_read("net.ipv4.conf.rb-not-there.rp_filter", value, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
}

/* In a network namespace of this test's own, where it may make one. */
static void test_write(void **state)
{
    (void)state;
    char value[SYSCTL_VALUE_MAX];

    if (unshare(CLONE_NEWNET) < 0 && unshare(CLONE_NEWUSER | CLONE_NEWNET) < 0)
        skip();
    for (int i = 0; i < 2; i++) {
        assert_int_equal(sysctl_write("net.ipv4.ip_forward", i ? "0" : "1", NULL), 0);
        assert_int_equal(sysctl_read("net.ipv4.ip_forward", value, NULL), 0);
        assert_string_equal(value, i ? "0" : "1");
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ours), cmocka_unit_test(test_not_ours), cmocka_unit_test(test_values),
        cmocka_unit_test(test_read), cmocka_unit_test(test_write),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
