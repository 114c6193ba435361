/* Children: argument vectors, descriptors by number, captured output, a time limit on each.
 * No shell. A child is finished when its exit arrived and both its outputs reached EOF (or were
 * not captured), in either order. Exits are seen by pidfd (pidfd_open(2)). */
#ifndef BASE_SPAWN_H
#define BASE_SPAWN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/resource.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/loop.h"

/* Argument vector builder. argv_add takes a copy; argv_print is the shell form. Sticky like buf. */
struct argv {
    char **v; /* NULL-terminated */
    int n, size;
    bool failed;
};
#define ARGV_INIT ((struct argv){ 0 })
#define auto_argv __attribute__((cleanup(argv_done)))
void argv_add(struct argv *a, const char *arg);
void argv_addf(struct argv *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void argv_done(struct argv *a);
void argv_print(const struct argv *a, struct buf *out);

struct spawn_fd {
    int from; /* the parent's descriptor */
    int to;   /* its number in the child, >= 3 */
};

/* Somebody to run as: looked up before the start, since afterwards only system calls are left. */
#define SPAWN_GROUPS_MAX 64
struct spawn_user {
    uid_t uid;
    gid_t gid, groups[SPAWN_GROUPS_MAX];
    int n_groups;
    char home[512];
};
/* ERR_NOT_FOUND: there is no such user; ERR_TOO_BIG: it is in more groups than that. */
int spawn_user_find(const char *name, struct spawn_user *ret, struct err *e);

struct spawn_opts {
    const char *const *env; /* NULL: this process's environment */
    const struct spawn_fd *fds;
    int n_fds;
    int in, out, err;     /* descriptors for 0, 1, 2; -1: /dev/null */
    bool capture;         /* 1 and 2 are collected instead (at most capture_cap bytes each) */
    size_t capture_cap;   /* 0: 64 KiB; what is beyond is read and dropped */
    bool own_session;     /* setsid: outlives the parent's terminal */
    int64_t limit_ms;     /* 0: none; then SIGKILL to the process group (own_session) or child, and
                             outputs that others still hold are not waited for */
    rlim_t max_file_size; /* 0: none (RLIMIT_FSIZE); set in the child before exec, as the next */
    rlim_t max_memory;    /* 0: none (RLIMIT_AS) */
    bool limit_caps;      /* of this process's capabilities only those of `caps` are kept (bits by
                             CAP_…); root's program gets no others either, once this process can
                             gain no privileges (PR_SET_NO_NEW_PRIVS) */
    uint64_t caps;
    const struct spawn_user *user; /* NULL: whoever this process is */
};
#define SPAWN_OPTS_INIT ((struct spawn_opts){ .in = -1, .out = -1, .err = -1 })

struct spawn_exit {
    int status; /* as of wait(2) */
    bool timed_out;
    const struct buf *out, *err; /* captured output, valid during the callback */
};

struct child;
typedef void child_done_fn(const struct spawn_exit *x, void *arg);

/* argv[0] is a path, or a name looked up in PATH. Every other descriptor is closed in the child;
 * signals are at their defaults and unblocked there. What fails up to and including exec is
 * returned here (ERR_NOT_FOUND: no such program). `done` is called once from the loop; the handle
 * is gone after it. `done` may be NULL. */
struct child *child_spawn(struct loop *l, const struct argv *a, const struct spawn_opts *o,
                          child_done_fn *done, void *arg, struct err *e);
pid_t child_pid(const struct child *c);
/* Never another process: the pid is the child's until it is reaped. ERR_NOT_FOUND: it has ended. */
int child_kill(struct child *c, int signo, struct err *e);
/* Stops watching; the child runs on, `done` is not called, captured output is closed. When it ends
 * before this process does, nobody reaps it. NULL is fine. */
void child_forget(struct child *c);
/* "exit code 2", "killed by signal 9 (Killed)", "timed out". */
const char *child_status_text(int status, bool timed_out, char out[64]);

/* A process that is not our child: watch by pid and start time (field 22 of /proc/PID/stat). */
int proc_start_time(pid_t pid, uint64_t *ret, struct err *e);
/* pidfd of the process with this pid and start time; -1 and ERR_NOT_FOUND when it is gone. */
int proc_open(pid_t pid, uint64_t start_time, struct err *e);
/* Its real user. Not the owner of /proc/PID, who is root for whatever may not be dumped. */
int proc_uid(pid_t pid, uid_t *ret, struct err *e);

#endif
