/* Directories: the dir_ part of base/file.h. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"

#define DEPTH_MAX 64

/* Where openat2(2) is unknown (valgrind): a mount point shows by its device. */
static int open_dir_checked(int dirfd, const char *name)
{
    auto_close int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    struct stat above, st;

    if (fd < 0 || fstat(fd, &st) < 0 || fstat(dirfd, &above) < 0)
        return -1;
    if (st.st_dev != above.st_dev) {
        errno = EXDEV;
        return -1;
    }
    return steal_fd(&fd);
}

/* One component, no link, no mount point. */
static int open_dir(int dirfd, const char *name)
{
    struct open_how how = {
        .flags = O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW,
        .resolve = RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_XDEV,
    };

    int fd = (int)syscall(SYS_openat2, dirfd, name, &how, sizeof(how));
    return fd < 0 && errno == ENOSYS ? open_dir_checked(dirfd, name) : fd;
}

static int need_component(const char *name, struct err *e)
{
    if (!*name || strchr(name, '/') || strcmp(name, ".") == 0 || strcmp(name, "..") == 0)
        return err_set(e, ERR_INVALID, "\"%s\" is not the name of a directory entry", name);
    return 0;
}

int dir_sync(int dirfd, struct err *e)
{
    /* Opened anew: dirfd may be AT_FDCWD or O_PATH, which cannot be flushed. */
    auto_close int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    if (fd < 0 || fsync(fd) < 0)
        return err_sys(e, "cannot flush the directory");
    return 0;
}

int dir_open_make(int dirfd, const char *name, mode_t mode, struct err *e)
{
    if (need_component(name, e) < 0)
        return -1;
    bool made = mkdirat(dirfd, name, mode) == 0;
    if (!made && errno != EEXIST)
        return err_sys(e, "cannot make the directory %s", name);
    auto_close int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 && (errno == ENOTDIR || errno == ELOOP))
        return err_set(e, ERR_CONFLICT, "%s exists and is not a directory", name);
    if (fd < 0)
        return err_sys(e, "cannot open the directory %s", name);
    if (made && fchmod(fd, mode) < 0) /* whatever the umask */
        return err_sys(e, "cannot set the mode of the directory %s", name);
    if (made && dir_sync(dirfd, e) < 0)
        return err_wrap(e, "%s", name);
    return steal_fd(&fd);
}

int dir_make_all(const char *path, mode_t mode, struct err *e)
{
    char part[PATH_MAX];
    size_t len = strlen(path);
    struct stat st;

    if (len == 0 || len >= sizeof(part))
        return err_set(e, ERR_INVALID, "\"%.64s\" is not a path of 1 to %zu bytes", path,
                       sizeof(part) - 1);
    memcpy(part, path, len + 1);
    for (size_t i = 1; i <= len; i++) {
        if (part[i] != '/' && part[i] != '\0')
            continue;
        part[i] = '\0';
        /* Above what is ours, making is refused in many ways (EROFS, EACCES): the end counts. */
        if (mkdir(part, mode) < 0 && errno != EEXIST) {
            int why = errno;
            if (stat(part, &st) < 0) {
                errno = why;
                return err_sys(e, "cannot make the directory %s", part);
            }
        }
        part[i] = path[i];
    }
    if (stat(path, &st) < 0)
        return err_sys(e, "cannot make the directory %s", path);
    if (!S_ISDIR(st.st_mode))
        return err_set(e, ERR_CONFLICT, "%s exists and is not a directory", path);
    return 0;
}

static int remove_entry(int dirfd, const char *name, int depth, struct err *e);

static int remove_entries(int fd, const char *name, int depth, struct err *e)
{
    DIR *dir = fdopendir(fd);
    struct dirent *d;
    int rc = 0;

    if (!dir) {
        err_sys(e, "cannot read the directory %s", name);
        close(fd);
        return -1;
    }
    while (rc == 0 && (errno = 0, d = readdir(dir))) {
        if (strcmp(d->d_name, ".") != 0 && strcmp(d->d_name, "..") != 0)
            rc = remove_entry(fd, d->d_name, depth + 1, e);
    }
    if (rc == 0 && errno)
        rc = err_sys(e, "cannot read the directory %s", name);
    closedir(dir);
    return rc < 0 ? err_wrap(e, "%s", name) : 0;
}

static int remove_entry(int dirfd, const char *name, int depth, struct err *e)
{
    if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
        return 0;
    if (errno != EISDIR)
        return err_sys(e, "cannot remove %s", name);
    if (depth >= DEPTH_MAX)
        return err_set(e, ERR_TOO_BIG, "%s is nested deeper than %d directories", name, DEPTH_MAX);
    int fd = open_dir(dirfd, name);
    if (fd < 0)
        return errno == ENOENT ? 0 : err_sys(e, "cannot remove %s", name);
    if (remove_entries(fd, name, depth, e) < 0)
        return -1;
    if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno != ENOENT)
        return err_sys(e, "cannot remove %s", name);
    return 0;
}

int dir_remove(int dirfd, const char *name, struct err *e)
{
    if (need_component(name, e) < 0)
        return -1;
    return remove_entry(dirfd, name, 0, e);
}

static uint64_t usage_at(int dirfd, const char *name, int levels)
{
    int fd = openat(dirfd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
    DIR *d = fd < 0 ? NULL : fdopendir(fd);
    const struct dirent *entry;
    uint64_t sum = 0;
    struct stat st;

    if (fd >= 0 && !d)
        close(fd);
    while (d && (entry = readdir(d))) {
        if (!strcmp(entry->d_name, ".") || !strcmp(entry->d_name, "..") ||
            fstatat(fd, entry->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0)
            continue;
        sum += (uint64_t)st.st_blocks * 512;
        if (S_ISDIR(st.st_mode) && levels > 1)
            sum += usage_at(fd, entry->d_name, levels - 1);
    }
    if (d)
        closedir(d);
    return sum;
}

uint64_t dir_usage(const char *path)
{
    return usage_at(AT_FDCWD, path, 16);
}
