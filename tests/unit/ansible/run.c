#include "ansible/run.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static const char *const inventories[] = { "/r/inventory.yaml", NULL };

static struct ansible_run plain(void)
{
    return (struct ansible_run){ .playbook = "/f/site.yaml",
                                 .directory = "/f",
                                 .inventories = inventories,
                                 .plugins = "/s/plugins",
                                 .known_hosts = "/r/known_hosts" };
}

static void assert_argv(const struct ansible_run *r, const char *want)
{
    auto_argv struct argv a = ARGV_INIT;
    auto_buf struct buf text = BUF_INIT;
    struct err e = { 0 };

    if (ansible_argv_render(r, &a, &e) < 0)
        fail_msg("%s", e.text);
    argv_print(&a, &text);
    assert_string_equal(buf_str(&text), want);
}

static void assert_refused(const struct ansible_run *r, enum err_kind kind, const char *part)
{
    auto_argv struct argv a = ARGV_INIT;
    struct err e = { 0 };

    assert_int_equal(ansible_argv_render(r, &a, &e), -1);
    assert_int_equal(e.kind, kind);
    if (!strstr(e.text, part))
        fail_msg("no \"%s\" in \"%s\"", part, e.text);
}

static void test_arguments(void **state)
{
    (void)state;
    static const char *const tags[] = { "web", "net:dns", NULL }, *const skip[] = { "slow", NULL };
    static const char *const extra[] = { "-e", "@/x/y.yaml", NULL };
    static const char *const two[] = { "/r/inventory.yaml", "/g/web 1/inventory.yaml", NULL };
    struct ansible_run r = plain();

    assert_argv(&r, "ansible-playbook --inventory /r/inventory.yaml /f/site.yaml");
    r.program = "/opt/bin/ansible-playbook";
    r.inventories = two;
    r.limit = "/r/limit";
    r.tags = tags;
    r.skip_tags = skip;
    r.check = r.diff = true;
    r.forks = 20;
    r.verbosity = 2;
    r.extra = extra;
    assert_argv(&r, "/opt/bin/ansible-playbook --inventory /r/inventory.yaml --inventory "
                    "'/g/web 1/inventory.yaml' --limit @/r/limit --tags web,net:dns --skip-tags "
                    "slow --check --diff -vv --forks 20 -e @/x/y.yaml /f/site.yaml");
    r = plain();
    r.syntax_check = true;
    assert_argv(&r, "ansible-playbook --inventory /r/inventory.yaml --syntax-check /f/site.yaml");
}

static void test_what_is_refused(void **state)
{
    (void)state;
    static const char *const bad_tag[] = { "a", "b,c", NULL };
    static const char *const dash[] = { "-e", NULL };
    static const char *const comma[] = { "/a,b", NULL }, *const loose[] = { "hosts", NULL };
    const char *many[RUN_TAGS_MAX + 2] = { NULL };
    struct ansible_run r = plain();

    r.tags = bad_tag;
    assert_refused(&r, ERR_INVALID, "tag \"b,c\"");
    r.tags = dash;
    assert_refused(&r, ERR_INVALID, "tag \"-e\"");
    for (int i = 0; i <= RUN_TAGS_MAX; i++)
        many[i] = "t";
    r.tags = many;
    assert_refused(&r, ERR_TOO_BIG, "16 tags");
    r = plain();
    r.forks = RUN_FORKS_MAX + 1;
    assert_refused(&r, ERR_INVALID, "501 forks");
    r = plain();
    r.verbosity = 5;
    assert_refused(&r, ERR_INVALID, "verbosity 5");
    r = plain();
    r.inventories = comma;
    assert_refused(&r, ERR_INVALID, "/a,b");
    r.inventories = loose;
    assert_refused(&r, ERR_INVALID, "not absolute");
    r = plain();
    r.playbook = "-e@/etc/shadow";
    assert_refused(&r, ERR_INVALID, "not absolute");
    r = plain();
    r.control_dir = "/run/user/1000000000/roost/0123456789/a-directory-that-is-far-too-long/x";
    assert_refused(&r, ERR_TOO_BIG, "ssh's sockets");
}

static bool has(const struct argv *env, const char *line)
{
    for (int i = 0; i < env->n; i++)
        if (!strcmp(env->v[i], line))
            return true;
    return false;
}

static bool has_name(const struct argv *env, const char *name)
{
    for (int i = 0; i < env->n; i++)
        if (!strncmp(env->v[i], name, strlen(name)) && env->v[i][strlen(name)] == '=')
            return true;
    return false;
}

static void test_environment(void **state)
{
    (void)state;
    static const char *const from[] = {
        "PATH=/usr/bin",
        "HOME=/home/ops",
        "ANSIBLE_HOST_KEY_CHECKING=False",
        "LANG=de_DE",
        "LC_ALL=de_DE",
        "HTTPS_PROXY=http://p:3128",
        "PATHS=/x",
        "LD_PRELOAD=/tmp/x.so",
        "PYTHONPATH=/x",
        NULL,
    };
    auto_argv struct argv env = ARGV_INIT;
    struct ansible_run r = plain();
    struct err e = { 0 };

    r.cfg = "/f/ansible.cfg";
    r.control_dir = "/run/roost/01234567/c";
    r.task_ms = 1500;
    if (ansible_env_render(&r, from, 3, &env, &e) < 0)
        fail_msg("%s", e.text);
    assert_true(has(&env, "PATH=/usr/bin") && has(&env, "HOME=/home/ops"));
    assert_true(has(&env, "HTTPS_PROXY=http://p:3128"));
    assert_true(has(&env, "LC_ALL=C.UTF-8"));
    assert_false(has(&env, "LC_ALL=de_DE") || has_name(&env, "PATHS"));
    assert_false(has_name(&env, "LD_PRELOAD") || has_name(&env, "PYTHONPATH"));
    assert_true(has(&env, "ROOST_OUTCOME_FD=3") && has(&env, "ANSIBLE_CONFIG=/f/ansible.cfg"));
    assert_true(has(&env, "ANSIBLE_HOST_KEY_CHECKING=True"));
    assert_false(has(&env, "ANSIBLE_HOST_KEY_CHECKING=False"));
    assert_true(has(&env, "ANSIBLE_TASK_TIMEOUT=2"));
    assert_false(has_name(&env, "ANSIBLE_TIMEOUT") || has_name(&env, "ANSIBLE_PRIVATE_KEY_FILE"));
    assert_true(has(&env, "ANSIBLE_SSH_ARGS=-C -o ControlMaster=auto -o ControlPersist=60s "
                          "-o UserKnownHostsFile=/r/known_hosts -o GlobalKnownHostsFile=/dev/null "
                          "-o StrictHostKeyChecking=yes -o CheckHostIP=no "
                          "-o ServerAliveInterval=15 -o ServerAliveCountMax=3"));
}

static void test_a_path_with_spaces(void **state)
{
    (void)state;
    auto_argv struct argv env = ARGV_INIT;
    struct ansible_run r = plain();

    r.known_hosts = "/r 1/known_hosts";
    assert_int_equal(ansible_env_render(&r, NULL, 3, &env, NULL), 0);
    assert_true(
        has(&env, "ANSIBLE_SSH_ARGS=-C -o ControlMaster=no -o ControlPath=none "
                  "-o 'UserKnownHostsFile=\"/r 1/known_hosts\"' -o GlobalKnownHostsFile=/dev/null "
                  "-o StrictHostKeyChecking=yes -o CheckHostIP=no "
                  "-o ServerAliveInterval=15 -o ServerAliveCountMax=3"));
}

static void test_limit(void **state)
{
    (void)state;
    static const struct name hosts[] = { { "web1" }, { "db-1" } };
    auto_buf struct buf out = BUF_INIT;

    ansible_limit_render(hosts, 2, &out);
    assert_string_equal(buf_str(&out), "web1\ndb-1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arguments),   cmocka_unit_test(test_what_is_refused),
        cmocka_unit_test(test_environment), cmocka_unit_test(test_a_path_with_spaces),
        cmocka_unit_test(test_limit),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
