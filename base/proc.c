#include "base/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/pidfd.h>

#include "base/cleanup.h"

static int not_there(pid_t pid, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND, "process %d is gone", (int)pid);
}

/* proc(5): the name in field 2 may hold anything, blanks and parentheses too, so that fields are
 * counted from its last parenthesis on. */
static int stat_start_time(const char *stat, uint64_t *ret)
{
    const char *p = strrchr(stat, ')');
    for (int field = 2; p && field < 22; field++) {
        p = strchr(p, ' ');
        if (p)
            p++;
    }
    if (!p || *p < '0' || *p > '9')
        return -1;
    *ret = strtoull(p, NULL, 10);
    return 0;
}

int proc_start_time(pid_t pid, uint64_t *ret, struct err *e)
{
    char path[32], text[1024];
    snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n < 0 && (errno == ENOENT || errno == ESRCH))
        return not_there(pid, e);
    if (n < 0)
        return err_sys(e, "%s", path);
    text[n] = '\0';
    if (stat_start_time(text, ret) < 0)
        return err_set(e, ERR_IO, "%s: no start time in it", path);
    return 0;
}

int proc_uid(pid_t pid, uid_t *ret, struct err *e)
{
    char path[32], text[1024];
    unsigned uid;

    snprintf(path, sizeof(path), "/proc/%d/status", (int)pid);
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (n < 0 && (errno == ENOENT || errno == ESRCH))
        return not_there(pid, e);
    if (n < 0)
        return err_sys(e, "%s", path);
    text[n] = '\0';
    const char *line = strstr(text, "\nUid:"); /* a newline in the name before it is escaped */
    if (!line || sscanf(line, "\nUid: %u", &uid) != 1)
        return err_set(e, ERR_IO, "%s: no user in it", path);
    *ret = uid;
    return 0;
}

/* The descriptor first: from then on the pid cannot come to mean another process unnoticed, since
 * that one started later. */
int proc_open(pid_t pid, uint64_t start_time, struct err *e)
{
    uint64_t start;
    if (pid <= 0)
        return err_set(e, ERR_INVALID, "%d is no process id", (int)pid);
    auto_close int fd = pidfd_open(pid, 0);
    if (fd < 0 && errno == ESRCH)
        return not_there(pid, e);
    if (fd < 0)
        return err_sys(e, "cannot watch process %d", (int)pid);
    if (proc_start_time(pid, &start, e) < 0)
        return -1;
    if (start != start_time)
        return not_there(pid, e);
    return steal_fd(&fd);
}
