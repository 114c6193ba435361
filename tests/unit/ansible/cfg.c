#include "ansible/cfg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static const struct ansible_cfg none = { "", "", "", "", "", 0, 0, false };

static void test_a_whole_one(void **state)
{
    (void)state;
    const struct ansible_cfg c = {
        "/s/generated/inventory.yaml",
        "/s/my state/known_hosts",
        "/s/id_ed25519",
        "/s/plugins",
        "ops",
        25,
        20,
        true,
    };
    auto_buf struct buf out = BUF_INIT;

    assert_int_equal(ansible_cfg_render(&c, &out, NULL), 0);
    assert_string_equal(
        buf_str(&out),
        "[defaults]\n"
        "inventory = /s/generated/inventory.yaml\n"
        "private_key_file = /s/id_ed25519\n"
        "callback_plugins = /s/plugins\n"
        "remote_user = ops\n"
        "host_key_checking = True\n"
        "retry_files_enabled = False\n"
        "interpreter_python = auto_silent\n"
        "forks = 25\n"
        "timeout = 20\n\n"
        "[privilege_escalation]\nbecome = True\n\n"
        "[ssh_connection]\n"
        "pipelining = True\n"
        "ssh_args = -C -o ControlMaster=auto -o ControlPersist=60s "
        "-o 'UserKnownHostsFile=\"/s/my state/known_hosts\"' -o GlobalKnownHostsFile=/dev/null "
        "-o StrictHostKeyChecking=yes -o CheckHostIP=no\n");
}

static void test_what_is_left_out(void **state)
{
    (void)state;
    auto_buf struct buf out = BUF_INIT;

    assert_int_equal(ansible_cfg_render(&none, &out, NULL), 0);
    assert_null(strstr(buf_str(&out), "inventory"));
    assert_null(strstr(buf_str(&out), "become"));
    assert_non_null(strstr(buf_str(&out), "host_key_checking = True\n"));
    assert_non_null(strstr(buf_str(&out), "forks = 10\n"));
}

static void test_paths(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "site.yaml", "",         "/a\nb",    "/a ;b", "/$HOME/x", "/a:b",
        "/a,b",      "/{{ x }}", "/{% x %}", "/{#x",  "/\xff",
    };
    struct err e;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        e = (struct err){ 0 };
        assert_int_equal(cfg_path_check(bad[i], &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
    }
    assert_int_equal(cfg_path_check("/srv/my fleet/100%/a;b#c'd\"e", NULL), 0);
}

static void test_what_is_refused(void **state)
{
    (void)state;
    struct ansible_cfg c = none;
    auto_buf struct buf out = BUF_INIT;
    struct err e = { 0 };

    c.known_hosts = "/a:b";
    assert_int_equal(ansible_cfg_render(&c, &out, &e), -1);
    assert_non_null(strstr(e.text, "known_hosts"));
    c = none;
    c.remote_user = "ops\nbecome_user = root";
    assert_int_equal(ansible_cfg_render(&c, &out, &e), -1);
    assert_non_null(strstr(e.text, "remote_user"));
    c = none;
    c.plugins = "plugins";
    assert_int_equal(ansible_cfg_render(&c, &out, &e), -1);
    assert_non_null(strstr(e.text, "callback_plugins"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_one),
        cmocka_unit_test(test_what_is_left_out),
        cmocka_unit_test(test_paths),
        cmocka_unit_test(test_what_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
