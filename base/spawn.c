#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/spawn_exec.h"

enum {
    CAPTURE_DEFAULT = 64 << 10,
    CAPTURE_TURN = 64 << 10, /* bytes read per turn and output */
    PROBE_MS = 20,
};

struct output {
    struct child *child;
    struct loop_fd *watch;
    int fd; /* -1: at its end, or not captured */
    struct buf text;
};

struct child {
    struct loop_fd *watch;    /* of the pidfd */
    struct loop_timer *probe; /* instead, where there are no pidfds */
    struct loop_timer *limit;
    int pidfd;
    pid_t pid;
    bool own_session;
    bool exited; /* seen, but reaped only at the end: so long the pid stays its own */
    bool timed_out;
    bool finishing; /* inside done() */
    size_t cap;
    struct output out[2];
    child_done_fn *done;
    void *arg;
};

static void output_close(struct output *o)
{
    loop_fd_free(steal_ptr(o->watch));
    if (o->fd >= 0)
        close(steal_fd(&o->fd));
}

static void child_destroy(struct child *c)
{
    for (int i = 0; i < 2; i++) {
        output_close(&c->out[i]);
        buf_done(&c->out[i].text);
    }
    loop_fd_free(c->watch);
    loop_timer_free(c->probe);
    loop_timer_free(c->limit);
    if (c->pidfd >= 0)
        close(c->pidfd);
    free(c);
}

/* --- the end ------------------------------------------------------------------------------- */

static int child_reap(pid_t pid)
{
    int status;
    pid_t rc;
    do
        rc = waitpid(pid, &status, 0);
    while (rc < 0 && errno == EINTR);
    /* ECHILD: somebody else took it, against the rule that only this file waits for children. */
    return rc == pid ? status : W_EXITCODE(255, 0);
}

static void finish_if_over(struct child *c)
{
    bool drained = c->out[0].fd < 0 && c->out[1].fd < 0;
    if (!c->exited || !(drained || c->timed_out))
        return;
    struct spawn_exit x = { .status = child_reap(c->pid),
                            .timed_out = c->timed_out,
                            .out = &c->out[0].text,
                            .err = &c->out[1].text };
    c->finishing = true;
    if (c->done)
        c->done(&x, c->arg);
    child_destroy(c);
}

/* False at the end of the output. What is beyond the cap is read and dropped, so that the child
 * never blocks on it. */
static bool output_read(struct output *o)
{
    char room[CAPTURE_TURN];
    ssize_t n = read(o->fd, room, sizeof(room));
    if (n < 0)
        return errno == EAGAIN || errno == EINTR;
    size_t left = o->child->cap - o->text.len;
    buf_put(&o->text, room, (size_t)n < left ? (size_t)n : left);
    return n > 0;
}

static void output_cb(int fd, int what, void *arg)
{
    (void)fd;
    (void)what;
    struct output *o = arg;
    if (output_read(o))
        return;
    output_close(o);
    finish_if_over(o->child);
}

static void child_exited(struct child *c)
{
    c->exited = true;
    /* Of a child that was killed at its limit, what lies in the pipes; others may hold them open.
     */
    for (int i = 0; c->timed_out && i < 2; i++) {
        if (c->out[i].fd >= 0)
            output_read(&c->out[i]);
    }
    finish_if_over(c);
}

static void exit_cb(int fd, int what, void *arg)
{
    (void)fd;
    (void)what;
    struct child *c = arg;
    loop_fd_want(c->watch, 0);
    child_exited(c);
}

/* valgrind 3.19 has no pidfd_open(2): there, and only there, the child is looked at now and then.
 */
static void probe_cb(void *arg)
{
    struct child *c = arg;
    siginfo_t si = { 0 };
    int rc = waitid(P_PID, (id_t)c->pid, &si, WEXITED | WNOHANG | WNOWAIT);
    if (rc == 0 && si.si_pid == 0)
        loop_timer_set(c->probe, PROBE_MS);
    else
        child_exited(c);
}

static void limit_cb(void *arg)
{
    struct child *c = arg;
    c->timed_out = true;
    /* The pid and so the group are the child's until it is reaped, which is the last thing. */
    kill(c->own_session ? -c->pid : c->pid, SIGKILL);
    finish_if_over(c);
}

/* --- the start ----------------------------------------------------------------------------- */

/* The write end for the child, or -1. */
static int output_open(struct output *o, struct loop *l, struct err *e)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(e, "cannot capture the output of a child");
    o->fd = fds[0];
    auto_close int end = fds[1];
    if (fcntl(o->fd, F_SETFL, O_NONBLOCK) < 0)
        return err_sys(e, "cannot capture the output of a child");
    o->watch = loop_fd_new(l, o->fd, LOOP_READ, output_cb, o, e);
    return o->watch ? steal_fd(&end) : -1;
}

static struct child *child_new(const struct spawn_opts *o, child_done_fn *done, void *arg)
{
    struct child *c = calloc(1, sizeof(*c));
    if (!c)
        return NULL;
    c->pidfd = -1;
    c->own_session = o->own_session;
    c->cap = o->capture_cap ? o->capture_cap : CAPTURE_DEFAULT;
    c->done = done;
    c->arg = arg;
    for (int i = 0; i < 2; i++) {
        c->out[i].child = c;
        c->out[i].fd = -1;
        c->out[i].text.cap = c->cap + 1;
    }
    return c;
}

static int child_start(struct child *c, struct loop *l, const struct argv *a,
                       const struct spawn_opts *o, struct err *e)
{
    auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);
    auto_close int out = -1;
    auto_close int err = -1;
    if (null < 0)
        return err_sys(e, "/dev/null");
    if (o->capture) {
        out = output_open(&c->out[0], l, e);
        err = out < 0 ? -1 : output_open(&c->out[1], l, e);
        if (err < 0)
            return -1;
    }
    const int std[3] = { o->in >= 0 ? o->in : null,
                         o->capture    ? out
                         : o->out >= 0 ? o->out
                                       : null,
                         o->capture    ? err
                         : o->err >= 0 ? o->err
                                       : null };
    c->pid = spawn_exec(a, o, std, e);
    return c->pid < 0 ? -1 : 0;
}

static int child_watch(struct child *c, struct loop *l, struct err *e)
{
    c->pidfd = pidfd_open(c->pid, 0);
    if (c->pidfd < 0 && errno == ENOSYS) {
        c->probe = loop_timer_new(l, probe_cb, c, e);
        if (c->probe)
            loop_timer_set(c->probe, 0);
        return c->probe ? 0 : -1;
    }
    if (c->pidfd < 0)
        return err_sys(e, "cannot watch process %d", (int)c->pid);
    c->watch = loop_fd_new(l, c->pidfd, LOOP_READ, exit_cb, c, e);
    return c->watch ? 0 : -1;
}

/* A process that was started with SIGCHLD ignored (some supervisors do) has no children to wait
 * for: the kernel reaps them and their status is lost. */
static void keep_exits(void)
{
    struct sigaction sa;
    if (sigaction(SIGCHLD, NULL, &sa) == 0 &&
        (sa.sa_handler == SIG_IGN || sa.sa_flags & SA_NOCLDWAIT)) {
        sa = (struct sigaction){ .sa_handler = SIG_DFL };
        (void)sigaction(SIGCHLD, &sa, NULL);
    }
}

struct child *child_spawn(struct loop *l, const struct argv *a, const struct spawn_opts *o,
                          child_done_fn *done, void *arg, struct err *e)
{
    struct child *c = child_new(o, done, arg);
    if (!c) {
        err_sys(e, "cannot start a child");
        return NULL;
    }
    keep_exits();
    if (o->limit_ms > 0)
        c->limit = loop_timer_new(l, limit_cb, c, e);
    if ((o->limit_ms > 0 && !c->limit) || child_start(c, l, a, o, e) < 0) {
        child_destroy(c);
        return NULL;
    }
    if (child_watch(c, l, e) < 0) {
        kill(o->own_session ? -c->pid : c->pid, SIGKILL);
        child_reap(c->pid);
        child_destroy(c);
        return NULL;
    }
    if (c->limit)
        loop_timer_set(c->limit, o->limit_ms);
    return c;
}

/* --- while it runs ------------------------------------------------------------------------- */

pid_t child_pid(const struct child *c)
{
    return c->pid;
}

int child_kill(struct child *c, int signo, struct err *e)
{
    if (c->exited)
        return err_set(e, ERR_NOT_FOUND, "process %d has ended", (int)c->pid);
    if (kill(c->pid, signo) < 0)
        return err_sys(e, "cannot send signal %d to process %d", signo, (int)c->pid);
    return 0;
}

void child_forget(struct child *c)
{
    if (c && !c->finishing)
        child_destroy(c);
}

const char *child_status_text(int status, bool timed_out, char out[64])
{
    if (timed_out)
        snprintf(out, 64, "timed out");
    else if (WIFSIGNALED(status))
        snprintf(out, 64, "killed by signal %d (%.32s)", WTERMSIG(status),
                 strsignal(WTERMSIG(status)));
    else
        snprintf(out, 64, "exit code %d", WEXITSTATUS(status));
    return out;
}
