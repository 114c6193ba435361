#include "seeds/keyscan.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#define KEY "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIM3yXUSZJmz+cmvNA1I7DYFuRaufW6/0GYdFxaoCwU/x"

static void test_keys(void **state)
{
    (void)state;
    static struct homecoming h;
    static const char text[] = "# 127.0.0.1:22 SSH-2.0-x\n[127.0.0.1]:4022 " KEY "\nh " KEY
                               "\nh ssh-rsa AAAA\nh\n\nnonsense of a kind";
    char line[sizeof h.keys[0].algorithm + sizeof h.keys[0].blob];

    assert_int_equal(keyscan_parse(text, sizeof text - 1, &h), 1);
    assert_true(h.has[HOSTKEY_ED25519] && !h.has[HOSTKEY_RSA]);
    hostkey_line(&h.keys[HOSTKEY_ED25519], line, sizeof line);
    assert_string_equal(line, KEY);
    assert_int_equal(keyscan_parse("h " KEY, strlen("h " KEY), &h), 1);
}

static void test_nothing(void **state)
{
    (void)state;
    static const char *const texts[] = { "", "\n\n", "#" KEY "\n", KEY, " \n", "h " KEY "x\n" };
    static struct homecoming h;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        assert_int_equal(keyscan_parse(texts[i], strlen(texts[i]), &h), 0);
        assert_false(h.has[HOSTKEY_ED25519]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_keys),
        cmocka_unit_test(test_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
