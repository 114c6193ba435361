/* The dnsmasq of a network that outlived the roostd which started it. */
#include <ctype.h>
#include <dirent.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/file.h"
#include "server/nets_priv.h"

static bool same_words(pid_t pid, const struct argv *a)
{
    auto_buf struct buf want = BUF_INIT, have = BUF_INIT;
    char path[32];

    for (int i = 1; i < a->n; i++)
        buf_put(&want, a->v[i], strlen(a->v[i]) + 1);
    snprintf(path, sizeof(path), "/proc/%d/cmdline", (int)pid);
    return file_read(AT_FDCWD, path, 4096, &have, NULL) == 0 && have.len > want.len &&
           memcmp(have.data + have.len - want.len, want.data, want.len) == 0;
}

/* Whoever may run a dnsmasq of ours; anybody can choose the words of a program of his own. */
static bool right_owner(const struct config *c, pid_t pid)
{
    const struct passwd *pw = getpwnam(c->dnsmasq_user);
    uid_t uid;

    return proc_uid(pid, &uid, NULL) == 0 && (uid == geteuid() || (pw && uid == pw->pw_uid));
}

pid_t dnsmasq_find(const struct config *c, const struct argv *a)
{
    DIR *proc = opendir("/proc");
    struct dirent *entry;
    pid_t found = 0;

    while (proc && !found && (entry = readdir(proc))) {
        pid_t pid = isdigit((unsigned char)entry->d_name[0]) ? atoi(entry->d_name) : 0;
        if (pid > 0 && right_owner(c, pid) && same_words(pid, a))
            found = pid;
    }
    if (proc)
        closedir(proc);
    return found;
}
