#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/guests_priv.h"

/* Does the process have that file open? The lock is the file description's (flock(2)), and
 * /proc/locks names only who took it: a roostd that may be long gone. */
static bool has_open(pid_t pid, const struct stat *want)
{
    char path[64];
    bool found = false;
    struct dirent *d;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    if (!dir)
        return false;
    while (!found && (d = readdir(dir))) {
        struct stat st;
        found = fstatat(dirfd(dir), d->d_name, &st, 0) == 0 && st.st_dev == want->st_dev &&
                st.st_ino == want->st_ino;
    }
    closedir(dir);
    return found;
}

bool guest_is_holder(int dir, pid_t pid)
{
    struct stat want;

    return fstatat(dir, FILE_LOCK_QEMU, &want, AT_SYMLINK_NOFOLLOW) == 0 && has_open(pid, &want);
}

pid_t guest_find_holder(int dir, struct err *e)
{
    struct stat want;
    struct dirent *d;
    pid_t found = 0;

    if (fstatat(dir, FILE_LOCK_QEMU, &want, AT_SYMLINK_NOFOLLOW) < 0)
        return err_sys(e, "%s", FILE_LOCK_QEMU);
    DIR *proc = opendir("/proc");
    if (!proc)
        return err_sys(e, "/proc");
    while (!found && (d = readdir(proc))) {
        pid_t pid = isdigit((unsigned char)d->d_name[0]) ? atoi(d->d_name) : 0;
        if (pid > 0 && pid != getpid() && has_open(pid, &want))
            found = pid;
    }
    closedir(proc);
    return found;
}

/* Of an adopted one: `-accel kvm` stands in its arguments. */
enum accel guest_accel_of(pid_t pid)
{
    char path[64], text[16384];

    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    for (ssize_t i = 0; i < n; i++) {
        text[n] = '\0';
        if ((i == 0 || text[i - 1] == '\0') && strncmp(text + i, "kvm", 3) == 0 &&
            (text[i + 3] == '\0' || text[i + 3] == ','))
            return ACCEL_KVM;
    }
    return ACCEL_TCG;
}
