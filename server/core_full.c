/* A full disk: phone-homes are refused with 503 (the guests try again), seeds go on, and a reserve
 * file is given up so that the fault itself can be recorded. */
#include <errno.h>
#include <fcntl.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/core_priv.h"

#define RESERVE_SIZE (16 << 20)
#define RETRY_MS     10000

static int state_dir(struct core *c, struct err *e)
{
    int fd = open(c->config.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    return fd < 0 ? err_sys(e, "state directory %s", c->config.state) : fd;
}

static int reserve(struct core *c, struct err *e)
{
    auto_close int dir = state_dir(c, e), fd = -1;
    int r;

    if (dir < 0)
        return -1;
    fd = openat(dir, FILE_RESERVE, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_sys(e, "%s/%s", c->config.state, FILE_RESERVE);
    if ((r = posix_fallocate(fd, 0, RESERVE_SIZE)) == 0)
        return 0;
    unlinkat(dir, FILE_RESERVE, 0); /* a part of it helps nobody */
    errno = r;
    return err_sys(e, "%s: no room for the reserve of 16 MiB; free some space", c->config.state);
}

static bool is_full(const struct err *e)
{
    return e->os == ENOSPC || e->os == EDQUOT || e->os == EFBIG;
}

static void again(void *arg);

static void try_again(struct core *c)
{
    struct err e;

    if (c->full_retry || (c->full_retry = loop_timer_new(c->loop, again, c, &e)))
        loop_timer_set(c->full_retry, RETRY_MS);
}

static void again(void *arg)
{
    struct core *c = arg;
    struct statvfs v;
    struct err e;

    if (statvfs(c->config.state, &v) == 0 && (uint64_t)v.f_bavail * v.f_frsize > 2 * RESERVE_SIZE &&
        reserve(c, &e) == 0) {
        c->full = false;
        log_info("there is room again in %s: phone-homes are taken", c->config.state);
        wire_arm(c);
        return;
    }
    try_again(c);
}

/* A disk that is full already is no reason to serve no seeds. */
int reserve_make(struct core *c, struct err *e)
{
    if (reserve(c, e) == 0)
        return 0;
    if (!is_full(e))
        return -1;
    log_error("%s; phone-homes get 503 until there is room", e->text);
    c->full = true;
    try_again(c);
    return 0;
}

void core_disk_full(struct core *c, const struct err *why)
{
    auto_close int dir = -1;
    struct err e;

    if (!is_full(why)) {
        log_error("commit: %s", why->text);
        return;
    }
    if (!c->full)
        log_error("%s is full: phone-homes get 503 until there is room; seeds go on",
                  c->config.state);
    c->full = true;
    if ((dir = state_dir(c, &e)) >= 0)
        unlinkat(dir, FILE_RESERVE, 0);
    core_fault(c, "the disk under %s is full", c->config.state);
    try_again(c);
}

bool core_disk_is_full(const struct core *c)
{
    return c->full;
}
