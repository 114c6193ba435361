#include "ansible/keeper.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "ansible/family.h"
#include "ansible/runend.h"
#include "ansible/runlog.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/loop.h"

#define SOFT_MS       5000 /* from the interrupt to the kill */
#define GRACE_MS      1000 /* for what is left when Ansible has ended: ssh's shared connections */
#define TURN_BYTES    (64 << 10)
#define ERRORS_MAX    (64 << 10)
#define RESERVE       "reserve"
#define RESERVE_BYTES (64 << 10)
#define OUTCOME_ROOM  (1 << 20)

enum { OUT, ERR, OUTCOME, STREAMS };

struct keeper;
struct stream {
    struct keeper *k;
    int fd; /* -1: at its end */
    struct loop_fd *watch;
    void (*take)(struct keeper *k, const char *data, size_t len);
};

struct keeper {
    const struct keeper_opts *o;
    struct loop *loop;
    int dir;
    struct runlog log;
    int outcome;
    uint64_t outcome_len;
    struct err outcome_err; /* it could not all be written */
    struct buf errors;      /* what came last on stderr */
    struct stream streams[STREAMS];
    struct child *child;
    struct loop_timer *limit, *hard;
    int64_t began_ms;
    struct runner_end end;
};

/* ---- what Ansible writes ---- */

static void take_out(struct keeper *k, const char *data, size_t len)
{
    runlog_write(&k->log, data, len);
}

static void take_err(struct keeper *k, const char *data, size_t len)
{
    runlog_write(&k->log, data, len);
    if (k->errors.len > ERRORS_MAX)
        buf_consume(&k->errors, k->errors.len - ERRORS_MAX / 2);
    buf_put(&k->errors, data, len);
}

static void take_outcome(struct keeper *k, const char *data, size_t len)
{
    while (len > 0 && k->outcome_len + len <= OUTCOME_FILE_MAX) {
        ssize_t n = write(k->outcome, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            err_sys(&k->outcome_err, "what became of the hosts could not all be written");
            return;
        }
        k->outcome_len += (uint64_t)n;
        data += n;
        len -= (size_t)n;
    }
    if (len > 0)
        err_set(&k->outcome_err, ERR_TOO_BIG, "what became of the hosts is over %u MiB",
                OUTCOME_FILE_MAX >> 20);
}

static void stream_close(struct stream *s)
{
    loop_fd_free(steal_ptr(s->watch));
    if (s->fd >= 0)
        close(steal_fd(&s->fd));
}

/* False when there is nothing more for now. */
static bool stream_read(struct stream *s)
{
    char room[TURN_BYTES];
    ssize_t n = s->fd < 0 ? 0 : read(s->fd, room, sizeof(room));

    if (n < 0 && errno == EINTR)
        return true;
    if (n > 0)
        s->take(s->k, room, (size_t)n);
    else if (n == 0 || errno != EAGAIN)
        stream_close(s);
    return n > 0;
}

static void stream_cb(int fd, int what, void *arg)
{
    (void)fd;
    (void)what;
    stream_read(arg);
}

/* The end that the command writes to, or -1. */
static int stream_open(struct stream *s, struct err *e)
{
    int fds[2];

    if (pipe2(fds, O_CLOEXEC) < 0)
        return err_sys(e, "pipe");
    s->fd = fds[0];
    auto_close int end = fds[1];
    if (fcntl(s->fd, F_SETFL, O_NONBLOCK) < 0)
        return err_sys(e, "pipe");
    s->watch = loop_fd_new(s->k->loop, s->fd, LOOP_READ, stream_cb, s, e);
    return s->watch ? steal_fd(&end) : -1;
}

/* ---- the end ---- */

/* A full disk: the reserve was made for this. */
static int write_end(struct keeper *k, struct err *e)
{
    auto_buf struct buf text = BUF_INIT;

    k->end.log_lost = k->log.lost;
    k->end.took_ms = clock_now().boot_ms - k->began_ms;
    if (!k->end.reason[0])
        runend_reason(&k->end);
    if (k->outcome_err.kind)
        snprintf(k->end.reason, sizeof(k->end.reason), "%s", k->outcome_err.text);
    else if (k->log.lost && !k->end.reason[0])
        snprintf(k->end.reason, sizeof(k->end.reason), "%s", k->log.why.text);
    unlinkat(k->dir, RESERVE, 0);
    if (k->outcome >= 0 && fdatasync(k->outcome) < 0)
        return err_sys(e, "%s", RUNNER_OUTCOME);
    if (runend_render(&k->end, &text, e) < 0)
        return -1;
    return file_replace(k->dir, RUNNER_END, buf_str(&text), text.len, 0600, NULL, e);
}

/* Without a line of outcome the playbook was never begun: what Ansible ends with by itself then is
 * that it could not read it, or had nobody to run it on. */
static void judge(struct keeper *k, int status)
{
    if (k->end.how != RUNNER_DONE)
        return;
    if (WIFSIGNALED(status)) {
        k->end.how = RUNNER_KILLED;
        k->end.signal = WTERMSIG(status);
        return;
    }
    k->end.exit_code = WEXITSTATUS(status);
    if (k->end.exit_code != 0 && k->outcome_len == 0)
        k->end.how = RUNNER_REFUSED;
    if (k->end.exit_code != 0 && k->end.exit_code != 2 && k->end.exit_code != 4)
        runend_error(buf_str(&k->errors), k->end.reason, sizeof(k->end.reason));
    else if (k->end.how == RUNNER_REFUSED)
        runend_error(buf_str(&k->errors), k->end.reason, sizeof(k->end.reason));
}

static void ended(const struct spawn_exit *x, void *arg)
{
    struct keeper *k = arg;

    k->child = NULL;
    family_end(GRACE_MS);
    for (int i = 0; i < STREAMS; i++)
        while (stream_read(&k->streams[i]))
            ;
    judge(k, x->status);
    loop_stop(k->loop);
}

/* ---- ending it before its time ---- */

/* Ansible and all of its workers are in our process group, and we pass over the signal. */
static void stop(struct keeper *k, enum runner_how why)
{
    if (!k->child || k->end.how != RUNNER_DONE)
        return;
    k->end.how = why;
    kill(0, SIGINT);
    loop_timer_set(k->hard, SOFT_MS);
}

static void limit_cb(void *arg)
{
    stop(arg, RUNNER_TIMED_OUT);
}

static void hard_cb(void *arg)
{
    (void)arg;
    family_end(0);
}

static void signal_cb(int signo, void *arg)
{
    (void)signo;
    stop(arg, RUNNER_CANCELLED);
}

/* ---- the start ---- */

static int reserve(struct keeper *k, struct err *e)
{
    auto_close int fd = openat(k->dir, RESERVE, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    if (fd < 0 || fallocate(fd, 0, 0, RESERVE_BYTES) < 0 ||
        fallocate(k->outcome, FALLOC_FL_KEEP_SIZE, 0, OUTCOME_ROOM) < 0)
        return errno == EOPNOTSUPP ? 0 : err_sys(e, "no room for what a run writes down");
    return 0;
}

static int write_pid(struct keeper *k, struct err *e)
{
    auto_buf struct buf text = BUF_INIT;
    uint64_t start;

    if (proc_start_time(getpid(), &start, e) < 0)
        return -1;
    buf_printf(&text, "%d %llu %s\n", (int)getpid(), (unsigned long long)start, clock_boot_id());
    return file_replace(k->dir, RUNNER_PID, buf_str(&text), text.len, 0600, NULL, e);
}

static int open_files(struct keeper *k, struct err *e)
{
    if ((k->dir = open(k->o->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return err_sys(e, "%s", k->o->directory);
    if (write_pid(k, e) < 0)
        return -1;
    k->outcome = openat(k->dir, RUNNER_OUTCOME, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (k->outcome < 0)
        return err_sys(e, "%s", RUNNER_OUTCOME);
    return runlog_open(&k->log, k->dir, k->o->log_max, e);
}

static int watch(struct keeper *k, struct err *e)
{
    if (!(k->loop = loop_new(e)) || !(k->limit = loop_timer_new(k->loop, limit_cb, k, e)) ||
        !(k->hard = loop_timer_new(k->loop, hard_cb, k, e)))
        return -1;
    if (k->o->limit_ms > 0)
        loop_timer_set(k->limit, k->o->limit_ms);
    return loop_signal(k->loop, SIGTERM, signal_cb, k, e);
}

static int spawn(struct keeper *k, const struct argv *command, struct err *e)
{
    auto_close int out = stream_open(&k->streams[OUT], e);
    auto_close int err = out < 0 ? -1 : stream_open(&k->streams[ERR], e);
    auto_close int outcome = err < 0 ? -1 : stream_open(&k->streams[OUTCOME], e);
    const struct spawn_fd fds[] = { { outcome, KEEPER_OUTCOME_FD },
                                    { k->o->lock_fd, KEEPER_OUTCOME_FD + 1 } };
    struct spawn_opts opts = SPAWN_OPTS_INIT;

    if (outcome < 0)
        return -1;
    if (chdir(k->o->work) < 0)
        return err_sys(e, "%s", k->o->work);
    opts.out = out;
    opts.err = err;
    opts.fds = fds;
    opts.n_fds = ARRAY_SIZE(fds);
    k->child = child_spawn(k->loop, command, &opts, ended, k, e);
    return k->child ? 0 : -1;
}

/* What keeps the command from starting is an end like others, and written down as such. */
static int start(struct keeper *k, const struct argv *command, struct err *e)
{
    struct err why = { 0 };

    if (reserve(k, &why) == 0 && spawn(k, command, &why) == 0)
        return loop_run(k->loop, e);
    k->end.how = RUNNER_REFUSED;
    k->end.exit_code = 127;
    snprintf(k->end.reason, sizeof(k->end.reason), "%s%s", why.text,
             why.kind == ERR_NOT_FOUND && !k->child && strstr(why.text, "PATH")
                 ? ": apt install ansible-core"
                 : "");
    return 0;
}

static void keeper_done(struct keeper *k)
{
    for (int i = 0; i < STREAMS; i++)
        stream_close(&k->streams[i]);
    runlog_close(&k->log);
    loop_timer_free(k->limit);
    loop_timer_free(k->hard);
    loop_free(k->loop);
    buf_done(&k->errors);
    if (k->outcome >= 0)
        close(k->outcome);
    if (k->dir >= 0)
        close(k->dir);
}

int keeper_run(const struct keeper_opts *o, const struct argv *command, struct err *e)
{
    struct keeper k = {
        .o = o, .dir = -1, .outcome = -1, .log.fd = -1, .began_ms = clock_now().boot_ms
    };
    int r;

    k.streams[OUT] = (struct stream){ &k, -1, NULL, take_out };
    k.streams[ERR] = (struct stream){ &k, -1, NULL, take_err };
    k.streams[OUTCOME] = (struct stream){ &k, -1, NULL, take_outcome };
    /* The terminal's, and our own to the whole group: not for us. */
    signal(SIGINT, SIG_IGN);
    signal(SIGHUP, SIG_IGN);
    signal(SIGPIPE, SIG_IGN);
    if (getpgrp() != getpid() && setpgid(0, 0) < 0) /* stop() signals the whole group */
        return err_sys(e, "process group");
    r = family_adopt(e);
    if (r == 0 && (r = watch(&k, e)) == 0 && (r = open_files(&k, e)) == 0 &&
        (r = start(&k, command, e)) == 0)
        r = write_end(&k, e);
    keeper_done(&k);
    return r;
}
