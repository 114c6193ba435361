#include "bootstrap/binary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

static int64_t mtime_ns(const struct stat *st)
{
    return (int64_t)st->st_mtim.tv_sec * 1000000000 + st->st_mtim.tv_nsec;
}

void binary_look(const char *name, struct binary *ret)
{
    const char *path = getenv("PATH");
    struct stat st;

    memset(ret, 0, sizeof *ret);
    snprintf(ret->path, sizeof ret->path, "%s", name);
    while (path && !strchr(name, '/')) {
        size_t len = strcspn(path, ":");
        snprintf(ret->path, sizeof ret->path, "%.*s/%s", (int)len, path, name);
        if (access(ret->path, X_OK) == 0 || !path[len])
            break;
        path += len + 1;
    }
    if (stat(ret->path, &st) == 0) {
        ret->size = (uint64_t)st.st_size;
        ret->mtime_ns = mtime_ns(&st);
    }
}

int64_t binary_modules_ns(void)
{
    static const char *const directories[] = { "/usr/lib/x86_64-linux-gnu/qemu",
                                               "/usr/lib/aarch64-linux-gnu/qemu", "/usr/lib64/qemu",
                                               "/usr/lib/qemu" };
    int64_t newest = 0;
    struct stat st;

    for (size_t i = 0; i < ARRAY_SIZE(directories); i++)
        if (stat(directories[i], &st) == 0 && mtime_ns(&st) > newest)
            newest = mtime_ns(&st);
    return newest;
}

bool binary_same(const struct binary *a, const struct binary *b)
{
    return a->size == b->size && a->mtime_ns == b->mtime_ns && strcmp(a->path, b->path) == 0;
}
