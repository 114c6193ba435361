/* A child as another user. Its credentials are looked up before the start (nss may do anything) and
 * set between vfork and exec by system calls of this thread alone: glibc's setuid(3) sets those of
 * all threads, whose memory the child shares. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/spawn_exec.h"

int spawn_user_find(const char *name, struct spawn_user *ret, struct err *e)
{
    struct spawn_user u = { .n_groups = SPAWN_GROUPS_MAX };
    const struct passwd *p;

    errno = 0;
    p = getpwnam(name);
    if (!p)
        return err_set(e, ERR_NOT_FOUND, "there is no user \"%.64s\"", name);
    u.uid = p->pw_uid;
    u.gid = p->pw_gid;
    snprintf(u.home, sizeof(u.home), "%s", p->pw_dir);
    if (getgrouplist(name, p->pw_gid, u.groups, &u.n_groups) < 0)
        return err_set(e, ERR_TOO_BIG, "user \"%.64s\" is in more than %d groups", name,
                       SPAWN_GROUPS_MAX);
    *ret = u;
    return 0;
}

int spawn_become(const struct spawn_user *u)
{
    if (geteuid() == u->uid && getegid() == u->gid)
        return 0;
    if (syscall(SYS_setgroups, (size_t)u->n_groups, u->groups) < 0 ||
        syscall(SYS_setresgid, u->gid, u->gid, u->gid) < 0)
        return -1;
    return (int)syscall(SYS_setresuid, u->uid, u->uid, u->uid);
}
