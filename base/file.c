#include "base/file.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define CHUNK     16384
#define STRIDE    (16 << 20) /* of a copy */
#define MODE_BITS 07777

static int need_component(const char *name, struct err *e)
{
    if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return err_set(e, ERR_INVALID, "\"%s\" is not the name of a file in a directory", name);
    return 0;
}

static int read_all(int fd, const char *name, size_t cap, struct buf *out, struct err *e)
{
    char chunk[CHUNK];

    for (;;) {
        ssize_t n = read(fd, chunk, sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return err_sys(e, "cannot read %s", name);
        if (n == 0)
            return buf_check(out, e);
        if ((size_t)n > cap - out->len)
            return err_set(e, ERR_TOO_BIG, "%s is larger than %zu bytes", name, cap);
        buf_put(out, chunk, (size_t)n);
    }
}

int file_read(int dirfd, const char *name, size_t cap, struct buf *ret, struct err *e)
{
    /* O_NONBLOCK: a FIFO in the file's place must not make us wait for its writer. */
    auto_close int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
    auto_buf struct buf got = { .cap = ret->cap > cap ? ret->cap : cap };
    struct stat st;

    if (fd < 0)
        return err_sys(e, "cannot open %s", name);
    if (fstat(fd, &st) < 0)
        return err_sys(e, "cannot stat %s", name);
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_INVALID, "%s is not a regular file", name);
    if (read_all(fd, name, cap, &got, e) < 0)
        return -1;
    got.cap = ret->cap;
    buf_done(ret);
    *ret = got;
    got = BUF_INIT;
    return 0;
}

static int write_all(int fd, const char *data, size_t len)
{
    while (len > 0) {
        ssize_t n = write(fd, data, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        data += n;
        len -= (size_t)n;
    }
    return 0;
}

static bool same_bytes(int fd, const char *data, size_t len)
{
    char chunk[CHUNK];

    while (len > 0) {
        ssize_t n = read(fd, chunk, len < sizeof(chunk) ? len : sizeof(chunk));
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || memcmp(chunk, data, (size_t)n) != 0)
            return false;
        data += n;
        len -= (size_t)n;
    }
    return true;
}

static bool is_unchanged(int dirfd, const char *name, const void *data, size_t len, mode_t mode)
{
    auto_close int fd =
        openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);
    struct stat st;

    return fd >= 0 && fstat(fd, &st) == 0 && S_ISREG(st.st_mode) &&
           (st.st_mode & MODE_BITS) == mode && (uintmax_t)st.st_size == len &&
           same_bytes(fd, data, len);
}

/* The temporary file of NAME is ".NAME.tmp", so that what a crash left is found by the next writer.
 * Whoever holds its flock(2) owns it: of two writers at once none touches the other's. */
static bool is_still(int dirfd, const char *tmp, int fd)
{
    struct stat held, there;

    return fstat(fd, &held) == 0 && fstatat(dirfd, tmp, &there, AT_SYMLINK_NOFOLLOW) == 0 &&
           held.st_dev == there.st_dev && held.st_ino == there.st_ino;
}

static int lock_wait(int fd)
{
    int rc;

    do
        rc = flock(fd, LOCK_EX);
    while (rc < 0 && errno == EINTR);
    return rc;
}

/* Removes what a writer that died left; waits for one that lives. 0: the way may be free now. */
static int tmp_clear(int dirfd, const char *tmp)
{
    auto_close int fd =
        openat(dirfd, tmp, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK);

    if (fd < 0 && errno == ENOENT)
        return 0;
    /* A link, or a file of mode 0: no writer of ours waits behind it. */
    if (fd < 0)
        return unlinkat(dirfd, tmp, 0);
    if (lock_wait(fd) < 0)
        return -1;
    return is_still(dirfd, tmp, fd) ? unlinkat(dirfd, tmp, 0) : 0;
}

/* A new empty file of that name, locked; -1 with errno. */
static int tmp_make(int dirfd, const char *tmp)
{
    for (;;) {
        auto_close int fd =
            openat(dirfd, tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
        if (fd < 0 && errno != EEXIST)
            return -1;
        if (fd < 0) {
            if (tmp_clear(dirfd, tmp) < 0)
                return -1;
            continue;
        }
        if (lock_wait(fd) < 0)
            return -1;
        /* Between making and locking it, another writer may have taken it for a leftover. */
        if (is_still(dirfd, tmp, fd))
            return steal_fd(&fd);
    }
}

static int tmp_fill(int fd, const void *data, size_t len, mode_t mode)
{
    if (fchmod(fd, mode) < 0 || write_all(fd, data, len) < 0)
        return -1;
    return fsync(fd);
}

int file_replace(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
                 bool *ret_changed, struct err *e)
{
    char tmp[NAME_MAX + 1];

    if (need_component(name, e) < 0)
        return -1;
    if (snprintf(tmp, sizeof(tmp), ".%s.tmp", name) >= (int)sizeof(tmp))
        return err_set(e, ERR_INVALID, "file name \"%s\" is too long", name);
    if (is_unchanged(dirfd, name, data, len, mode & MODE_BITS)) {
        if (faccessat(dirfd, tmp, F_OK, AT_SYMLINK_NOFOLLOW) == 0 && tmp_clear(dirfd, tmp) < 0)
            return err_sys(e, "cannot remove %s", tmp);
        if (ret_changed)
            *ret_changed = false;
        return 0;
    }
    auto_close int fd = tmp_make(dirfd, tmp);
    if (fd < 0)
        return err_sys(e, "cannot make %s", tmp);
    if (tmp_fill(fd, data, len, mode & MODE_BITS) < 0) {
        err_sys(e, "cannot write %s", name);
        unlinkat(dirfd, tmp, 0);
        return -1;
    }
    if (renameat(dirfd, tmp, dirfd, name) < 0) {
        err_sys(e, "cannot replace %s", name);
        unlinkat(dirfd, tmp, 0);
        return -1;
    }
    if (dir_sync(dirfd, e) < 0)
        return err_wrap(e, "%s", name);
    if (ret_changed)
        *ret_changed = true;
    return 0;
}

struct copying {
    int from, to;
    const atomic_bool *stop;
    off_t flushed;
};

/* The flush at the end would take minutes for a large file, and nobody could stop it: what was
 * written a stride ago is on its way to the disk, and waited for. */
static void flush_behind(struct copying *c, off_t at)
{
    if (at - c->flushed < STRIDE)
        return;
    (void)sync_file_range(c->to, c->flushed, at - c->flushed, SYNC_FILE_RANGE_WRITE);
    if (c->flushed > 0)
        (void)sync_file_range(c->to, 0, c->flushed,
                              SYNC_FILE_RANGE_WAIT_BEFORE | SYNC_FILE_RANGE_WRITE |
                                  SYNC_FILE_RANGE_WAIT_AFTER);
    c->flushed = at;
}

/* One extent. The kernel may refuse the pair of files at the first call only. */
static int copy_range(struct copying *c, off_t at, off_t end)
{
    bool by_kernel = true;
    char chunk[CHUNK];

    while (at < end) {
        off_t in = at, out = at;
        size_t want = (size_t)(end - at < STRIDE ? end - at : STRIDE);
        ssize_t n = -1;
        if (*c->stop) {
            errno = ECANCELED;
            return -1;
        }
        if (by_kernel) {
            n = copy_file_range(c->from, &in, c->to, &out, want, 0);
            by_kernel = n > 0; /* 0 also for files that it knows no size of (proc) */
        }
        if (!by_kernel) {
            n = pread(c->from, chunk, want < sizeof(chunk) ? want : sizeof(chunk), at);
            if (n > 0)
                n = pwrite(c->to, chunk, (size_t)n, at);
        }
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return -1;
        if (n == 0)
            return 0; /* the file became shorter */
        at += n;
        flush_behind(c, at);
    }
    return 0;
}

/* Holes stay holes: disk images are mostly holes. */
static int copy_extents(struct copying *c, off_t size)
{
    off_t at = 0;

    while (at < size) {
        off_t data = lseek(c->from, at, SEEK_DATA);
        if (data < 0 && errno == ENXIO)
            return 0;
        off_t end = data < 0 ? size : lseek(c->from, data, SEEK_HOLE);
        if (data < 0)
            data = at; /* a file system without SEEK_DATA: all is data */
        if (end < 0 || copy_range(c, data, end) < 0)
            return -1;
        at = end;
    }
    return 0;
}

int file_copy_until(int from, int to, const atomic_bool *stop, struct err *e)
{
    struct copying c = { from, to, stop, 0 };
    struct stat st;

    if (fstat(from, &st) < 0 || ftruncate(to, 0) < 0)
        return err_sys(e, "cannot copy a file");
    if (ioctl(to, FICLONE, from) < 0) {
        if (copy_extents(&c, st.st_size) < 0 || ftruncate(to, st.st_size) < 0)
            return errno == ECANCELED
                       ? err_set(e, ERR_BUSY, "the copy of a file was stopped")
                       : err_sys(e, "cannot copy a file of %jd bytes", (intmax_t)st.st_size);
    }
    if (fsync(to) < 0)
        return err_sys(e, "cannot flush a copied file");
    return 0;
}

int file_copy(int from, int to, struct err *e)
{
    static const atomic_bool never;

    return file_copy_until(from, to, &never, e);
}

int lock_take(int dirfd, const char *name, struct err *e)
{
    auto_close int fd = openat(dirfd, name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

    if (fd < 0)
        return err_sys(e, "cannot open the lock %s", name);
    if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
        if (errno == EWOULDBLOCK)
            return err_set(e, ERR_BUSY, "%s is locked by another process", name);
        return err_sys(e, "cannot lock %s", name);
    }
    return steal_fd(&fd);
}

int lock_probe(int dirfd, const char *name, struct err *e)
{
    auto_close int fd = openat(dirfd, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);

    if (fd < 0 && errno == ENOENT)
        return 0;
    if (fd < 0)
        return err_sys(e, "cannot open the lock %s", name);
    /* Shared, so that two that probe do not see each other. */
    if (flock(fd, LOCK_SH | LOCK_NB) == 0)
        return 0;
    return errno == EWOULDBLOCK ? 1 : err_sys(e, "cannot probe the lock %s", name);
}

int fd_cloexec(int fd, bool on, struct err *e)
{
    int flags = fcntl(fd, F_GETFD);

    if (flags < 0 || fcntl(fd, F_SETFD, on ? flags | FD_CLOEXEC : flags & ~FD_CLOEXEC) < 0)
        return err_sys(e, "cannot set flags of descriptor %d", fd);
    return 0;
}
