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
    static char text[1024];
    static char *argv[96];
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
        size_t len = (size_t)snprintf(line, sizeof line, "%s", rows[i].words);
        for (int k = 0; k < rows[i].min; k++)
            len += (size_t)snprintf(line + len, sizeof line - len, " web1");
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
                /* Behind such a command --state is one of theirs; roost's directory goes before it. */
                assert_true(strcmp(o->name, g->name) != 0 ||
                            (strcmp(o->name, "state") == 0 && rows[i].flags & COMMAND_MANY));
                assert_true(!o->letter || o->letter != g->letter);
            }
        assert_in_range(options, 0, ARGS_OPTIONS_MAX);
        /* The first row that fits counts: one that begins with all the words of another stands
         * before it ("run show" before "run"). */
        for (size_t k = 0; k < n; k++) {
            size_t len = strlen(rows[k].words);
            assert_true(i <= k || strncmp(rows[i].words, rows[k].words, len) != 0 ||
                        (rows[i].words[len] && rows[i].words[len] != ' '));
        }
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

static void test_options_that_are_said_again(void **state)
{
    const char *said[ARGS_SAID_MAX];
    char line[1024];
    int len;

    (void)state;
    assert_int_equal(parse("network create lab --allow a --kind shared --nameserver 192.0.2.1 "
                           "--allow=b --nameserver=192.0.2.2 --allow a"),
                     0);
    assert_int_equal(args_list(&a, "allow", said), 3);
    assert_string_equal(said[0], "a");
    assert_string_equal(said[1], "b");
    assert_string_equal(said[2], "a");
    assert_int_equal(args_list(&a, "nameserver", said), 2);
    assert_string_equal(said[1], "192.0.2.2");
    assert_string_equal(args_option(&a, "allow"), "a");
    assert_int_equal(args_list(&a, "kind", said), 0);
    assert_string_equal(args_option(&a, "kind"), "shared");
    len = snprintf(line, sizeof line, "network create lab");
    for (int i = 0; i < ARGS_SAID_MAX; i++)
        len += snprintf(line + len, sizeof line - (size_t)len, " --allow a");
    assert_int_equal(parse(line), 0);
    assert_int_equal(args_list(&a, "allow", said), ARGS_SAID_MAX);
    snprintf(line + len, sizeof line - (size_t)len, " --nameserver 192.0.2.1");
    assert_refused(line, "--nameserver: more than 32");
}

static void test_commands_of_three_words(void **state)
{
    (void)state;
    assert_int_equal(parse("network forward add lab :8080 web1:80 -o json"), 0);
    assert_string_equal(a.command->words, "network forward add");
    assert_int_equal(a.n, 3);
    assert_string_equal(a.operand[1], ":8080");
    assert_string_equal(a.operand[2], "web1:80");
    assert_int_equal(parse("network forward remove lab :8080"), 0);
    assert_int_equal(a.n, 2);
    assert_refused("network forward", "network forward wants one of: add, list, remove");
    assert_refused("network forward lst lab", "did you mean \"network forward list\"?");
    assert_refused("network forward add lab", "too few operands; usage: roost network forward add "
                                              "NETWORK ENDPOINT TARGET");
    assert_refused("network", "create, list, show, up, down, remove, check, plan, export, forward");
    assert_refused("network forwrad list lab", "did you mean \"network forward\"?");
}

static void test_names_of_networks(void **state)
{
    static const char *const lines[] = { "network show Lab", "network up ok a/../b",
                                         "network down -- -x", "network forward list a_b" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        assert_int_equal(parse(lines[i]), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_non_null(strstr(e.text, ": network name \""));
    }
    assert_int_equal(parse("network show all"), 0); /* of an instance it would be refused */
}

static void test_names_of_instances(void **state)
{
    static const char *const lines[] = { "instance show Web", "instance stop ok a/../b",
                                         "wait -- -x", "console a_b", "ssh UP ls" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        assert_int_equal(parse(lines[i]), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_non_null(strstr(e.text, ": instance name \""));
    }
    assert_int_equal(parse("ssh web1 Not-A/Name"), 0);
    assert_int_equal(parse("help UPPER"), 0);
    assert_int_equal(parse("known-hosts [127.0.0.1]:2222"), 0); /* as ssh asks */
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
    assert_refused("start web1", "did you mean \"instance start\"?");
    assert_refused("verify", "did you mean \"image verify\"?");
    assert_refused("remove web1", "there are \"instance remove\", \"image remove\", ");
    assert_refused("images", "did you mean \"image\"?");
    assert_refused("instance create", "usage: roost instance create [OPTION…] NAME");
    assert_refused("seed export", "usage: roost seed export --cidata FILE NAME");
    assert_refused("instance", "create, list, show, modify, rename, start, stop");
    assert_refused("instance lits", "did you mean \"instance list\"?");
    assert_refused("wait web1 --fro homed", "did you mean --for?");
    assert_refused("wait web1 --force", "unknown option --force");
    assert_refused("wait web1 --timeout", "--timeout wants TIME");
    assert_refused("wait web1 --timeout soon", "wait: --timeout: \"soon\" is not a duration");
    assert_refused("instance start web1 --timeout -1", "--timeout: \"-1\" is not a duration");
    assert_refused("instance create a --start --timeout 5", "--timeout: \"5\" is not a duration");
    assert_refused("console", "too few operands; usage: roost console");
    assert_refused("status web1", "too many operands");
    assert_refused("-o xml status", "table, json, yaml");
    assert_refused("status --help=x", "takes no value");
    assert_refused("ssh -o json web1", "no meaning here");
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
    assert_int_equal(parse("network forward --help"), 0);
    assert_string_equal(a.command->words, "help");
    assert_int_equal(a.n, 2);
    assert_string_equal(a.operand[1], "forward");
    assert_int_equal(parse("network forward add --help"), 0);
    assert_int_equal(a.n, 3);
    assert_string_equal(a.operand[2], "add");
    assert_int_equal(parse("--version"), 0);
    assert_string_equal(a.command->words, "version");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_each_command_is_found),
        cmocka_unit_test(test_rows_are_sound),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_options_that_are_said_again),
        cmocka_unit_test(test_commands_of_three_words),
        cmocka_unit_test(test_names_of_networks),
        cmocka_unit_test(test_names_of_instances),
        cmocka_unit_test(test_global_options_stand_anywhere),
        cmocka_unit_test(test_the_guests_command_is_its_own),
        cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_help),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
