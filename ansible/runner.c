#include "ansible/runner.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>

#include "ansible/family.h"
#include "ansible/keeper.h"
#include "ansible/runend.h"
#include "ansible/runlog.h"
#include "base/cleanup.h"
#include "base/file.h"
#include "base/utf8.h"

#define LOG_DEFAULT (1u << 20)
#define LOCK_FD     3 /* in roost-run */

struct runner {
    int dir;
    struct runner_id id;
    struct child *child;   /* of our own */
    int pidfd;             /* or of another's, found alive */
    struct loop_fd *watch; /* of that */
    runner_done_fn *done;
    void *arg;
};

/* ---- its directory ---- */

static int open_dir(const char *path, struct err *e)
{
    int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? err_sys(e, "%s", path) : fd;
}

/* 1 read, 0 there is none, -1 error. */
static int read_end(int dir, struct runner_end *ret, struct err *e)
{
    auto_buf struct buf text = BUF_INIT;
    struct err why = { 0 };

    if (file_read(dir, RUNNER_END, RUNEND_MAX, &text, &why) < 0) {
        if (why.kind == ERR_NOT_FOUND)
            return 0;
        return err_set(e, why.kind, "%s", why.text);
    }
    return runend_parse(buf_str(&text), text.len, ret, e) < 0 ? -1 : 1;
}

/* 1 read, 0 there is none (or half of one, which file_replace() does not leave). */
static int read_id(int dir, struct runner_id *ret, struct err *e)
{
    auto_buf struct buf text = BUF_INIT;
    struct err why = { 0 };
    unsigned long long start;
    int pid;

    if (file_read(dir, RUNNER_PID, 256, &text, &why) < 0)
        return why.kind == ERR_NOT_FOUND ? 0 : err_set(e, why.kind, "%s", why.text);
    *ret = (struct runner_id){ 0 };
    if (sscanf(buf_str(&text), "%d %llu %36s", &pid, &start, ret->boot_id) < 2 || pid <= 1)
        return 0;
    ret->pid = pid;
    ret->start_time = start;
    return 1;
}

static void interrupted(struct runner_end *end)
{
    *end = (struct runner_end){ .how = RUNNER_INTERRUPTED };
    runend_reason(end);
}

/* roost-run is gone: as it wrote down, or else interrupted, and what is left of Ansible goes. */
static int settle(int dir, const struct runner_id *id, struct runner_end *ret, struct err *e)
{
    int known = read_end(dir, ret, e), held;

    if (known > 0)
        return 0;
    interrupted(ret);
    if (known < 0)
        return -1;
    /* While the lock is held somebody of the session lives, so its number cannot be another's. */
    if ((held = lock_probe(dir, RUNNER_LOCK, e)) < 0)
        return -1;
    if (held && id->pid > 0 && !strcmp(id->boot_id, clock_boot_id()))
        family_end_session(id->pid);
    return 0;
}

/* ---- the end ---- */

static void runner_free(struct runner *r)
{
    loop_fd_free(r->watch);
    if (r->pidfd >= 0)
        close(r->pidfd);
    if (r->dir >= 0)
        close(r->dir);
    free(r);
}

static void finish(struct runner *r, const char *said)
{
    struct runner_end end;
    struct err e = { 0 };

    if (settle(r->dir, &r->id, &end, &e) < 0)
        snprintf(end.reason, sizeof(end.reason), "interrupted: %s", e.text);
    else if (end.how == RUNNER_INTERRUPTED && *said)
        snprintf(end.reason, sizeof(end.reason), "interrupted: %.500s", said);
    r->done(&end, r->arg);
    runner_free(r);
}

/* Its last line tells what kept it from writing the end down. */
static void child_cb(const struct spawn_exit *x, void *arg)
{
    char said[400];
    size_t len;

    snprintf(said, sizeof(said), "%s", buf_str(x->err));
    if ((len = strlen(said)) > 0 && said[len - 1] == '\n')
        said[len - 1] = '\0';
    control_mask(said);
    ((struct runner *)arg)->child = NULL;
    finish(arg, said);
}

static void gone_cb(int fd, int what, void *arg)
{
    (void)fd;
    (void)what;
    finish(arg, "");
}

/* ---- the start ---- */

static struct runner *runner_new(const char *directory, runner_done_fn *done, void *arg,
                                 struct err *e)
{
    struct runner *r = calloc(1, sizeof(*r));

    if (!r) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    r->pidfd = -1;
    r->done = done;
    r->arg = arg;
    if ((r->dir = open_dir(directory, e)) < 0) {
        runner_free(r);
        return NULL;
    }
    return r;
}

static int command(const struct ansible_run *run, const struct runner_opts *o, struct argv *a,
                   struct err *e)
{
    argv_add(a, o->helper && *o->helper ? o->helper : RUNNER_PROGRAM);
    argv_add(a, o->directory);
    argv_add(a, run->directory);
    argv_addf(a, "%lld", (long long)(o->limit_ms > 0 ? o->limit_ms : 0));
    argv_addf(a, "%llu", (unsigned long long)(o->log_max ? o->log_max : LOG_DEFAULT));
    argv_addf(a, "%d", LOCK_FD);
    argv_add(a, "--");
    return ansible_argv_render(run, a, e);
}

/* The lock is taken here and handed on, so that there is no moment in which a run that was started
 * looks as if it never had been. */
static int start(struct runner *r, struct loop *l, const struct ansible_run *run,
                 const struct runner_opts *o, struct err *e)
{
    auto_argv struct argv a = ARGV_INIT;
    auto_argv struct argv env = ARGV_INIT;
    struct spawn_opts opts = SPAWN_OPTS_INIT;

    if (command(run, o, &a, e) < 0 ||
        ansible_env_render(run, (const char *const *)environ, KEEPER_OUTCOME_FD, &env, e) < 0)
        return -1;
    auto_close int lock = lock_take(r->dir, RUNNER_LOCK, e);
    const struct spawn_fd fds[] = { { lock, LOCK_FD } };
    if (lock < 0)
        return -1;
    opts.env = (const char *const *)env.v;
    opts.fds = fds;
    opts.n_fds = ARRAY_SIZE(fds);
    opts.capture = true;
    opts.own_session = true;
    if (!(r->child = child_spawn(l, &a, &opts, child_cb, r, e)))
        return -1;
    r->id.pid = child_pid(r->child);
    snprintf(r->id.boot_id, sizeof(r->id.boot_id), "%s", clock_boot_id());
    return proc_start_time(r->id.pid, &r->id.start_time, e);
}

struct runner *runner_start(struct loop *l, const struct ansible_run *run,
                            const struct runner_opts *o, runner_done_fn *done, void *arg,
                            struct err *e)
{
    struct runner *r = runner_new(o->directory, done, arg, e);

    if (r && start(r, l, run, o, e) < 0) {
        if (r->child) {
            child_kill(r->child, SIGKILL, NULL);
            child_forget(r->child);
        }
        runner_free(r);
        return NULL;
    }
    return r;
}

const struct runner_id *runner_id(const struct runner *r)
{
    return &r->id;
}

/* ---- after a restart ---- */

static bool is_alive(const struct runner_id *id)
{
    auto_close int fd =
        strcmp(id->boot_id, clock_boot_id()) ? -1 : proc_open(id->pid, id->start_time, NULL);

    return fd >= 0;
}

int runner_find(const char *directory, struct runner_id *ret_id, struct runner_end *ret_end,
                struct err *e)
{
    auto_close int dir = open_dir(directory, e);
    struct runner_id id = { 0 };
    struct runner_end end;
    int known, held;

    if (dir < 0 || (known = read_id(dir, &id, e)) < 0)
        return -1;
    if (known && is_alive(&id)) {
        if (ret_id)
            *ret_id = id;
        return RUNNER_ALIVE;
    }
    if (!known) {
        if ((held = lock_probe(dir, RUNNER_LOCK, e)) < 0)
            return -1;
        return held ? err_set(e, ERR_BUSY, "%s: is just being started", directory) : RUNNER_NEVER;
    }
    if (settle(dir, &id, &end, e) < 0)
        return -1;
    if (ret_end)
        *ret_end = end;
    return RUNNER_ENDED;
}

struct runner *runner_adopt(struct loop *l, const char *directory, const struct runner_id *id,
                            runner_done_fn *done, void *arg, struct err *e)
{
    struct runner *r = runner_new(directory, done, arg, e);

    if (!r)
        return NULL;
    r->id = *id;
    if ((r->pidfd = proc_open(id->pid, id->start_time, e)) < 0 ||
        !(r->watch = loop_fd_new(l, r->pidfd, LOOP_READ, gone_cb, r, e))) {
        runner_free(r);
        return NULL;
    }
    return r;
}

/* ---- while it runs ---- */

int runner_cancel(struct runner *r, struct err *e)
{
    if (r->child)
        return child_kill(r->child, SIGTERM, e);
    if (pidfd_send_signal(r->pidfd, SIGTERM, NULL, 0) == 0)
        return 0;
    if (errno == ESRCH)
        return err_set(e, ERR_NOT_FOUND, "the run has ended");
    return err_sys(e, "cannot cancel the run");
}

void runner_forget(struct runner *r)
{
    if (!r)
        return;
    child_forget(r->child);
    runner_free(r);
}

/* ---- what it left ---- */

int runner_log(const char *directory, uint64_t from, size_t max, struct buf *out,
               uint64_t *ret_next, struct err *e)
{
    auto_close int dir = open_dir(directory, e);

    return dir < 0 ? -1 : runlog_read(dir, from, max, out, ret_next, e);
}

struct outcomes *runner_outcomes(const char *directory, const struct name *hosts, int n,
                                 struct err *e)
{
    struct outcomes *o = outcomes_new(hosts, n, e);
    auto_close int dir = o ? open_dir(directory, e) : -1;
    auto_close int fd =
        dir < 0 ? -1 : openat(dir, RUNNER_OUTCOME, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    char room[16 << 10];
    ssize_t got = 0;

    if (dir < 0 || (fd < 0 && errno != ENOENT)) {
        if (dir >= 0)
            err_sys(e, "%s/%s", directory, RUNNER_OUTCOME);
        outcomes_free(o);
        return NULL;
    }
    while (fd >= 0 && (got = read(fd, room, sizeof(room))) > 0)
        outcomes_put(o, room, (size_t)got);
    if (got < 0) {
        err_sys(e, "%s/%s", directory, RUNNER_OUTCOME);
        outcomes_free(o);
        return NULL;
    }
    outcomes_finish(o);
    return o;
}
