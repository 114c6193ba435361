#include "server/drive_file.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

/* Not to wait for the other end of a FIFO, and never to become a terminal's process. */
#define FLAGS (O_CLOEXEC | O_NONBLOCK | O_NOCTTY)

static bool is_below(const char *file, const char *dir, size_t len)
{
    return strncmp(file, dir, len) == 0 && (file[len] == '/' || !file[len]);
}

/* Below the directory `dir`, or that file itself. */
static int open_allowed(const char *file, const char *dir, size_t len, int flags, struct err *e)
{
    char path[PATH_SIZE];

    snprintf(path, sizeof path, "%.*s", (int)len, dir);
    if (!file[len]) {
        int fd = open(path, flags | FLAGS | O_NOFOLLOW);
        return fd < 0 ? err_sys(e, "%s", file) : fd;
    }
    auto_close int top = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        return err_sys(e, "[launch] disk-directories: %s", path);
    int fd = file_open_beneath(top, file + len + 1, flags | O_NONBLOCK | O_NOCTTY, 0, e);
    return fd < 0 ? err_wrap(e, "%s", path) : fd;
}

/* Root decides which of the host's files guests may have: the directories stand in its own
 * roost.conf, colons between them. */
static int open_listed(const struct config *c, const char *file, int flags, struct err *e)
{
    for (const char *dir = c->disk_directories; *dir;) {
        size_t len = strcspn(dir, ":"), n = len;
        while (n > 1 && dir[n - 1] == '/')
            n--;
        if (n && is_below(file, dir, n))
            return open_allowed(file, dir, n, flags, e);
        dir += len + (dir[len] == ':');
    }
    return err_set(
        e, ERR_DENIED,
        "%.200s is in no directory whose files guests may have as disks: root lists them "
        "in roost.conf, [launch] disk-directories%s%.100s",
        file, c->disk_directories[0] ? " = " : "", c->disk_directories);
}

static int check(const struct config *c, const char *file, const struct stat *st, struct err *e)
{
    if (is_below(file, c->state, strlen(c->state)))
        return err_set(e, ERR_INVALID,
                       "%.200s is in roost's own state directory: put it somewhere else", file);
    if (!S_ISREG(st->st_mode) && !S_ISBLK(st->st_mode))
        return err_set(e, ERR_INVALID, "%.200s is neither a regular file nor a block device", file);
    return 0;
}

int drive_file_open(const struct config *c, const char *file, bool writes, struct stat *ret,
                    struct err *e)
{
    int flags = writes ? O_RDWR : O_RDONLY;
    auto_close int fd = -1;

    if (drive_file_check(file, e) < 0)
        return -1;
    if (c->mode == MODE_SYSTEM)
        fd = open_listed(c, file, flags, e);
    else if ((fd = open(file, flags | FLAGS)) < 0)
        err_sys(e, "%s", file);
    if (fd < 0)
        return e && e->kind == ERR_DENIED && writes && e->os
                   ? err_wrap(e, "it is written to as the user that roostd runs as")
                   : -1;
    if (fstat(fd, ret) < 0)
        return err_sys(e, "%s", file);
    if (check(c, file, ret, e) < 0)
        return -1;
    /* For QEMU it is an ordinary descriptor. */
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) & ~O_NONBLOCK) < 0)
        return err_sys(e, "%s", file);
    return steal_fd(&fd);
}
