/* Network namespaces of a test program's own: as root, else in a user namespace. */
#ifndef TESTS_UNIT_NETCFG_NETNS_H
#define TESTS_UNIT_NETCFG_NETNS_H

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static inline void netns_put(const char *path, const char *text)
{
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    if (fd < 0 || write(fd, text, strlen(text)) < 0)
        print_message("%s: %s\n", path, strerror(errno));
    if (fd >= 0)
        close(fd);
}

/* May this program make some? Says aloud when not. */
static inline bool netns_possible(void)
{
    unsigned uid = geteuid(), gid = getegid();
    char map[64];

    if (unshare(uid == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) < 0) {
        print_message("SKIPPED: no network namespace here (%s)\n", strerror(errno));
        return false;
    }
    if (uid != 0) {
        netns_put("/proc/self/setgroups", "deny");
        snprintf(map, sizeof(map), "0 %u 1", uid);
        netns_put("/proc/self/uid_map", map);
        snprintf(map, sizeof(map), "0 %u 1", gid);
        netns_put("/proc/self/gid_map", map);
    }
    return true;
}

static inline void sh(const char *command)
{
    if (system(command) != 0)
        fail_msg("%s", command);
}

#endif
