/* The runner with shell scripts in ansible-playbook's place; this program is its own roost-run. */
#include "ansible/runner.h"

#include <fcntl.h>
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "ansible/keeper.h"
#include "base/cleanup.h"
#include "base/file.h"

#define WELL                                                                                       \
    "echo '{\"e\":\"start\"}' >&3\n"                                                               \
    "echo '{\"e\":\"stats\",\"h\":\"web1\",\"c\":[2,1,0,0,0,0,0]}' >&3\n"                          \
    "echo '{\"e\":\"end\"}' >&3\n"
#define TURN_MS 20000

static const struct name web1[] = { { "web1" } };

struct stage {
    char top[40], dir[64], script[64], self[PATH_MAX], inventory[64];
    const char *inventories[2];
    int fd; /* of dir */
    struct loop *loop;
    struct runner_end end;
    int ended;
};

static int setup(void **state)
{
    struct stage *s = calloc(1, sizeof(*s));
    ssize_t n = readlink("/proc/self/exe", s->self, sizeof(s->self) - 1);

    snprintf(s->top, sizeof(s->top), "/tmp/runner-XXXXXX");
    if (n <= 0 || !mkdtemp(s->top))
        return -1;
    snprintf(s->dir, sizeof(s->dir), "%s/run", s->top);
    snprintf(s->script, sizeof(s->script), "%s/playbook", s->top);
    snprintf(s->inventory, sizeof(s->inventory), "%s/inventory", s->top);
    s->inventories[0] = s->inventory;
    if (mkdir(s->dir, 0700) < 0)
        return -1;
    s->fd = open(s->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    s->loop = loop_new(NULL);
    *state = s;
    return s->fd < 0 || !s->loop ? -1 : 0;
}

static int teardown(void **state)
{
    struct stage *s = *state;
    auto_close int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    loop_free(s->loop);
    close(s->fd);
    int r = dir_remove(tmp, s->top + strlen("/tmp/"), NULL);
    free(s);
    return r;
}

static void done(const struct runner_end *end, void *arg)
{
    struct stage *s = arg;

    s->end = *end;
    s->ended++;
}

static void write_script(struct stage *s, const char *body)
{
    auto_close int top = open(s->top, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    auto_buf struct buf b = BUF_INIT;

    buf_printf(&b, "#!/bin/sh\ncd %s\n%s", s->dir, body);
    assert_int_equal(file_replace(top, "playbook", buf_str(&b), b.len, 0755, NULL, NULL), 0);
}

static struct runner *start(struct stage *s, const char *program, int64_t limit_ms)
{
    struct ansible_run run = { .program = program,
                               .playbook = "/f/site.yaml",
                               .directory = s->top,
                               .inventories = s->inventories,
                               .plugins = "/p",
                               .known_hosts = "/k" };
    const struct runner_opts o = { s->self, s->dir, limit_ms, 64 << 10 };
    struct err e = { 0 };
    struct runner *r = runner_start(s->loop, &run, &o, done, s, &e);

    if (!r)
        fail_msg("%s", e.text);
    return r;
}

static void wait_end(struct stage *s)
{
    for (int i = 0; i < 100 && !s->ended; i++)
        loop_turn(s->loop, TURN_MS, NULL);
    assert_int_equal(s->ended, 1);
}

static void run(struct stage *s, const char *body, int64_t limit_ms)
{
    write_script(s, body);
    start(s, s->script, limit_ms);
    wait_end(s);
}

static int read_number(struct stage *s, const char *file)
{
    auto_buf struct buf b = BUF_INIT;

    return file_read(s->fd, file, 100, &b, NULL) < 0 ? -1 : atoi(buf_str(&b));
}

/* What the script writes is there once it is a whole line. */
static int wait_number(struct stage *s, const char *file)
{
    for (int i = 0; i < 2000; i++) {
        int n = read_number(s, file);
        if (n > 0)
            return n;
        loop_turn(s->loop, 10, NULL);
    }
    fail_msg("nobody wrote %s", file);
    return -1;
}

static bool lives(pid_t pid)
{
    char path[64], state = 'Z';
    FILE *f;

    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    if (!(f = fopen(path, "r")))
        return false;
    if (fscanf(f, "%*d (%*[^)]) %c", &state) != 1)
        state = 'Z';
    fclose(f);
    return state != 'Z';
}

static void test_well(void **state)
{
    struct stage *s = *state;
    auto_buf struct buf log = BUF_INIT;
    struct runner_end found;
    uint64_t next;

    run(s, WELL "echo out; echo err >&2; pwd\n", 0);
    assert_int_equal(s->end.how, RUNNER_DONE);
    assert_int_equal(s->end.exit_code, 0);
    assert_string_equal(s->end.reason, "");
    assert_int_equal(runner_log(s->dir, 0, 1000, &log, &next, NULL), 0);
    assert_non_null(strstr(buf_str(&log), "out\n"));
    assert_non_null(strstr(buf_str(&log), "err\n"));
    struct outcomes *o = runner_outcomes(s->dir, web1, 1, NULL);
    assert_true(outcomes_complete(o));
    assert_int_equal(outcomes_get(o, 0)->state, OUTCOME_CHANGED);
    outcomes_free(o);
    assert_int_equal(runner_find(s->dir, NULL, &found, NULL), RUNNER_ENDED);
    assert_int_equal(found.how, RUNNER_DONE);
    assert_int_equal(found.took_ms, s->end.took_ms);
}

static void test_refused(void **state)
{
    struct stage *s = *state;

    run(s, "echo \"ERROR! no such thing in '/f/site.yaml': line 3\" >&2; exit 4\n", 0);
    assert_int_equal(s->end.how, RUNNER_REFUSED);
    assert_int_equal(s->end.exit_code, 4);
    assert_non_null(strstr(s->end.reason, "'/f/site.yaml': line 3"));
}

static void test_no_ansible(void **state)
{
    struct stage *s = *state;

    start(s, "no-such-ansible-playbook", 0);
    wait_end(s);
    assert_int_equal(s->end.how, RUNNER_REFUSED);
    assert_non_null(strstr(s->end.reason, "no such program in PATH: apt install ansible-core"));
}

static void test_killed(void **state)
{
    struct stage *s = *state;

    run(s, WELL "kill -9 $$\n", 0);
    assert_int_equal(s->end.how, RUNNER_KILLED);
    assert_int_equal(s->end.signal, 9);
}

/* One that lets signals pass, and a daemon in a session of its own. */
static void test_the_limit_ends_all(void **state)
{
    struct stage *s = *state;

    run(s,
        "trap '' INT TERM\n"
        "echo $$ >main\n"
        "setsid sh -c 'trap \"\" INT TERM; echo $$ >daemon; while :; do sleep 60; done' &\n"
        "while :; do sleep 60; done\n",
        300);
    assert_int_equal(s->end.how, RUNNER_TIMED_OUT);
    assert_true(s->end.took_ms >= 300);
    assert_false(lives(read_number(s, "main")));
    assert_false(lives(read_number(s, "daemon")));
}

static void test_cancel(void **state)
{
    struct stage *s = *state;
    struct runner *r;

    write_script(s, WELL "echo $$ >main; while :; do sleep 60; done\n");
    r = start(s, s->script, 60000);
    int pid = wait_number(s, "main");
    assert_int_equal(runner_cancel(r, NULL), 0);
    wait_end(s);
    assert_int_equal(s->end.how, RUNNER_CANCELLED);
    assert_string_equal(s->end.reason, "cancelled");
    assert_false(lives(pid));
}

/* What it started and left behind goes with it. */
static void test_nothing_is_left(void **state)
{
    struct stage *s = *state;

    run(s, WELL "setsid sh -c 'echo $$ >left; exec sleep 60' &\nwhile ! [ -s left ]; do :; done\n",
        0);
    assert_int_equal(s->end.how, RUNNER_DONE);
    assert_false(lives(read_number(s, "left")));
}

static void test_the_log_is_capped(void **state)
{
    struct stage *s = *state;
    auto_buf struct buf log = BUF_INIT;
    uint64_t next;

    run(s, WELL "yes 0123456789 | head -c 3000000; echo; echo the end\n", 0);
    assert_int_equal(s->end.how, RUNNER_DONE);
    assert_false(s->end.log_lost);
    assert_int_equal(runner_log(s->dir, 0, 1 << 20, &log, &next, NULL), 0);
    assert_true(log.len <= 64 << 10);
    assert_int_equal(next, 3000000 + 9);
    assert_string_equal(buf_str(&log) + log.len - 9, "\nthe end\n" + 0);
}

/* roost goes away and comes back. */
static void test_it_outlives_us(void **state)
{
    struct stage *s = *state;
    struct runner_id id;

    write_script(s, WELL "echo $$ >main; while ! [ -e go ]; do sleep 0.02; done\n");
    runner_forget(start(s, s->script, 60000));
    wait_number(s, "main");
    assert_int_equal(runner_find(s->dir, &id, NULL, NULL), RUNNER_ALIVE);
    assert_int_equal(id.pid, wait_number(s, RUNNER_PID));
    assert_string_equal(id.boot_id, clock_boot_id());
    assert_non_null(runner_adopt(s->loop, s->dir, &id, done, s, NULL));
    close(openat(s->fd, "go", O_WRONLY | O_CREAT | O_CLOEXEC, 0600));
    wait_end(s);
    assert_int_equal(s->end.how, RUNNER_DONE);
    assert_int_equal(s->end.exit_code, 0);
}

static void test_an_adopted_one_is_cancelled(void **state)
{
    struct stage *s = *state;
    struct runner_id id;
    struct runner *r;

    write_script(s, WELL "echo $$ >main; while :; do sleep 60; done\n");
    runner_forget(start(s, s->script, 60000));
    wait_number(s, "main");
    assert_int_equal(runner_find(s->dir, &id, NULL, NULL), RUNNER_ALIVE);
    r = runner_adopt(s->loop, s->dir, &id, done, s, NULL);
    assert_non_null(r);
    assert_int_equal(runner_cancel(r, NULL), 0);
    wait_end(s);
    assert_int_equal(s->end.how, RUNNER_CANCELLED);
}

/* Its keeper is killed: interrupted, and Ansible does not go on unseen. */
static void test_without_its_keeper(void **state)
{
    struct stage *s = *state;

    write_script(s, WELL "echo $$ >main; while :; do sleep 60; done\n");
    struct runner *r = start(s, s->script, 60000);
    int pid = wait_number(s, "main");
    kill(runner_id(r)->pid, SIGKILL);
    wait_end(s);
    assert_int_equal(s->end.how, RUNNER_INTERRUPTED);
    assert_false(lives(pid));
}

static void test_found_without_its_keeper(void **state)
{
    struct stage *s = *state;
    struct runner_end end;
    struct runner_id id;

    write_script(s, WELL "echo $$ >main; while :; do sleep 60; done\n");
    struct runner *r = start(s, s->script, 60000);
    int pid = wait_number(s, "main");
    id = *runner_id(r);
    runner_forget(r);
    kill(id.pid, SIGKILL);
    assert_int_equal(waitpid(id.pid, NULL, 0), id.pid);
    assert_int_equal(runner_find(s->dir, NULL, &end, NULL), RUNNER_ENDED);
    assert_int_equal(end.how, RUNNER_INTERRUPTED);
    assert_false(lives(pid));
    assert_int_equal(runner_find(s->dir, NULL, &end, NULL), RUNNER_ENDED);
}

static void test_never_started(void **state)
{
    struct stage *s = *state;
    struct err e = { 0 };
    int lock;

    assert_int_equal(runner_find(s->dir, NULL, NULL, NULL), RUNNER_NEVER);
    lock = lock_take(s->fd, RUNNER_LOCK, NULL);
    assert_int_equal(runner_find(s->dir, NULL, NULL, &e), -1);
    assert_int_equal(e.kind, ERR_BUSY);
    close(lock);
    assert_int_equal(runner_find(s->dir, NULL, NULL, NULL), RUNNER_NEVER);
}

/* Another boot's pid is nobody's. */
static void test_after_a_reboot(void **state)
{
    struct stage *s = *state;
    struct runner_end end;
    char text[128];
    int n =
        snprintf(text, sizeof(text), "%d 12345 00000000-0000-0000-0000-000000000000\n", getpid());

    assert_int_equal(file_replace(s->fd, RUNNER_PID, text, (size_t)n, 0600, NULL, NULL), 0);
    assert_int_equal(runner_find(s->dir, NULL, &end, NULL), RUNNER_ENDED);
    assert_int_equal(end.how, RUNNER_INTERRUPTED);
}

static int be_roost_run(char **argv, int argc)
{
    auto_argv struct argv command = ARGV_INIT;
    const struct keeper_opts o = { argv[1], argv[2], strtol(argv[3], NULL, 10),
                                   strtoul(argv[4], NULL, 10), atoi(argv[5]) };
    struct err e = { 0 };

    for (int i = 7; i < argc; i++)
        argv_add(&command, argv[i]);
    if (keeper_run(&o, &command, &e) == 0)
        return 0;
    fprintf(stderr, "%s\n", e.text);
    return 1;
}

#define STAGED(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        STAGED(test_well),
        STAGED(test_refused),
        STAGED(test_no_ansible),
        STAGED(test_killed),
        STAGED(test_the_limit_ends_all),
        STAGED(test_cancel),
        STAGED(test_nothing_is_left),
        STAGED(test_the_log_is_capped),
        STAGED(test_it_outlives_us),
        STAGED(test_an_adopted_one_is_cancelled),
        STAGED(test_without_its_keeper),
        STAGED(test_found_without_its_keeper),
        STAGED(test_never_started),
        STAGED(test_after_a_reboot),
    };

    if (argc > 7 && !strcmp(argv[6], "--"))
        return be_roost_run(argv, argc);
    return cmocka_run_group_tests(tests, NULL, NULL);
}
