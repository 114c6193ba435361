/* Opening below a directory: file_open_beneath() of base/file.h. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define MODE_BITS 07777

static int open_kernel(int dirfd, const char *path, int flags, mode_t mode)
{
    bool makes = (flags & O_CREAT) || (flags & O_TMPFILE) == O_TMPFILE;
    struct open_how how = {
        .flags = (uint64_t)flags,
        .mode = makes ? mode & MODE_BITS : 0, /* openat2(2): EINVAL without O_CREAT */
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS,
    };
    long fd;

    /* EAGAIN: a rename beside us made the kernel unsure; the manual page says to try again. */
    do
        fd = syscall(SYS_openat2, dirfd, path, &how, sizeof(how));
    while (fd < 0 && (errno == EINTR || errno == EAGAIN));
    return (int)fd;
}

/* The same by hand, a descriptor per component, for where openat2(2) is unknown: valgrind, and
 * system call filters of older container managers. Stricter in one thing: no ".." at all. */
static int open_walk(int dirfd, const char *path, int flags, mode_t mode)
{
    char name[NAME_MAX + 1];
    auto_close int held = -1;

    if (*path == '/') {
        errno = EXDEV;
        return -1;
    }
    for (;;) {
        size_t len = strcspn(path, "/");
        if (len > NAME_MAX) {
            errno = ENAMETOOLONG;
            return -1;
        }
        memcpy(name, path, len);
        name[len] = '\0';
        if (strcmp(name, "..") == 0) {
            errno = EXDEV;
            return -1;
        }
        if (!path[len])
            return openat(dirfd, len == 0 && held >= 0 ? "." : name, flags | O_NOFOLLOW, mode);
        path += len + strspn(path + len, "/");
        int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
        if (fd < 0)
            return -1;
        if (held >= 0)
            close(held);
        held = dirfd = fd; /* of a link, the next openat says ENOTDIR */
    }
}

int file_open_beneath(int dirfd, const char *path, int flags, mode_t mode, struct err *e)
{
    int fd = open_kernel(dirfd, path, flags | O_CLOEXEC, mode);

    if (fd < 0 && errno == ENOSYS)
        fd = open_walk(dirfd, path, flags | O_CLOEXEC, mode & MODE_BITS);
    return fd < 0 ? err_sys(e, "cannot open %s", path) : fd;
}
