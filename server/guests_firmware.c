/* A guest's UEFI: its code is read by all, its variables are a copy of its own. */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "bootstrap/firmware.h"
#include "bootstrap/platform.h"
#include "server/guests_priv.h"

const char *guest_firmware_code(const struct guests *g, const struct launch *l)
{
    return l->machine.firmware_code[0] ? l->machine.firmware_code
                                       : config_firmware_code(g->config, l->arch);
}

static const char *template_of(const struct guests *g, const struct launch *l)
{
    return l->machine.firmware_vars[0] ? l->machine.firmware_vars
                                       : config_firmware_vars(g->config, l->arch);
}

/* A link may lead anywhere: what counts is the file that was opened. */
static int check_file(const struct guests *g, int fd, const char *path, struct err *e)
{
    char link[64], real[PATH_MAX], head[4];

    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t n = readlink(link, real, sizeof real - 1);
    if (n < 0)
        return err_sys(e, "%.200s", path);
    real[n] = '\0';
    if (!path_allowed(real, g->config->allow_firmware))
        return err_set(e, ERR_DENIED,
                       "firmware %.200s is not allowed here: [launch] allow-firmware of roost.conf "
                       "allows %.200s",
                       real, g->config->allow_firmware);
    n = pread(fd, head, sizeof head, 0);
    return n < 0 ? err_sys(e, "%.200s", path) : firmware_check_head(head, (size_t)n, path, e);
}

/* roost.conf's own files are root's choice; `own`: the instance's. */
static int open_firmware(const struct guests *g, const struct launch *l, const char *path,
                         const char *key, bool own, struct err *e)
{
    const char *suffix = l->arch == ARCH_ARM64 ? "-arm64" : "";
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);

    if (fd < 0 && own)
        return err_sys(e, "%s %.200s", key, path);
    if (fd < 0 && errno == ENOENT)
        return err_set(e, ERR_NOT_FOUND,
                       "%.200s is missing: install it (package %s), or name another in [launch] "
                       "%s%s",
                       path, platform_of(l->arch)->firmware_package, key, suffix);
    if (fd < 0)
        return err_sys(e, "[launch] %s%s %.200s", key, suffix, path);
    if (own && check_file(g, fd, path, e) < 0)
        return -1;
    return steal_fd(&fd);
}

int guest_firmware_open(const struct guests *g, const struct launch *l, struct err *e)
{
    return open_firmware(g, l, guest_firmware_code(g, l), "firmware-code",
                         l->machine.firmware_code[0], e);
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

/* Were they made from this very template? Where nobody wrote that down (guests of before, and those
 * that came from elsewhere), from one as large. */
static bool is_from(int dir, const char *template)
{
    auto_buf struct buf from = BUF_INIT;
    struct stat have, would;

    if (fstatat(dir, FILE_VARS, &have, AT_SYMLINK_NOFOLLOW) < 0)
        return false;
    if (file_read(dir, FILE_VARS_FROM, PATH_MAX, &from, NULL) == 0)
        return strcmp(buf_str(&from), template) == 0;
    return stat(template, &would) < 0 || have.st_size == would.st_size;
}

/* A copy that was cut short is not taken for them: it gets its name when it is whole. Variables of
 * another template are none of this firmware's, so they begin anew. */
int guest_variables_make(const struct guests *g, int dir, const struct launch *l, struct err *e)
{
    const char *template = template_of(g, l);
    bool own = l->machine.firmware_vars[0];

    if (is_from(dir, template))
        return 0;
    auto_close int from = open_firmware(g, l, template, "firmware-vars", own, e);
    if (from < 0)
        return -1;
    auto_close int to =
        file_open_beneath(dir, FILE_VARS ".new", O_WRONLY | O_CREAT | O_TRUNC, 0600, e);
    if (to < 0 || copy_sparse(from, to, e) < 0)
        return err_wrap(e, "%s", FILE_VARS);
    if (unlinkat(dir, FILE_VARS_FROM, 0) < 0 && errno != ENOENT)
        return err_sys(e, "%s", FILE_VARS_FROM);
    if (renameat(dir, FILE_VARS ".new", dir, FILE_VARS) < 0)
        return err_sys(e, "%s", FILE_VARS);
    return file_replace(dir, FILE_VARS_FROM, template, strlen(template), 0600, NULL, e);
}
