#include "base/spawn_exec.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/cleanup.h"

/* Not posix_spawn(3): it cannot set resource limits, and prlimit(2) after the start leaves the
 * program a moment without them. So this is what posix_spawn does, with limits. The child shares
 * our memory until exec and runs system calls only; all signals are blocked around it, because a
 * handler of ours would run in our memory. Errors come back through a pipe that exec closes. */

enum { SPAWN_FDS_MAX = 64 };

enum stage {
    STAGE_SESSION,
    STAGE_LIMITS,
    STAGE_FDS,
    STAGE_SIGNALS,
    STAGE_USER,
    STAGE_CAPS,
    STAGE_EXEC,
};
static const char *const stage_names[] = {
    [STAGE_SESSION] = "cannot start a session for",
    [STAGE_LIMITS] = "cannot limit the resources of",
    [STAGE_FDS] = "cannot hand descriptors to",
    [STAGE_SIGNALS] = "cannot reset the signals of",
    [STAGE_USER] = "cannot become the user of",
    [STAGE_CAPS] = "cannot take capabilities from",
    [STAGE_EXEC] = "cannot run",
};

struct failure {
    enum stage stage;
    int os;
};

struct start {
    const char *path;
    char *const *argv;
    char *const *env;
    const struct spawn_opts *o;
    struct spawn_fd fds[SPAWN_FDS_MAX + 3]; /* the standard three among them */
    int n_fds;
    int report;
    int beyond; /* a number above all that the child is to have */
};

/* --- in the child -------------------------------------------------------------------------- */

/* To the asked value, or to the limit that is in force already when that is lower. */
static int limit(__rlimit_resource_t what, rlim_t value)
{
    struct rlimit r;
    if (value == 0)
        return 0;
    if (getrlimit(what, &r) < 0)
        return -1;
    if (value < r.rlim_max)
        r.rlim_max = value;
    r.rlim_cur = r.rlim_max;
    return setrlimit(what, &r);
}

/* Sources and targets may overlap in any way, so all sources go up beyond the targets first. What
 * is not a target then is close-on-exec, the report pipe too. */
static int place_fds(struct start *s)
{
    for (int i = 0; i < s->n_fds; i++) {
        s->fds[i].from = fcntl(s->fds[i].from, F_DUPFD_CLOEXEC, s->beyond);
        if (s->fds[i].from < 0)
            return -1;
    }
    s->report = fcntl(s->report, F_DUPFD_CLOEXEC, s->beyond);
    if (s->report < 0 || close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) < 0)
        return -1;
    for (int i = 0; i < s->n_fds; i++) {
        if (dup2(s->fds[i].from, s->fds[i].to) < 0)
            return -1;
    }
    return 0;
}

static int default_signals(void)
{
    const struct sigaction dfl = { .sa_handler = SIG_DFL };
    /* EINVAL for those that cannot be changed: KILL, STOP, and two that glibc keeps for itself. */
    for (int i = 1; i < NSIG; i++)
        (void)sigaction(i, &dfl, NULL);
    sigset_t none;
    sigemptyset(&none);
    return sigprocmask(SIG_SETMASK, &none, NULL);
}

static struct failure prepare(struct start *s)
{
    const struct spawn_opts *o = s->o;
    if (o->own_session && setsid() < 0)
        return (struct failure){ STAGE_SESSION, errno };
    if (place_fds(s) < 0)
        return (struct failure){ STAGE_FDS, errno };
    if (limit(RLIMIT_FSIZE, o->max_file_size) < 0 || limit(RLIMIT_AS, o->max_memory) < 0)
        return (struct failure){ STAGE_LIMITS, errno };
    if (default_signals() < 0)
        return (struct failure){ STAGE_SIGNALS, errno };
    if (o->user && spawn_become(o->user) < 0)
        return (struct failure){ STAGE_USER, errno };
    if (o->limit_caps && spawn_keep_caps(o->caps) < 0)
        return (struct failure){ STAGE_CAPS, errno };
    execve(s->path, s->argv, s->env);
    return (struct failure){ STAGE_EXEC, errno };
}

/* A frame of its own: what it leaves on the stack is below the one that vfork returns to twice. */
__attribute__((noinline, noreturn)) static void child(struct start *s)
{
    struct failure f = prepare(s);
    (void)!write(s->report, &f, sizeof(f));
    _exit(127);
}

static pid_t fork_child(struct start *s)
{
    sigset_t all, old;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    pid_t pid = vfork();
    if (pid == 0)
        child(s);
    int os = errno;
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    errno = os;
    return pid;
}

/* --- before it ----------------------------------------------------------------------------- */

static bool runnable(const char *path)
{
    struct stat st;
    return stat(path, &st) == 0 && S_ISREG(st.st_mode) &&
           faccessat(AT_FDCWD, path, X_OK, AT_EACCESS) == 0;
}

/* execvp(3) would hand a file that the kernel does not know to a shell, and look into the current
 * directory for an empty element. */
static int find_program(const char *name, char path[PATH_MAX], struct err *e)
{
    const char *dirs = getenv("PATH");
    if (strchr(name, '/')) {
        if (strlen(name) >= PATH_MAX)
            return err_set(e, ERR_INVALID, "the path of the program is too long");
        strcpy(path, name);
        return 0;
    }
    for (const char *p = dirs ? dirs : "/usr/local/bin:/usr/bin:/bin"; *p;) {
        int len = (int)strcspn(p, ":");
        int n = snprintf(path, PATH_MAX, "%.*s/%s", len, p, name);
        if (*p == '/' && n < PATH_MAX && runnable(path))
            return 0;
        p += len + (p[len] == ':');
    }
    return err_set(e, ERR_NOT_FOUND, "%s: no such program in PATH", name);
}

static int start_fds(struct start *s, const int std[3], struct err *e)
{
    const struct spawn_opts *o = s->o;
    if (o->n_fds < 0 || o->n_fds > SPAWN_FDS_MAX)
        return err_set(e, ERR_TOO_BIG, "%d descriptors for a child, at most %d", o->n_fds,
                       SPAWN_FDS_MAX);
    for (int i = 0; i < 3; i++)
        s->fds[s->n_fds++] = (struct spawn_fd){ .from = std[i], .to = i };
    s->beyond = 3;
    for (int i = 0; i < o->n_fds; i++) {
        struct spawn_fd f = o->fds[i];
        if (f.from < 0 || f.to < 3)
            return err_set(e, ERR_INTERNAL, "descriptor %d as %d in a child", f.from, f.to);
        for (int k = 3; k < s->n_fds; k++) {
            if (s->fds[k].to == f.to)
                return err_set(e, ERR_INTERNAL, "two descriptors as %d in a child", f.to);
        }
        s->fds[s->n_fds++] = f;
        if (f.to >= s->beyond)
            s->beyond = f.to + 1;
    }
    return 0;
}

static int started(pid_t pid, int report, const char *path, struct err *e)
{
    struct failure f;
    ssize_t n;
    do
        n = read(report, &f, sizeof(f));
    while (n < 0 && errno == EINTR);
    if (n != (ssize_t)sizeof(f))
        return 0;
    while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
        ;
    errno = f.os;
    return err_sys(e, "%s %s", stage_names[f.stage], path);
}

pid_t spawn_exec(const struct argv *a, const struct spawn_opts *o, const int std[3], struct err *e)
{
    char path[PATH_MAX];
    struct start s = { .path = path, .argv = a->v, .o = o };
    if (a->failed || a->n == 0)
        return err_set(e, ERR_INTERNAL, "no argument vector for a child");
    if (find_program(a->v[0], path, e) < 0 || start_fds(&s, std, e) < 0)
        return -1;
    /* execve(2) takes pointers to what it does not change. */
    s.env = o->env ? (char *const *)(uintptr_t)o->env : environ;
    int pipe_fds[2];
    if (pipe2(pipe_fds, O_CLOEXEC) < 0)
        return err_sys(e, "cannot run %s", path);
    auto_close int report_in = pipe_fds[0];
    auto_close int report_out = pipe_fds[1];
    s.report = report_out;
    pid_t pid = fork_child(&s);
    if (pid < 0)
        return err_sys(e, "cannot run %s", path);
    close(steal_fd(&report_out));
    return started(pid, report_in, path, e) < 0 ? -1 : pid;
}
