#include "bootstrap/firmware.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

bool firmware_is_secure(const char *path)
{
    char real[PATH_MAX];
    const char *name, *slash;

    if (!path)
        return false;
    name = realpath(path, real) ? real : path;
    slash = strrchr(name, '/');
    if (slash)
        name = slash + 1;
    return strstr(name, "secboot") || strstr(name, "-smm");
}

int firmware_check_head(const void *head, size_t len, const char *path, struct err *e)
{
    if (len < 4 || memcmp(head, "QFI\xfb", 4) != 0)
        return 0;
    return err_set(
        e, ERR_INVALID,
        "%.300s is a qcow2 file, and firmware a raw one: qemu-img convert -O raw makes it", path);
}
