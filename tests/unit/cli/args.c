/* Command lines. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "cli/commands.h"

static struct cli c;
static struct args a;
static struct err e;

/* Words apart by blanks. */
static int parse(const char *line)
{
    static char text[256];
    static char *argv[32];
    char *save = NULL;
    int argc = 0;

    snprintf(text, sizeof text, "%s", line);
    for (char *s = strtok_r(text, " ", &save); s; s = strtok_r(NULL, " ", &save))
        argv[argc++] = s;
    argv[argc] = NULL;
    c = (struct cli){ 0 };
    e = (struct err){ 0 };
    return args_parse(&c, argc, argv, &a, &e);
}

static void assert_refused(const char *line, const char *text)
{
    assert_int_equal(parse(line), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    if (!strstr(e.text, text))
        fail_msg("\"%s\": \"%s\" does not say \"%s\"", line, e.text, text);
}

static void test_each_command_is_found(void **state)
{
    size_t n;
    const struct command *rows = commands(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        char line[128];
        snprintf(line, sizeof line, "%s%s", rows[i].words, rows[i].min ? " web1" : "");
        assert_int_equal(parse(line), 0);
        assert_ptr_equal(a.command, &rows[i]);
        assert_int_equal(a.n, rows[i].min);
    }
}

/* A row that breaks one of these would be a command that nobody can type. */
static void test_rows_are_sound(void **state)
{
    size_t n;
    const struct command *rows = commands(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        size_t options = 0;
        assert_non_null(rows[i].run);
        assert_true(rows[i].max < 0 || rows[i].max >= rows[i].min);
        for (const struct option *o = rows[i].options; o && o->name; o++, options++)
            for (const struct option *g = global_options(); g->name; g++) {
                assert_string_not_equal(o->name, g->name);
                assert_true(!o->letter || o->letter != g->letter);
            }
        assert_in_range(options, 0, ARGS_OPTIONS_MAX);
        for (size_t k = 0; k < i; k++)
            assert_string_not_equal(rows[i].words, rows[k].words);
    }
}

static void test_options(void **state)
{
    int64_t ms;

    (void)state;
    assert_int_equal(parse("wait web1 --for=seeded --timeout 90s web2"), 0);
    assert_int_equal(a.n, 2);
    assert_string_equal(a.operand[0], "web1");
    assert_string_equal(a.operand[1], "web2");
    assert_string_equal(args_option(&a, "for"), "seeded");
    assert_null(args_option(&a, "quiet"));
    assert_int_equal(args_duration(&a, "timeout", 1, &ms, &e), 0);
    assert_int_equal(ms, 90000);
    assert_int_equal(parse("apply -n -ffleet.yaml"), 0);
    assert_string_equal(args_option(&a, "file"), "fleet.yaml");
    assert_string_equal(args_option(&a, "dry-run"), "");
    assert_int_equal(parse("apply -f -"), 0);
    assert_string_equal(args_option(&a, "file"), "-");
}

static void test_names_of_instances(void **state)
{
    static const char *const lines[] = { "instance show Web", "instance stop ok a/../b",
                                         "wait -- -x", "known-hosts a_b", "ssh UP ls" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        assert_int_equal(parse(lines[i]), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_non_null(strstr(e.text, ": instance name \""));
    }
    assert_int_equal(parse("ssh web1 Not-A/Name"), 0);
    assert_int_equal(parse("help UPPER"), 0);
}

static void test_global_options_stand_anywhere(void **state)
{
    static const char *const lines[] = { "-o yaml instance show web1", "instance show -o yaml web1",
                                         "instance show web1 --output=yaml",
                                         "instance show web1 -oyaml" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        assert_int_equal(parse(lines[i]), 0);
        assert_int_equal(c.output, OUTPUT_YAML);
        assert_string_equal(a.operand[0], "web1");
    }
    assert_int_equal(parse("--socket /s status --state d"), 0);
    assert_string_equal(c.socket, "/s");
    assert_string_equal(c.state, "d");
}

static void test_the_guests_command_is_its_own(void **state)
{
    (void)state;
    assert_int_equal(parse("ssh -i key web1 ls -la --output x"), 0);
    assert_int_equal(a.n, 5);
    assert_string_equal(a.operand[2], "-la");
    assert_string_equal(args_option(&a, "identity"), "key");
    assert_int_equal(c.output, OUTPUT_TABLE);
    assert_int_equal(parse("help -- -x"), 0);
    assert_string_equal(a.operand[0], "-x");
}

static void test_refusals(void **state)
{
    (void)state;
    assert_refused("aply", "did you mean \"apply\"?");
    assert_refused("frobnicate", "see roost help");
    assert_refused("instance", "list, show, start, stop");
    assert_refused("instance lits", "did you mean \"instance list\"?");
    assert_refused("wait web1 --fro homed", "did you mean --for?");
    assert_refused("wait web1 --force", "unknown option --force");
    assert_refused("wait web1 --timeout", "--timeout wants TIME");
    assert_refused("wait", "too few operands; usage: roost wait");
    assert_refused("status web1", "too many operands");
    assert_refused("-o xml status", "table, json, yaml");
    assert_refused("status --help=x", "takes no value");
    assert_refused("ssh -o json web1", "no meaning here");
    int64_t ms;
    assert_int_equal(parse("wait web1 --timeout 5"), 0);
    assert_int_equal(args_duration(&a, "timeout", 1, &ms, &e), -1);
    assert_non_null(strstr(e.text, "--timeout: "));
}

static void test_help(void **state)
{
    static const char *const lines[] = { "instance show --help", "instance show -h web1",
                                         "help instance show" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        assert_int_equal(parse(lines[i]), 0);
        assert_string_equal(a.command->words, "help");
        assert_int_equal(a.n, 2);
        assert_string_equal(a.operand[0], "instance");
        assert_string_equal(a.operand[1], "show");
    }
    assert_int_equal(parse(""), 0);
    assert_string_equal(a.command->words, "help");
    assert_int_equal(parse("instance --help"), 0);
    assert_string_equal(a.command->words, "help");
    assert_string_equal(a.operand[0], "instance");
    assert_int_equal(parse("--version"), 0);
    assert_string_equal(a.command->words, "version");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_command_is_found),
        cmocka_unit_test(test_rows_are_sound),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_names_of_instances),
        cmocka_unit_test(test_global_options_stand_anywhere),
        cmocka_unit_test(test_the_guests_command_is_its_own),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
