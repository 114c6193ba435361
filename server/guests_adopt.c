/* QEMUs that run already: found again by their lock, watched, killed. */
#include <fcntl.h>
#include <signal.h>
#include <sys/pidfd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/guests_priv.h"

static void adopted_done(int fd, int what, void *arg)
{
    (void)fd;
    (void)what;
    running_ended(arg, false, 0);
}

/* By the pid file, else by whoever has the lock open. -1: nobody was found. */
static int holder(const struct guests *g, const struct verb_ref *v, int dir, pid_t *ret_pid,
                  uint64_t *ret_launch_id, struct err *e)
{
    struct err why = { 0 };
    uint64_t start;
    pid_t pid;

    *ret_launch_id = 0;
    int fd = guest_pid_read(dir, ret_pid, &start, ret_launch_id, &why);
    if (fd == 0 && (fd = proc_open(*ret_pid, start, &why)) >= 0) {
        if (guest_is_holder(g, &v->instance, dir, *ret_pid))
            return fd;
        /* It has ended, and nobody has reaped it yet; another was started since. */
        close(fd);
        err_set(&why, ERR_NOT_FOUND, "process %d does not hold the lock", (int)*ret_pid);
    }
    log_of(LOG_WARN_, v->instance.s, "%s; looking for the holder of its lock", why.text);
    pid = guest_find_holder(g, &v->instance, dir, e);
    if (pid < 0)
        return -1;
    if (pid == 0)
        return err_set(e, ERR_NOT_FOUND, "%s is held, but by no process that can be seen",
                       FILE_LOCK_QEMU);
    /* Of which launch it is nobody knows: the file names an earlier one. */
    *ret_launch_id = 0;
    *ret_pid = pid;
    fd = proc_start_time(pid, &start, e) < 0 ? -1 : proc_open(pid, start, e);
    /* The killed roostd did not get to it. */
    if (fd >= 0 && guest_pid_write(dir, pid, 0, &why) < 0)
        log_of(LOG_WARN_, v->instance.s, "%s", why.text);
    return fd;
}

static struct running *watch_adopted(struct guests *g, const struct verb_ref *v, int dir,
                                     struct err *e)
{
    uint64_t launch_id;
    pid_t pid;
    auto_close int fd = holder(g, v, dir, &pid, &launch_id, e);
    struct running *r = fd < 0 ? NULL : running_new(g, &v->instance, launch_id);

    if (!r)
        return NULL;
    r->pid = pid;
    r->accel = guest_accel_of(pid);
    r->pidfd = steal_fd(&fd);
    r->log = file_open_beneath(dir, FILE_QEMU_LOG, O_RDWR | O_APPEND, 0, NULL);
    r->watch = loop_fd_new(g->loop, r->pidfd, LOOP_READ, adopted_done, r, e);
    if (r->watch)
        return r;
    running_free(r);
    return NULL;
}

/* NULL with e->kind ERR_NONE: it does not run. */
static struct running *adopt(struct guests *g, const struct verb_ref *v, struct err *e)
{
    struct running *r = running_find(g, &v->instance);

    if (r)
        return r;
    auto_close int dir = guest_dir(g, &v->instance, e);
    if (dir < 0) {
        if (e->kind == ERR_NOT_FOUND)
            *e = (struct err){ 0 };
        return NULL;
    }
    int held = lock_probe(dir, FILE_LOCK_QEMU, e);
    if (held <= 0)
        return NULL;
    r = watch_adopted(g, v, dir, e);
    if (r)
        log_of(LOG_INFO_, r->instance.s, "qemu %d found running", (int)r->pid);
    return r;
}

static void not_running(struct guests *g, uint32_t id, const struct verb_ref *v,
                        const struct err *why)
{
    if (why->kind != ERR_NONE)
        log_of(LOG_ERROR_, v->instance.s, "cannot tell whether its QEMU runs: %s", why->text);
    verb_ref_encode(v, &g->out);
    g->send(P_NOT_RUNNING, id, &g->out, g->arg);
}

int guests_adopt(struct guests *g, uint32_t id, struct msg_cur *c, struct err *e)
{
    struct verb_ref v;
    struct err why = { 0 };

    if (verb_ref_decode(c, &v, e) < 0)
        return -1;
    struct running *r = adopt(g, &v, &why);
    if (r) {
        running_send(g, P_ADOPTED, id, r);
        return 0;
    }
    if (why.kind == ERR_NONE) /* it has ended while no roostd looked */
        guest_sockets_remove(g, &v.instance);
    not_running(g, id, &v, &why);
    return 0;
}

int guests_kill(struct guests *g, uint32_t id, struct msg_cur *c, struct err *e)
{
    struct verb_ref v;
    struct err why = { 0 };
    int rc;

    if (verb_ref_decode(c, &v, e) < 0)
        return -1;
    struct running *r = adopt(g, &v, &why);
    if (!r || (v.launch_id && r->launch_id && r->launch_id != v.launch_id)) {
        not_running(g, id, &v, &why);
        return 0;
    }
    if (r->child)
        rc = child_kill(r->child, SIGKILL, &why);
    else
        rc =
            pidfd_send_signal(r->pidfd, SIGKILL, NULL, 0) < 0 ? err_sys(&why, "cannot kill it") : 0;
    if (rc < 0)
        log_of(LOG_WARN_, r->instance.s, "qemu %d: %s", (int)r->pid, why.text);
    return 0;
}
