#include "ansible/runend.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void test_there_and_back(void **state)
{
    (void)state;
    for (int how = 0; how < RUNNER_HOWS; how++) {
        const struct runner_end end = { (enum runner_how)how, 2, 9, 123456789012, true, "a \"b\"" };
        auto_buf struct buf text = BUF_INIT;
        struct runner_end back;

        assert_int_equal(runend_render(&end, &text, NULL), 0);
        assert_int_equal(runend_parse(buf_str(&text), text.len, &back, NULL), 0);
        assert_int_equal(back.how, end.how);
        assert_int_equal(back.exit_code, 2);
        assert_int_equal(back.signal, 9);
        assert_int_equal(back.took_ms, 123456789012);
        assert_true(back.log_lost);
        assert_string_equal(back.reason, end.reason);
        assert_int_equal(runner_how_from_name(runner_how_name(end.how)), how);
    }
}

static void test_what_is_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{}",
        "[]",
        "{\"how\":\"done\"}",
        "{\"how\":\"fine\",\"exit\":0,\"signal\":0,\"took-ms\":1,\"log-lost\":false,\"reason\":"
        "\"\"}",
        "{\"how\":\"done\",\"exit\":0,\"signal\":0,\"took-ms\":1,\"log-lost\":false,\"reason\":"
        "\"\"",
    };
    struct runner_end end;
    struct err e;

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        e = (struct err){ 0 };
        assert_int_equal(runend_parse(bad[i], strlen(bad[i]), &end, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
    }
    assert_int_equal(runner_how_from_name("fine"), -1);
}

static void assert_reason(enum runner_how how, int code, int signo, const char *part)
{
    struct runner_end end = { .how = how, .exit_code = code, .signal = signo };

    runend_reason(&end);
    if (!strstr(end.reason, part))
        fail_msg("no \"%s\" in \"%s\"", part, end.reason);
}

static void test_reasons(void **state)
{
    (void)state;
    struct runner_end well = { 0 };

    runend_reason(&well);
    assert_string_equal(well.reason, "");
    assert_reason(RUNNER_DONE, 2, 0, "a task failed");
    assert_reason(RUNNER_DONE, 4, 0, "unreachable");
    assert_reason(RUNNER_DONE, 77, 0, "exit code 77");
    assert_reason(RUNNER_KILLED, 0, 9, "signal 9");
    assert_reason(RUNNER_TIMED_OUT, 0, 0, "time limit");
    assert_reason(RUNNER_INTERRUPTED, 0, 0, "interrupted");
}

static void test_what_ansible_says(void **state)
{
    (void)state;
    char out[600], small[12];

    runend_error("[WARNING]: x\nERROR! first\nERROR! 'taskz' is not valid\n\n  in '/f/site.yaml': "
                 "line 3,\tcolumn 5\x1b\n",
                 out, sizeof(out));
    assert_string_equal(out, "ERROR! 'taskz' is not valid in '/f/site.yaml': line 3, column 5?");
    runend_error("ERROR! Please check your playbook \n", out, sizeof(out));
    assert_string_equal(out, "ERROR! Please check your playbook");
    runend_error("nothing of it", out, sizeof(out));
    assert_string_equal(out, "");
    runend_error("ERROR! more than fits", small, sizeof(small));
    assert_string_equal(small, "ERROR! more");

    auto_buf struct buf many = BUF_INIT;
    buf_puts(&many, "ERROR! only in: ");
    for (int i = 0; i < 200; i++)
        buf_puts(&many, "module, ");
    buf_puts(&many, "\n\nThe error appears to be in '/f/site.yaml': line 3, column 5, but may");
    runend_error(buf_str(&many), out, sizeof(out));
    assert_non_null(strstr(out, "module, "));
    assert_non_null(strstr(out, "… The error appears to be in '/f/site.yaml': line 3, column 5"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back),
        cmocka_unit_test(test_what_is_none),
        cmocka_unit_test(test_reasons),
        cmocka_unit_test(test_what_ansible_says),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
