/* Roles as processes: each a program beside roostd's own, with the channel as descriptor 3, the
 * state directory's lock as 4, and nothing else. */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/spawn.h"
#include "server/child.h"
#include "server/powers.h"
#include "server/supervise.h"

struct process {
    struct processes *all;
    enum role role;
    struct child *child;
};

struct processes {
    struct loop *loop;
    const char *libexec;
    int lock_fd;
    struct supervisor *supervisor;
    struct process list[ROLES];
    struct role_ops ops;
};

static void done_cb(const struct spawn_exit *x, void *arg)
{
    struct process *p = arg;
    char text[64];

    p->child = NULL;
    if (p->all->supervisor)
        supervisor_ended(p->all->supervisor, p->role,
                         WIFEXITED(x->status) ? WEXITSTATUS(x->status) : -1,
                         child_status_text(x->status, x->timed_out, text));
}

static int start(enum role r, int channel_fd, void *arg, struct err *e)
{
    struct processes *all = arg;
    struct process *p = &all->list[r];
    auto_close int channel = channel_fd;
    auto_argv struct argv a = ARGV_INIT;
    const struct spawn_fd fds[] = { { channel, CHILD_CHANNEL_FD },
                                    { all->lock_fd, CHILD_LOCK_FD } };
    struct spawn_opts o = SPAWN_OPTS_INIT;

    argv_addf(&a, "%s/%s", all->libexec, role_program(r));
    o.fds = fds;
    o.n_fds = (int)ARRAY_SIZE(fds);
    o.out = STDOUT_FILENO;
    o.err = STDERR_FILENO;
    o.limit_caps = true;
    o.caps = r == ROLE_CORE ? POWERS_CORE : POWERS_NONE;
    p->child = child_spawn(all->loop, &a, &o, done_cb, p, e);
    return p->child ? 0 : err_wrap(e, "cannot start %s (see --libexec)", role_program(r));
}

static void kill_now(enum role r, void *arg)
{
    struct processes *all = arg;

    if (all->list[r].child)
        (void)child_kill(all->list[r].child, SIGKILL, NULL);
}

static int pid_of(enum role r, void *arg)
{
    const struct processes *all = arg;

    return all->list[r].child ? child_pid(all->list[r].child) : 0;
}

struct processes *processes_new(struct loop *l, const char *libexec, int lock_fd, struct err *e)
{
    struct processes *p = calloc(1, sizeof(*p));

    if (!p) {
        err_set(e, ERR_INTERNAL, "no memory");
        return NULL;
    }
    p->loop = l;
    p->libexec = libexec;
    p->lock_fd = lock_fd;
    p->ops = (struct role_ops){ start, kill_now, pid_of, p };
    for (int r = 0; r < ROLES; r++)
        p->list[r] = (struct process){ .all = p, .role = (enum role)r };
    return p;
}

void processes_attach(struct processes *p, struct supervisor *s)
{
    p->supervisor = s;
}

const struct role_ops *processes_ops(struct processes *p)
{
    return &p->ops;
}

void processes_free(struct processes *p)
{
    if (!p)
        return;
    for (int r = 0; r < ROLES; r++)
        child_forget(p->list[r].child);
    free(p);
}
