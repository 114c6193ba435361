#include "seeds/report.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static struct report got;

static int parse(const char *body, struct err *e)
{
    return report_parse(body, strlen(body), &got, e);
}

static void test_finish(void **state)
{
    (void)state;
    struct err e = { 0 };
    static const char body[] =
        "{\"name\": \"init-network/config-users_groups\", \"description\": \"running x\", "
        "\"event_type\": \"finish\", \"origin\": \"cloudinit\", \"timestamp\": 1700000000.25, "
        "\"result\": \"WARN\"}";

    if (parse(body, &e) < 0)
        fail_msg("%s", e.text);
    assert_string_equal(got.name, "init-network/config-users_groups");
    assert_string_equal(got.description, "running x");
    assert_true(got.finish);
    assert_int_equal(got.result, REPORT_WARN);
    assert_true(got.timestamp > 1700000000.2 && got.timestamp < 1700000000.3);
    assert_false(got.is_stage);
    assert_false(got.is_final);
}

static void test_stages(void **state)
{
    (void)state;
    static const struct {
        const char *name, *type;
        bool stage, final;
    } cases[] = {
        { "init-local", "start", true, false },
        { "init-network", "finish", true, false },
        { "modules-config", "start", true, false },
        { "modules-final", "start", true, false },
        { "modules-final", "finish", true, true },
        { "modules-final/x", "finish", false, false },
        { "modules-finally", "finish", false, false },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char body[200];
        snprintf(body, sizeof body, "{\"name\":\"%s\",\"event_type\":\"%s\"}", cases[i].name,
                 cases[i].type);
        assert_int_equal(parse(body, NULL), 0);
        assert_int_equal(got.is_stage, cases[i].stage);
        assert_int_equal(got.is_final, cases[i].final);
        assert_int_equal(got.result, REPORT_NONE);
        assert_true(got.timestamp == 0);
    }
}

static void test_hostile_text(void **state)
{
    (void)state;
    char body[2000] = "{\"name\":\"a\",\"event_type\":\"start\",\"description\":\"\\u001b[2J\\n";

    for (int i = 0; i < 120; i++)
        strcat(body, "\xc3\xa9\xc3\xa9");
    strcat(body, "\",\"timestamp\":\"soon\",\"files\":[{}]}");
    assert_int_equal(parse(body, NULL), 0);
    assert_memory_equal(got.description, "?[2J?\xc3\xa9", 7);
    /* cut between characters: 5 bytes and 97 of two */
    assert_int_equal(strlen(got.description), 199);
    assert_true(got.timestamp == 0);
}

static void refused(const char *body, const char *words)
{
    struct err e = { 0 };

    got = (struct report){ .name = "untouched" };
    if (parse(body, &e) != -1 || e.kind != ERR_INVALID || !strstr(e.text, words))
        fail_msg("%s: \"%s\" has no \"%s\"", body, e.text, words);
    assert_string_equal(got.name, "untouched");
}

static void test_refused(void **state)
{
    (void)state;
    refused("", "report");
    refused("[]", "object");
    refused("{\"name\":\"a\"", "line 1");
    refused("{\"event_type\":\"start\"}", "name");
    refused("{\"name\":7,\"event_type\":\"start\"}", "name");
    refused("{\"name\":\"\",\"event_type\":\"start\"}", "name");
    refused("{\"name\":\"a\\nb\",\"event_type\":\"start\"}", "name");
    refused("{\"name\":\"{{x}}\",\"event_type\":\"start\"}", "name");
    refused("{\"name\":\"a\",\"event_type\":\"stop\"}", "event_type");
    refused("{\"name\":\"a\",\"event_type\":\"finish\",\"result\":\"OK\"}", "result");
    refused("{\"name\":\"a\",\"event_type\":\"finish\",\"result\":1}", "result");
    refused("{\"name\":\"a\",\"name\":\"b\",\"event_type\":\"start\"}", "duplicate");
}

static void test_caps(void **state)
{
    (void)state;
    struct err e = { 0 };
    static char body[REPORT_BODY_MAX + 1];
    char name[200] = "{\"event_type\":\"start\",\"name\":\"";

    memset(body, ' ', sizeof body);
    assert_int_equal(report_parse(body, sizeof body, &got, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
    for (int i = 0; i < 96; i++)
        strcat(name, "n");
    strcat(name, "\"}");
    refused(name, "name");
    memset(body, '[', REPORT_BODY_MAX);
    assert_int_equal(report_parse(body, REPORT_BODY_MAX, &got, &e), -1);
}

static void test_names(void **state)
{
    (void)state;
    assert_string_equal(report_result_name(REPORT_NONE), "");
    assert_string_equal(report_result_name(REPORT_FAIL), "FAIL");
    assert_null(report_result_name((enum report_result)9));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finish),       cmocka_unit_test(test_stages),
        cmocka_unit_test(test_hostile_text), cmocka_unit_test(test_refused),
        cmocka_unit_test(test_caps),         cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
