#include "bootstrap/binary.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

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
        ret->mtime_ns = (int64_t)st.st_mtim.tv_sec * 1000000000 + st.st_mtim.tv_nsec;
    }
}

bool binary_same(const struct binary *a, const struct binary *b)
{
    return a->size == b->size && a->mtime_ns == b->mtime_ns && strcmp(a->path, b->path) == 0;
}
