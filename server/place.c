#include "server/place.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"

#define LOCK_POLL_MS 20
#define LOCK_TELL_MS 500 /* who waits longer for the lock says so */

/* What nobody's roost lies in is no directory to be given away. */
static const char *mend_of(int fd)
{
    return faccessat(fd, FILE_STORE, F_OK, AT_SYMLINK_NOFOLLOW) == 0
               ? "start it as that user, or, if it is to be yours, chown -R it"
               : "choose another directory";
}

/* Whoever could write there could swap what roost finds in it. */
static int check_own(int fd, const char *path, struct err *e)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_sys(e, "%.200s", path);
    if (st.st_uid != geteuid())
        return err_set(e, ERR_DENIED,
                       "%.200s belongs to uid %u, not to uid %u who runs roost: %s; nothing was "
                       "changed",
                       path, st.st_uid, geteuid(), mend_of(fd));
    if (st.st_mode & (S_IWGRP | S_IWOTH))
        return err_set(e, ERR_DENIED, "%.200s can be written by others: chmod go-w it", path);
    return 0;
}

static int open_own_dir(const char *path, int flags, struct err *e)
{
    auto_close int fd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC | flags);

    if (fd < 0)
        return err_sys(e, "%.200s", path);
    return check_own(fd, path, e) < 0 ? -1 : steal_fd(&fd);
}

/* --- state --------------------------------------------------------------------------------- */

/* dnsmasq reads its network's files as its own user: others may pass, and list nothing. What else
 * lies there is 0600 or 0700. */
static int let_through(int dir, struct err *e)
{
    struct stat st;

    if (fstat(dir, &st) < 0 || fchmod(dir, (st.st_mode & 07777) | S_IXGRP | S_IXOTH) < 0)
        return err_sys(e, "[roost] state");
    return 0;
}

static int open_state(const struct config *c, struct place *p, struct err *e)
{
    if (dir_make_all(c->state, 0700, e) < 0)
        return c->mode == MODE_SYSTEM && geteuid() != 0
                   ? err_wrap(e, "[roost] mode: system is for root")
                   : err_wrap(e, "[roost] state");
    p->state = open_own_dir(c->state, 0, e);
    if (p->state < 0)
        return err_wrap(e, "[roost] state");
    return c->mode == MODE_SYSTEM ? let_through(p->state, e) : 0;
}

static int open_parts(struct place *p, struct err *e)
{
    auto_close int generated = dir_open_make(p->state, DIR_GENERATED, 0700, e);

    if (generated < 0)
        return -1;
    p->images = dir_open_make(p->state, DIR_IMAGES, 0700, e);
    if (p->images < 0)
        return -1;
    p->instances = dir_open_make(p->state, DIR_INSTANCES, 0700, e);
    return p->instances < 0 ? -1 : 0;
}

/* --- lock ---------------------------------------------------------------------------------- */

static int holder(const struct place *p)
{
    auto_buf struct buf text = BUF_INIT;

    (void)file_read(p->state, FILE_LOCK, 64, &text, NULL);
    return atoi(buf_str(&text));
}

static int lock_busy(const struct config *c, const struct place *p, struct err *e)
{
    int pid = holder(p);

    if (pid > 0)
        return err_set(
            e, ERR_BUSY,
            "state directory %.200s is in use by the roost with pid %d: stop it, or give "
            "this one another directory (-o roost.state=DIR)",
            c->state, pid);
    return err_set(e, ERR_BUSY, "state directory %.200s is in use by another roost", c->state);
}

static int take_lock(const struct config *c, struct place *p, int64_t wait_ms, struct err *e)
{
    int64_t now = clock_now().boot_ms, until = now + wait_ms, tell = now + LOCK_TELL_MS;
    struct err why = { 0 };

    while ((p->lock = lock_take(p->state, FILE_LOCK, &why)) < 0) {
        if (why.kind != ERR_BUSY) {
            if (e)
                *e = why;
            return -1;
        }
        now = clock_now().boot_ms;
        if (now >= until)
            return lock_busy(c, p, e);
        if (now >= tell) {
            log_info("the roost with pid %d has the state directory; waiting for its end",
                     holder(p));
            tell = INT64_MAX;
        }
        nanosleep(&(struct timespec){ .tv_nsec = LOCK_POLL_MS * 1000000L }, NULL);
    }
    char pid[32];
    int len = snprintf(pid, sizeof(pid), "%d\n", (int)getpid());
    /* For people who wonder; the lock itself says all that matters. */
    if (ftruncate(p->lock, 0) < 0 || pwrite(p->lock, pid, (size_t)len, 0) != len)
        return err_sys(e, "cannot write %s", FILE_LOCK);
    return 0;
}

/* --- run ----------------------------------------------------------------------------------- */

static int make_run_dir(const char *path, mode_t mode, struct err *e)
{
    if (mkdir(path, mode) < 0 && errno != EEXIST)
        return err_sys(e, "run directory %.200s", path);
    auto_close int fd = open_own_dir(path, O_NOFOLLOW, e);
    if (fd < 0)
        return err_wrap(e, "run directory");
    return fchmod(fd, mode) < 0 ? err_sys(e, "run directory %.200s", path) : 0;
}

/* As a service others of the group come as far as the control socket, whose mode decides; names
 * cannot be listed. */
static int make_run(const struct config *c, struct err *e)
{
    char base[PATH_SIZE];
    bool system = c->mode == MODE_SYSTEM;

    memcpy(base, c->run, sizeof(base));
    char *slash = strrchr(base, '/');
    if (!slash || slash == base)
        return err_set(e, ERR_INTERNAL, "run directory %.200s", c->run);
    *slash = '\0';
    if (make_run_dir(base, system ? 0755 : 0700, e) < 0)
        return -1;
    return make_run_dir(c->run, system ? 0711 : 0700, e);
}

int place_open(const struct config *c, int64_t wait_ms, struct place *ret, struct err *e)
{
    struct place p = PLACE_INIT;

    if (open_state(c, &p, e) < 0 || take_lock(c, &p, wait_ms, e) < 0 || open_parts(&p, e) < 0 ||
        make_run(c, e) < 0) {
        place_close(&p);
        return -1;
    }
    *ret = p;
    return 0;
}

void place_close(struct place *p)
{
    int *const fds[] = { &p->instances, &p->images, &p->lock, &p->state };

    for (size_t i = 0; i < ARRAY_SIZE(fds); i++) {
        if (*fds[i] >= 0)
            close(*fds[i]);
        *fds[i] = -1;
    }
}
