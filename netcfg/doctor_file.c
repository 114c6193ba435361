#include "netcfg/doctor_file.h"

#include <fcntl.h>
#include <unistd.h>

FILE *doctor_open(int root, const char *path)
{
    const int fd = openat(root, path, O_RDONLY | O_CLOEXEC);
    FILE *f = fd < 0 ? NULL : fdopen(fd, "r");

    if (!f && fd >= 0)
        close(fd);
    return f;
}
