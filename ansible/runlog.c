#include "ansible/runlog.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"

#define LOG_MODE  0600
#define NAME_SIZE 32
#define PREFIX    "log."
#define NONE      UINT64_MAX

static const char *name_of(uint64_t offset, char out[NAME_SIZE])
{
    snprintf(out, NAME_SIZE, PREFIX "%012" PRIu64, offset);
    return out;
}

/* ---- writing ---- */

static int open_part(struct runlog *l, struct err *e)
{
    char name[NAME_SIZE];

    l->fd = openat(l->dir, name_of(l->at, name), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, LOG_MODE);
    if (l->fd < 0)
        return err_sys(e, "%s", name);
    l->begin[1] = l->at;
    return 0;
}

int runlog_open(struct runlog *l, int dirfd, uint64_t max, struct err *e)
{
    *l = (struct runlog){ .dir = dirfd,
                          .fd = -1,
                          .part = (max < RUNLOG_MIN ? RUNLOG_MIN : max) / 2,
                          .begin = { NONE, 0 } };
    return open_part(l, e);
}

static void lose(struct runlog *l, const struct err *why)
{
    if (!l->lost)
        l->why = *why;
    l->lost = true;
}

static void next_part(struct runlog *l)
{
    char name[NAME_SIZE];
    struct err e;

    runlog_close(l);
    if (l->begin[0] != NONE)
        unlinkat(l->dir, name_of(l->begin[0], name), 0);
    l->begin[0] = l->begin[1];
    if (open_part(l, &e) < 0) {
        l->begin[1] = l->at;
        lose(l, &e);
    }
}

static void write_part(struct runlog *l, const char *s, size_t len)
{
    struct err e;

    while (len > 0 && l->fd >= 0) {
        /* At its place, so that what was dropped before leaves no text of another offset here. */
        ssize_t n = pwrite(l->fd, s, len, (off_t)(l->at - l->begin[1]));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            err_sys(&e, "the log of the run");
            lose(l, &e);
            break;
        }
        l->at += (uint64_t)n;
        s += n;
        len -= (size_t)n;
    }
    l->at += len;
}

void runlog_write(struct runlog *l, const void *data, size_t len)
{
    const char *s = data;

    while (len > 0) {
        uint64_t room = l->begin[1] + l->part - l->at;
        size_t n = len < room ? len : (size_t)room;
        write_part(l, s, n);
        s += n;
        len -= n;
        if (l->at == l->begin[1] + l->part)
            next_part(l);
    }
}

void runlog_close(struct runlog *l)
{
    if (l->fd >= 0)
        close(steal_fd(&l->fd));
}

/* ---- reading ---- */

struct parts {
    uint64_t below; /* the last one that begins at or before where we are; NONE: none */
    uint64_t above; /* the first one that begins behind it */
};

static DIR *list(int dirfd, struct err *e)
{
    int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    DIR *dir = fd < 0 ? NULL : fdopendir(fd);

    if (dir)
        return dir;
    err_sys(e, "directory of the run");
    if (fd >= 0)
        close(fd);
    return NULL;
}

static int find_parts(int dirfd, uint64_t at, struct parts *ret, struct err *e)
{
    DIR *dir = list(dirfd, e);
    uint64_t offset;

    if (!dir)
        return -1;
    *ret = (struct parts){ NONE, NONE };
    for (const struct dirent *d; (d = readdir(dir));) {
        if (strncmp(d->d_name, PREFIX, sizeof(PREFIX) - 1) != 0 ||
            parse_u64(d->d_name + sizeof(PREFIX) - 1, 0, INT64_MAX, &offset, NULL) < 0)
            continue;
        if (offset <= at && (ret->below == NONE || offset > ret->below))
            ret->below = offset;
        if (offset > at && offset < ret->above)
            ret->above = offset;
    }
    closedir(dir);
    return 0;
}

/* Bytes read; 0: none of them are there. A part that went away meanwhile has none. */
static ssize_t read_part(int dirfd, uint64_t begin, uint64_t at, size_t max, struct buf *out,
                         struct err *e)
{
    char name[NAME_SIZE], room[16 << 10];
    auto_close int fd = openat(dirfd, name_of(begin, name), O_RDONLY | O_CLOEXEC);
    size_t sum = 0;
    ssize_t n = 0;

    if (fd < 0)
        return errno == ENOENT ? 0 : err_sys(e, "%s", name);
    while (sum < max && (n = pread(fd, room, max - sum < sizeof(room) ? max - sum : sizeof(room),
                                   (off_t)(at - begin + sum))) > 0) {
        buf_put(out, room, (size_t)n);
        sum += (size_t)n;
    }
    return n < 0 ? err_sys(e, "%s", name) : (ssize_t)sum;
}

int runlog_read(int dirfd, uint64_t from, size_t max, struct buf *out, uint64_t *ret_next,
                struct err *e)
{
    uint64_t at = from;
    struct parts parts;

    while (max > 0) {
        ssize_t n = 0;
        if (find_parts(dirfd, at, &parts, e) < 0 ||
            (parts.below != NONE && (n = read_part(dirfd, parts.below, at, max, out, e)) < 0))
            return -1;
        if (n == 0 && parts.above == NONE)
            break;
        at = n > 0 ? at + (uint64_t)n : parts.above; /* what is between was dropped */
        max -= (size_t)n;
    }
    *ret_next = at;
    return buf_check(out, e);
}
