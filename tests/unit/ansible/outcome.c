#include "ansible/outcome.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"

static const struct name three[] = { { "web1" }, { "db1" }, { "web2" } };

static struct outcomes *outcomes_of(const char *text)
{
    struct outcomes *o = outcomes_new(three, 3, NULL);

    assert_non_null(o);
    outcomes_put(o, text, strlen(text));
    outcomes_finish(o);
    return o;
}

/* Sorted: db1, web1, web2. */
static const struct outcome_host *host(const struct outcomes *o, const char *name)
{
    for (int i = 0; i < outcomes_count(o); i++)
        if (!strcmp(outcomes_get(o, i)->host.s, name))
            return outcomes_get(o, i);
    fail_msg("no host %s", name);
    return NULL;
}

static const char whole[] =
    "{\"e\":\"start\"}\n{\"e\":\"play\"}\n"
    "{\"e\":\"begin\",\"h\":\"web1\",\"k\":\"copy it\",\"t\":100}\n"
    "{\"e\":\"begin\",\"h\":\"db1\",\"k\":\"copy it\",\"t\":110}\n"
    "{\"e\":\"changed\",\"h\":\"web1\",\"t\":1300}\n"
    "{\"e\":\"failed\",\"h\":\"db1\",\"k\":\"copy it\",\"m\":\"no \\u2014 room\",\"t\":700}\n"
    "{\"e\":\"failed\",\"h\":\"db1\",\"k\":\"always\",\"m\":\"second\",\"t\":900}\n"
    "{\"e\":\"stats\",\"h\":\"db1\",\"c\":[0,0,0,2,0,0,0]}\n"
    "{\"e\":\"stats\",\"h\":\"web1\",\"c\":[3,1,0,0,2,1,4]}\n"
    "{\"e\":\"end\"}\n";

static void test_a_whole_run(void **state)
{
    (void)state;
    struct outcomes *o = outcomes_of(whole);
    const struct outcome_host *h = host(o, "web1");

    assert_true(outcomes_begun(o) && outcomes_complete(o));
    assert_int_equal(outcomes_refused(o), 0);
    assert_string_equal(outcomes_get(o, 0)->host.s, "db1");
    assert_int_equal(h->state, OUTCOME_CHANGED);
    assert_int_equal(h->duration_ms, 1200);
    assert_int_equal(h->counts.ok, 3);
    assert_int_equal(h->counts.changed, 1);
    assert_int_equal(h->counts.skipped, 2);
    assert_int_equal(h->counts.rescued, 1);
    assert_int_equal(h->counts.ignored, 4);
    assert_string_equal(h->task, "");
    h = host(o, "db1");
    assert_int_equal(h->state, OUTCOME_FAILED);
    assert_string_equal(h->task, "copy it");
    assert_string_equal(h->message, "no \xe2\x80\x94 room");
    assert_int_equal(h->counts.failed, 2);
    h = host(o, "web2");
    assert_int_equal(h->state, OUTCOME_SKIPPED);
    assert_string_equal(h->message, "no play is for it");
    outcomes_free(o);
}

static void test_pieces_of_any_size(void **state)
{
    (void)state;
    for (size_t size = 1; size < 40; size++) {
        struct outcomes *o = outcomes_new(three, 3, NULL);
        for (size_t at = 0; at < sizeof(whole) - 1; at += size) {
            size_t left = sizeof(whole) - 1 - at;
            outcomes_put(o, whole + at, left < size ? left : size);
        }
        outcomes_finish(o);
        assert_int_equal(outcomes_refused(o), 0);
        assert_int_equal(host(o, "db1")->state, OUTCOME_FAILED);
        assert_int_equal(host(o, "web1")->state, OUTCOME_CHANGED);
        outcomes_free(o);
    }
}

/* Killed in the middle: what was decided stays, the others are unknown, and where they were. */
static void test_a_run_that_was_cut_off(void **state)
{
    (void)state;
    struct outcomes *o = outcomes_of(
        "{\"e\":\"start\"}\n{\"e\":\"play\"}\n"
        "{\"e\":\"begin\",\"h\":\"web1\",\"k\":\"sleep\",\"t\":5}\n"
        "{\"e\":\"unreachable\",\"h\":\"db1\",\"k\":\"sleep\",\"m\":\"no route\",\"t\":6}\n"
        "{\"e\":\"ok\",\"h\":\"we");

    assert_true(outcomes_begun(o));
    assert_false(outcomes_complete(o));
    assert_int_equal(outcomes_refused(o), 1);
    assert_int_equal(host(o, "db1")->state, OUTCOME_UNREACHABLE);
    assert_int_equal(host(o, "web1")->state, OUTCOME_NONE);
    assert_string_equal(host(o, "web1")->task, "sleep");
    assert_int_equal(host(o, "web2")->state, OUTCOME_NONE);
    outcomes_free(o);
}

/* any_errors_fatal: those who were in the play did not come to its end, whatever they count. */
static void test_a_play_that_ended_early(void **state)
{
    (void)state;
    static const char form[] =
        "{\"e\":\"start\"}\n{\"e\":\"play\"}\n"
        "{\"e\":\"begin\",\"h\":\"web2\",\"k\":\"x\",\"t\":1}\n{\"e\":\"ok\",\"h\":\"web2\",\"t\":"
        "2}\n"
        "{\"e\":\"play\"}\n{\"e\":\"begin\",\"h\":\"web1\",\"k\":\"x\",\"t\":3}\n"
        "{\"e\":\"failed\",\"h\":\"db1\",\"k\":\"x\",\"m\":\"\",\"t\":4}\n"
        "{\"e\":\"abort\",\"rest\":%s}\n"
        "{\"e\":\"ok\",\"h\":\"web1\",\"t\":5}\n"
        "{\"e\":\"stats\",\"h\":\"web1\",\"c\":[2,0,0,0,0,0,0]}\n"
        "{\"e\":\"stats\",\"h\":\"web2\",\"c\":[1,0,0,0,0,0,0]}\n"
        "{\"e\":\"stats\",\"h\":\"db1\",\"c\":[0,0,0,1,0,0,0]}\n{\"e\":\"end\"}\n";
    char text[1024];

    for (int rest = 0; rest < 2; rest++) {
        snprintf(text, sizeof(text), form, rest ? "true" : "false");
        struct outcomes *o = outcomes_of(text);
        assert_int_equal(host(o, "db1")->state, OUTCOME_FAILED);
        assert_int_equal(host(o, "web1")->state, OUTCOME_NONE);
        assert_int_equal(host(o, "web2")->state, rest ? OUTCOME_NONE : OUTCOME_OK);
        outcomes_free(o);
    }
}

/* Ansible's counts decide: a failure that they do not hold was rescued. */
static void test_counts_decide(void **state)
{
    (void)state;
    struct outcomes *o =
        outcomes_of("{\"e\":\"failed\",\"h\":\"db1\",\"k\":\"x\",\"m\":\"y\",\"t\":4}\n"
                    "{\"e\":\"stats\",\"h\":\"db1\",\"c\":[2,1,0,0,0,1,0]}\n"
                    "{\"e\":\"stats\",\"h\":\"web1\",\"c\":[0,0,1,0,0,0,0]}\n"
                    "{\"e\":\"stats\",\"h\":\"web2\",\"c\":[0,0,0,0,9,0,0]}\n{\"e\":\"end\"}\n");

    assert_int_equal(host(o, "db1")->state, OUTCOME_CHANGED);
    assert_string_equal(host(o, "db1")->message, "");
    assert_int_equal(host(o, "web1")->state, OUTCOME_UNREACHABLE);
    assert_int_equal(host(o, "web2")->state, OUTCOME_SKIPPED);
    outcomes_free(o);
}

static void test_lines_that_are_none(void **state)
{
    (void)state;
    static const char *const bad[] = {
        "",
        "{",
        "[]",
        "null",
        "{\"e\":1}",
        "{\"e\":\"what\"}",
        "{\"e\":\"ok\"}",
        "{\"e\":\"ok\",\"h\":7}",
        "{\"e\":\"ok\",\"h\":\"other\"}",
        "{\"e\":\"ok\",\"e\":\"ok\",\"h\":\"db1\"}",
        "{\"e\":\"end\"} {\"e\":\"end\"}",
    };
    struct outcomes *o = outcomes_new(three, 3, NULL);
    struct err e = { 0 };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        assert_int_equal(outcomes_line(o, bad[i], strlen(bad[i]), &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_int_equal(outcomes_refused(o), i + 1);
    }
    assert_false(outcomes_complete(o));
    outcomes_free(o);
}

/* One that never ends costs OUTCOME_LINE_MAX bytes, and the next one counts again. */
static void test_lines_without_end(void **state)
{
    (void)state;
    struct outcomes *o = outcomes_new(three, 3, NULL);
    char many[1000];

    memset(many, 'x', sizeof(many));
    for (int i = 0; i < 1000; i++)
        outcomes_put(o, many, sizeof(many));
    outcomes_put(o, "\n", 1);
    outcomes_put(o, whole, sizeof(whole) - 1);
    outcomes_finish(o);
    assert_int_equal(outcomes_refused(o), 1);
    assert_true(outcomes_complete(o));
    outcomes_free(o);
}

static void test_hostile_text(void **state)
{
    (void)state;
    auto_buf struct buf line = BUF_INIT;
    struct outcomes *o = outcomes_new(three, 3, NULL);
    const struct outcome_host *h = host(o, "db1");

    buf_puts(&line, "{\"e\":\"failed\",\"h\":\"db1\",\"k\":\"a\\nb\\u001b[31m\",\"m\":\"");
    for (int i = 0; i < 300; i++)
        buf_puts(&line, "\xc3\xa4");
    buf_puts(&line, "\",\"t\":-5}");
    assert_int_equal(outcomes_line(o, buf_str(&line), line.len, NULL), 0);
    assert_string_equal(h->task, "a?b?[31m");
    assert_int_equal(strlen(h->message), OUTCOME_MESSAGE_MAX); /* even: no half a character */
    assert_int_equal(h->duration_ms, 0);
    outcomes_free(o);
}

static void test_names(void **state)
{
    (void)state;
    for (int i = 0; i < OUTCOMES; i++)
        assert_int_equal(outcome_from_name(outcome_name((enum outcome_state)i)), i);
    assert_int_equal(outcome_from_name("fine"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_a_whole_run),
        cmocka_unit_test(test_pieces_of_any_size),
        cmocka_unit_test(test_a_run_that_was_cut_off),
        cmocka_unit_test(test_a_play_that_ended_early),
        cmocka_unit_test(test_counts_decide),
        cmocka_unit_test(test_lines_that_are_none),
        cmocka_unit_test(test_lines_without_end),
        cmocka_unit_test(test_hostile_text),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
