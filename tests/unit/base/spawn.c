#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/spawn.h"

struct fixture {
    struct loop *l;
    bool done;
    int status;
    bool timed_out;
    char out[4096], err[4096];
    size_t out_len;
    struct child *forget; /* in done() */
};

static int setup(void **state)
{
    struct fixture *f = calloc(1, sizeof(*f));
    f->l = loop_new(NULL);
    *state = f;
    return f->l ? 0 : -1;
}

static int teardown(void **state)
{
    struct fixture *f = *state;
    loop_free(f->l);
    free(f);
    return 0;
}

static void on_done(const struct spawn_exit *x, void *arg)
{
    struct fixture *f = arg;
    assert_false(f->done);
    f->done = true;
    f->status = x->status;
    f->timed_out = x->timed_out;
    f->out_len = x->out->len;
    snprintf(f->out, sizeof(f->out), "%s", buf_str(x->out));
    snprintf(f->err, sizeof(f->err), "%s", buf_str(x->err));
    child_forget(f->forget);
}

static struct child *start(struct fixture *f, const struct spawn_opts *o, const char *script,
                           struct err *e)
{
    auto_argv struct argv a = ARGV_INIT;
    argv_add(&a, "sh");
    argv_add(&a, "-c");
    argv_addf(&a, "%s", script);
    return child_spawn(f->l, &a, o, on_done, f, e);
}

static void finish(struct fixture *f)
{
    int64_t until = clock_now().boot_ms + 20000;
    while (!f->done && clock_now().boot_ms < until)
        assert_int_equal(loop_turn(f->l, 1000, NULL), 0);
    assert_true(f->done);
}

static void run(struct fixture *f, const struct spawn_opts *o, const char *script)
{
    struct err e = { 0 };
    if (!start(f, o, script, &e))
        fail_msg("%s", e.text);
    finish(f);
}

static struct spawn_opts capturing(void)
{
    struct spawn_opts o = SPAWN_OPTS_INIT;
    o.capture = true;
    return o;
}

static void exit_code_and_output(void **state)
{
    struct fixture *f = *state;
    struct spawn_opts o = capturing();
    char text[64];
    run(f, &o, "echo out; echo err >&2; exit 7");
    assert_string_equal(child_status_text(f->status, f->timed_out, text), "exit code 7");
    assert_string_equal(f->out, "out\n");
    assert_string_equal(f->err, "err\n");
}

static void signal_is_told(void **state)
{
    struct fixture *f = *state;
    struct spawn_opts o = SPAWN_OPTS_INIT;
    char text[64];
    run(f, &o, "kill -9 $$");
    assert_string_equal(child_status_text(f->status, f->timed_out, text),
                        "killed by signal 9 (Killed)");
}

static void child_kill_reaches_it_and_then_nobody(void **state)
{
    struct fixture *f = *state;
    struct spawn_opts o = SPAWN_OPTS_INIT;
    auto_argv struct argv a = ARGV_INIT;
    argv_add(&a, "sleep");
    argv_add(&a, "60");
    struct child *c = child_spawn(f->l, &a, &o, on_done, f, NULL);
    assert_non_null(c);
    assert_int_equal(child_kill(c, SIGTERM, NULL), 0);
    finish(f);
    assert_true(WIFSIGNALED(f->status) && WTERMSIG(f->status) == SIGTERM);
}

static void limit_kills_the_group(void **state)
{
    struct fixture *f = *state;
    struct spawn_opts o = capturing();
    o.own_session = true;
    o.limit_ms = 1000;
    int alive[2];
    assert_int_equal(pipe2(alive, O_CLOEXEC), 0);
    struct spawn_fd fd = { alive[1], 9 };
    o.fds = &fd;
    o.n_fds = 1;
    struct err e = { 0 };
    assert_non_null(start(f, &o, "echo before; sleep 60 & sleep 60", &e));
    close(alive[1]);
    finish(f);
    assert_true(f->timed_out);
    assert_true(WIFSIGNALED(f->status));
    assert_string_equal(f->out, "before\n");
    struct pollfd p = { .fd = alive[0], .events = POLLIN };
    assert_int_equal(poll(&p, 1, 10000), 1); /* nobody of the group holds the pipe any more */
    assert_true(p.revents & POLLHUP);
    close(alive[0]);
}

static void limit_does_not_wait_for_those_who_left_the_group(void **state)
{
    struct fixture *f = *state;
    struct spawn_opts o = capturing();
    o.own_session = true;
    o.limit_ms = 300;
    int64_t from = clock_now().boot_ms;
    run(f, &o, "setsid sleep 5 & echo $!; sleep 60");
    assert_true(f->timed_out);
    assert_true(clock_now().boot_ms - from < 4500);
}

static void output_beyond_the_cap_is_dropped(void **state)
{
    struct fixture *f = *state;
    struct spawn_opts o = capturing();
    o.capture_cap = 1000;
    run(f, &o, "head -c 300000 /dev/zero | tr '\\0' x; exit 3");
    assert_int_equal(f->out_len, 1000);
    assert_int_equal(WEXITSTATUS(f->status), 3);
}

static void early_eof_is_not_the_end(void **state)
{
    struct fixture *f = *state;
    struct spawn_opts o = capturing();
    run(f, &o, "echo hi; exec >&- 2>&-; sleep 0.3; exit 5");
    assert_int_equal(WEXITSTATUS(f->status), 5);
    assert_string_equal(f->out, "hi\n");
}

static void exit_is_not_the_end_while_a_grandchild_writes(void **state)
{
    struct fixture *f = *state;
    struct spawn_opts o = capturing();
    run(f, &o, "(sleep 0.3; echo late) & exit 4");
    assert_int_equal(WEXITSTATUS(f->status), 4);
    assert_string_equal(f->out, "late\n");
}

static int file_with(const char *text)
{
    FILE *f = tmpfile();
    fputs(text, f);
    fflush(f);
    int fd = fcntl(fileno(f), F_DUPFD_CLOEXEC, 3);
    fclose(f);
    lseek(fd, 0, SEEK_SET);
    return fd;
}

static void descriptors_arrive_by_number_even_crosswise(void **state)
{
    struct fixture *f = *state;
    struct spawn_opts o = capturing();
    int a = file_with("A"), b = file_with("B");
    /* Each goes where the other one is, and one also far up; standard input is taken from a. */
    struct spawn_fd fds[] = { { a, b }, { b, a }, { b, 200 } };
    o.fds = fds;
    o.n_fds = 3;
    char script[128];
    snprintf(script, sizeof(script), "cat /dev/fd/%d /dev/fd/%d /dev/fd/200", a, b);
    run(f, &o, script);
    assert_string_equal(f->out, "BAB");
    close(a);
    close(b);
}

static void standard_descriptors(void **state)
{
    struct fixture *f = *state;
    struct spawn_opts o = SPAWN_OPTS_INIT;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    o.in = file_with("to standard input");
    o.out = o.err = fds[1];
    run(f, &o, "cat; echo and error >&2");
    char text[64] = "";
    assert_true(read(fds[0], text, sizeof(text) - 1) > 0);
    assert_string_equal(text, "to standard inputand error\n");
    close(o.in);
    close(fds[0]);
    close(fds[1]);
}

static void nothing_else_is_open(void **state)
{
    struct fixture *f = *state;
    struct spawn_opts o = capturing();
    int leak = fcntl(0, F_DUPFD, 50); /* without close-on-exec */
    int leak_above = fcntl(0, F_DUPFD, 500);
    struct spawn_fd fd = { leak, 7 };
    o.fds = &fd;
    o.n_fds = 1;
    run(f, &o, "for i in /proc/self/fd/*; do [ -e $i ] && echo ${i##*/}; done");
    assert_string_equal(f->out, "0\n1\n2\n7\n");
    close(leak);
    close(leak_above);
}

static void refusals(void **state)
{
    struct fixture *f = *state;
    struct spawn_opts o = SPAWN_OPTS_INIT;
    struct err e = { 0 };
    auto_argv struct argv none = ARGV_INIT, path = ARGV_INIT, dir = ARGV_INIT;
    argv_add(&none, "no-such-program-here");
    argv_add(&path, "/no/such/program");
    argv_add(&dir, "/");
    assert_null(child_spawn(f->l, &none, &o, on_done, f, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_non_null(strstr(e.text, "no-such-program-here"));
    assert_null(child_spawn(f->l, &path, &o, on_done, f, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_int_equal(e.os, ENOENT);
    assert_non_null(strstr(e.text, "/no/such/program"));
    assert_null(child_spawn(f->l, &dir, &o, on_done, f, &e));
    assert_int_equal(e.kind, ERR_DENIED);
    struct spawn_fd bad = { 9999, 5 };
    o.fds = &bad;
    o.n_fds = 1;
    assert_null(start(f, &o, "true", &e));
    assert_int_equal(e.os, EBADF);
    struct spawn_fd twice[] = { { 0, 5 }, { 1, 5 } };
    o.fds = twice;
    o.n_fds = 2;
    assert_null(start(f, &o, "true", &e));
    assert_int_equal(waitpid(-1, NULL, WNOHANG), -1); /* nothing is left of them */
    assert_int_equal(errno, ECHILD);
}

static void limits_hold_before_exec(void **state)
{
    struct fixture *f = *state;
    struct spawn_opts o = capturing();
    o.max_file_size = 8192;
    o.max_memory = 1 << 30;
    run(f, &o, "cat /proc/self/limits");
    assert_non_null(strstr(f->out, "Max file size             8192                 8192"));
    assert_non_null(strstr(f->out, "Max address space         1073741824           1073741824"));
}

static void signals_are_reset(void **state)
{
    struct fixture *f = *state;
    struct spawn_opts o = capturing();
    sigset_t set, old;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigprocmask(SIG_BLOCK, &set, &old);
    signal(SIGPIPE, SIG_IGN);
    run(f, &o, "cat /proc/self/status");
    sigset_t after;
    sigprocmask(SIG_SETMASK, &old, &after);
    signal(SIGPIPE, SIG_DFL);
    unsigned long long blocked, ignored, caught;
    const char *at = strstr(f->out, "SigBlk:");
    assert_non_null(at);
    assert_int_equal(
        sscanf(at, "SigBlk: %llx SigIgn: %llx SigCgt: %llx", &blocked, &ignored, &caught), 3);
    /* glibc's posix_spawn, by which make starts tests, leaves its own signals 32 and 33 ignored,
     * and its sigaction(3) refuses them. */
    ignored &= ~(3ull << 31);
    assert_true(blocked == 0 && ignored == 0 && caught == 0);
    assert_int_equal(sigismember(&after, SIGTERM), 1); /* and ours are as before */
    assert_int_equal(sigismember(&after, SIGINT), 0);
}

static void session_and_environment(void **state)
{
    struct fixture *f = *state;
    struct spawn_opts o = capturing();
    const char *const env[] = { "ONLY=this", NULL };
    o.env = env;
    o.own_session = true;
    run(f, &o,
        "set -- $(cat /proc/$$/stat); [ $1 = $6 ] && [ $1 = $5 ] && echo leader $ONLY $HOME");
    assert_string_equal(f->out, "leader this\n");
}

static void an_ignored_sigchld_loses_no_exit(void **state)
{
    struct fixture *f = *state;
    struct spawn_opts o = SPAWN_OPTS_INIT;
    signal(SIGCHLD, SIG_IGN);
    run(f, &o, "exit 9");
    assert_true(WIFEXITED(f->status));
    assert_int_equal(WEXITSTATUS(f->status), 9);
}

static void forget_lets_it_run(void **state)
{
    struct fixture *f = *state;
    struct spawn_opts o = SPAWN_OPTS_INIT;
    int fds[2];
    assert_int_equal(pipe2(fds, O_CLOEXEC), 0);
    o.out = fds[1];
    o.limit_ms = 50;
    struct child *c = start(f, &o, "sleep 0.2; echo alive", NULL);
    pid_t pid = child_pid(c);
    child_forget(c);
    child_forget(NULL);
    loop_turn(f->l, 100, NULL);
    char text[16] = "";
    assert_int_equal(read(fds[0], text, sizeof(text) - 1), 6);
    assert_string_equal(text, "alive\n");
    assert_int_equal(waitpid(pid, NULL, 0), pid);
    assert_false(f->done);
    close(fds[0]);
    close(fds[1]);
}

static void forget_inside_done_is_harmless(void **state)
{
    struct fixture *f = *state;
    struct spawn_opts o = SPAWN_OPTS_INIT;
    f->forget = start(f, &o, "exit 0", NULL);
    finish(f);
}

static void argv_prints_as_the_shell_reads(void **state)
{
    (void)state;
    auto_argv struct argv a = ARGV_INIT;
    auto_buf struct buf b = BUF_INIT;
    argv_add(&a, "qemu");
    argv_addf(&a, "-m=%d", 512);
    argv_add(&a, "a b'c");
    for (int i = 0; i < 40; i++)
        argv_add(&a, "x");
    assert_int_equal(a.n, 43);
    assert_null(a.v[43]);
    a.n = 3;
    argv_print(&a, &b);
    a.n = 43;
    assert_string_equal(buf_str(&b), "qemu -m=512 'a b'\\''c'");
}

static void start_time_does_not_depend_on_the_name(void **state)
{
    struct fixture *f = *state;
    struct spawn_opts o = SPAWN_OPTS_INIT;
    /* A name in /proc/PID/stat that looks like more fields. */
    struct child *c = start(f, &o, "printf ') S 1 1' > /proc/$$/comm; sleep 60", NULL);
    pid_t pid = child_pid(c);
    uint64_t before = 0, after = 0;
    uid_t uid = (uid_t)-1;
    assert_int_equal(proc_start_time(pid, &before, NULL), 0);
    assert_int_equal(proc_uid(pid, &uid, NULL), 0);
    assert_int_equal(uid, getuid());
    char path[32], comm[16] = "";
    snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
    for (int i = 0; i < 500 && comm[0] != ')'; i++) {
        loop_turn(f->l, 10, NULL);
        int fd = open(path, O_RDONLY | O_CLOEXEC);
        assert_true(read(fd, comm, sizeof(comm) - 1) > 0);
        close(fd);
    }
    assert_int_equal(comm[0], ')');
    assert_int_equal(proc_start_time(pid, &after, NULL), 0);
    assert_true(before > 0 && before == after);
    assert_int_equal(child_kill(c, SIGKILL, NULL), 0);
    finish(f);
    struct err e = { 0 };
    assert_int_equal(proc_start_time(pid, &after, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_int_equal(proc_uid(pid, &uid, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
}

static void foreign_process_by_pid_and_start_time(void **state)
{
    struct fixture *f = *state;
    struct spawn_opts o = SPAWN_OPTS_INIT;
    struct err e = { 0 };
    int own = pidfd_open(getpid(), 0);
    if (own < 0 && errno == ENOSYS)
        skip(); /* under valgrind */
    close(own);
    struct child *c = start(f, &o, "sleep 60", NULL);
    pid_t pid = child_pid(c);
    uint64_t t = 0;
    assert_int_equal(proc_start_time(pid, &t, NULL), 0);
    int fd = proc_open(pid, t, &e);
    assert_true(fd >= 0);
    assert_int_equal(proc_open(pid, t + 1, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    struct pollfd p = { .fd = fd, .events = POLLIN };
    assert_int_equal(poll(&p, 1, 0), 0);
    child_kill(c, SIGKILL, NULL);
    assert_int_equal(poll(&p, 1, 5000), 1);
    finish(f);
    close(fd);
    e = (struct err){ 0 };
    assert_int_equal(proc_open(pid, t, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
}

static void another_user(void **state)
{
    struct fixture *f = *state;
    struct spawn_opts o = SPAWN_OPTS_INIT;
    struct spawn_user u;
    struct err e = { 0 };

    assert_int_equal(spawn_user_find("no-such-user", &u, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    if (geteuid() != 0)
        skip();
    assert_int_equal(spawn_user_find("nobody", &u, NULL), 0);
    o.capture = true;
    o.limit_caps = true;
    o.user = &u;
    run(f, &o, "id -un; id -G | wc -w; grep CapEff /proc/self/status | tr -d '0\\t\\n'");
    assert_string_equal(f->out, "nobody\n1\nCapEff:");
    assert_int_equal(geteuid(), 0);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(void)
{
    const struct CMUnitTest tests[] = {
        T(exit_code_and_output),
        T(signal_is_told),
        T(child_kill_reaches_it_and_then_nobody),
        T(limit_kills_the_group),
        T(limit_does_not_wait_for_those_who_left_the_group),
        T(output_beyond_the_cap_is_dropped),
        T(early_eof_is_not_the_end),
        T(exit_is_not_the_end_while_a_grandchild_writes),
        T(descriptors_arrive_by_number_even_crosswise),
        T(standard_descriptors),
        T(nothing_else_is_open),
        T(refusals),
        T(another_user),
        T(limits_hold_before_exec),
        T(signals_are_reset),
        T(session_and_environment),
        T(an_ignored_sigchld_loses_no_exit),
        T(forget_lets_it_run),
        T(forget_inside_done_is_harmless),
        T(argv_prints_as_the_shell_reads),
        T(start_time_does_not_depend_on_the_name),
        T(foreign_process_by_pid_and_start_time),
    };
    return cmocka_run_group_tests_name("base/spawn", tests, NULL, NULL);
}
