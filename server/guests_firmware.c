/* A guest's UEFI: its code is read by all, its variables are a copy of its own. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "bootstrap/platform.h"
#include "server/guests_priv.h"

static int open_firmware(const char *path, enum arch a, const char *key, struct err *e)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);

    if (fd < 0 && errno == ENOENT)
        return err_set(e, ERR_NOT_FOUND,
                       "%.200s is missing: install it (package %s), or name another in [launch] "
                       "%s%s",
                       path, platform_of(a)->firmware_package, key,
                       a == ARCH_ARM64 ? "-arm64" : "");
    return fd < 0 ? err_sys(e, "[launch] %s%s %.200s", key, a == ARCH_ARM64 ? "-arm64" : "", path)
                  : fd;
}

int guest_firmware_open(const struct guests *g, const struct launch *l, struct err *e)
{
    return open_firmware(config_firmware_code(g->config, l->arch), l->arch, "firmware-code", e);
}

/* Zeros become holes: Debian's template for arm64 is 64 MiB of nothing else. */
static int copy_sparse(int from, int to, struct err *e)
{
    static const char zeros[4096];
    char block[sizeof zeros];
    off_t at = 0;
    ssize_t n;

    while ((n = pread(from, block, sizeof block, at)) > 0) {
        if (memcmp(block, zeros, (size_t)n) != 0 && pwrite(to, block, (size_t)n, at) != n)
            return err_sys(e, "cannot copy it");
        at += n;
    }
    if (n < 0 || ftruncate(to, at) < 0 || fsync(to) < 0)
        return err_sys(e, "cannot copy it");
    return 0;
}

/* A copy that was cut short is not taken for them: it gets its name when it is whole. */
int guest_variables_make(const struct guests *g, int dir, const struct launch *l, struct err *e)
{
    struct stat st;

    if (fstatat(dir, FILE_VARS, &st, AT_SYMLINK_NOFOLLOW) == 0)
        return 0;
    auto_close int from =
        open_firmware(config_firmware_vars(g->config, l->arch), l->arch, "firmware-vars", e);
    if (from < 0)
        return -1;
    auto_close int to =
        file_open_beneath(dir, FILE_VARS ".new", O_WRONLY | O_CREAT | O_TRUNC, 0600, e);
    if (to < 0 || copy_sparse(from, to, e) < 0)
        return err_wrap(e, "%s", FILE_VARS);
    if (renameat(dir, FILE_VARS ".new", dir, FILE_VARS) < 0)
        return err_sys(e, "%s", FILE_VARS);
    return dir_sync(dir, e);
}
