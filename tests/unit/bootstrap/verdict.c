#include "bootstrap/verdict.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static const struct circumstances now = { .boot_id = "b1",
                                          .qemu.path = "/usr/bin/qemu",
                                          .qemu_version = "7.2",
                                          .qemu.size = 12,
                                          .qemu.mtime_ns = 34,
                                          .limit_ms = 5000 };

static void test_round_trip(void **state)
{
    (void)state;
    for (int a = 0; a < ACCELS; a++) {
        struct accel_report r = { .accel = (enum accel)a,
                                  .reason = "because",
                                  .qemu_version = "7.2" };
        struct accel_report got = { .accel = ACCELS };
        auto_buf struct buf b = BUF_INIT;
        verdict_render(&r, &now, &b);
        assert_int_equal(verdict_parse(buf_str(&b), &now, &got), 0);
        assert_int_equal(got.accel, a);
        assert_string_equal(got.reason, "because");
        assert_string_equal(got.qemu_version, "7.2");
    }
}

static void test_other_circumstances(void **state)
{
    (void)state;
    struct accel_report r = { .accel = ACCEL_KVM, .reason = "because" };
    struct accel_report got;
    auto_buf struct buf b = BUF_INIT;
    verdict_render(&r, &now, &b);
    struct circumstances c[5] = { now, now, now, now, now };
    strcpy(c[0].boot_id, "b2");
    strcpy(c[1].qemu.path, "/opt/qemu");
    strcpy(c[2].qemu_version, "8.0");
    c[3].qemu.size++;
    c[4].qemu.mtime_ns--;
    for (int i = 0; i < 5; i++)
        assert_int_equal(verdict_parse(buf_str(&b), &c[i], &got), -1);
}

/* "Hung" is said of a time; that KVM works is not. */
static void test_longer(void **state)
{
    (void)state;
    for (int a = 0; a < ACCELS; a++) {
        struct accel_report r = { .accel = (enum accel)a, .reason = "because" };
        struct accel_report got;
        struct circumstances c = now;
        auto_buf struct buf b = BUF_INIT;
        verdict_render(&r, &now, &b);
        c.limit_ms--;
        assert_int_equal(verdict_parse(buf_str(&b), &c, &got), 0);
        c.limit_ms += 2;
        assert_int_equal(verdict_parse(buf_str(&b), &c, &got), a == ACCEL_KVM ? 0 : -1);
    }
}

/* Cut or damaged anywhere, it is no verdict. */
static void test_damaged(void **state)
{
    (void)state;
    struct accel_report r = { .accel = ACCEL_KVM, .reason = "because" };
    struct accel_report got;
    auto_buf struct buf b = BUF_INIT;
    verdict_render(&r, &now, &b);
    for (size_t n = 0; n < b.len; n++) {
        auto_buf struct buf cut = BUF_INIT;
        buf_put(&cut, b.data, n);
        assert_int_equal(verdict_parse(buf_str(&cut), &now, &got), -1);
    }
    assert_int_equal(verdict_parse("xen\nbecause\n5000\n", &now, &got), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_other_circumstances),
        cmocka_unit_test(test_longer),
        cmocka_unit_test(test_damaged),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
