#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/guests_priv.h"

#define WORDS_MAX (256 << 10) /* of a QEMU with many devices */

enum seen { NO, YES, HIDDEN };

/* Does the process have that file open? The lock is the file description's (flock(2)), and
 * /proc/locks names only who took it: a roostd that may be long gone. */
static enum seen has_open(pid_t pid, const struct stat *want)
{
    char path[64];
    enum seen seen = NO;
    struct dirent *d;

    snprintf(path, sizeof(path), "/proc/%d/fd", (int)pid);
    DIR *dir = opendir(path);
    if (!dir)
        return errno == EACCES ? HIDDEN : NO;
    while (seen != YES && (d = readdir(dir))) {
        struct stat st;
        if (fstatat(dirfd(dir), d->d_name, &st, 0) < 0)
            seen = errno == EACCES ? HIDDEN : seen;
        else if (st.st_dev == want->st_dev && st.st_ino == want->st_ino)
            seen = YES;
    }
    closedir(dir);
    return seen;
}

/* Whom QEMU runs as: one of others can have any words it likes. */
static bool right_user(const struct config *c, pid_t pid)
{
    const struct passwd *pw = c->run_as[0] ? getpwnam(c->run_as) : NULL;
    uid_t uid;

    return proc_uid(pid, &uid, NULL) == 0 && uid == (pw ? pw->pw_uid : geteuid());
}

/* One of its arguments names the instance's QMP socket, which is below this roost's run directory. */
static bool right_words(const struct guests *g, const struct name *n, pid_t pid)
{
    char path[32], socket[PATH_SIZE];
    auto_buf struct buf words = BUF_INIT, want = BUF_INIT;

    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    layout_socket(g->config->run, n, SUFFIX_QMP, socket);
    buf_printf(&want, "path=%s,", socket);
    return file_read(AT_FDCWD, path, WORDS_MAX, &words, NULL) == 0 &&
           memmem(words.data, words.len, want.data, want.len);
}

static bool holds(const struct guests *g, const struct name *n, pid_t pid, const struct stat *lock)
{
    enum seen s = has_open(pid, lock);

    return s == HIDDEN ? right_user(g->config, pid) && right_words(g, n, pid) : s == YES;
}

bool guest_is_holder(const struct guests *g, const struct name *n, int dir, pid_t pid)
{
    struct stat want;

    return fstatat(dir, FILE_LOCK_QEMU, &want, AT_SYMLINK_NOFOLLOW) == 0 &&
           holds(g, n, pid, &want);
}

pid_t guest_find_holder(const struct guests *g, const struct name *n, int dir, struct err *e)
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
        if (pid > 0 && pid != getpid() && holds(g, n, pid, &want))
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
