/* Images for CD-ROM drives: the one thing of a guest that core names by a path. As root only what
 * lies below the directory that root's own configuration names is opened; rootless core could open
 * it itself. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/guests_priv.h"

#define READ_FLAGS (O_RDONLY | O_CLOEXEC | O_NOCTTY | O_NONBLOCK) /* never waits for a FIFO */

/* What stands behind the directory in a path; NULL: it does not lie below it. */
static const char *below(const char *dir, const char *path)
{
    size_t len = strlen(dir);

    while (len > 1 && dir[len - 1] == '/')
        len--;
    return dir[0] && strncmp(dir, path, len) == 0 && path[len] == '/' ? path + len + 1 : NULL;
}

static int open_allowed(const char *dir, const char *iso, struct err *e)
{
    const char *rest = below(dir, iso);

    if (!dir[0])
        return err_set(e, ERR_DENIED,
                       "cdrom %.200s: roost runs as root and opens no images: name the directory "
                       "where they lie in roost.conf, [launch] media-directory",
                       iso);
    if (!rest)
        return err_set(e, ERR_DENIED,
                       "cdrom %.200s does not lie below %.200s ([launch] media-directory of "
                       "roost.conf)",
                       iso, dir);
    auto_close int top = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
    if (top < 0)
        return err_sys(e, "[launch] media-directory %.200s", dir);
    int fd = file_open_beneath(top, rest, READ_FLAGS, 0, e);
    return fd < 0 ? err_wrap(e, "cdrom, below %.200s", dir) : fd;
}

int guest_medium_open(const struct guests *g, const char *iso, struct err *e)
{
    auto_close int fd = g->config->mode == MODE_SYSTEM ? open_allowed(g->config->media, iso, e)
                                                       : open(iso, READ_FLAGS);
    struct stat st;

    if (fd < 0)
        return g->config->mode == MODE_SYSTEM ? -1 : err_sys(e, "cdrom %.300s", iso);
    if (fstat(fd, &st) < 0)
        return err_sys(e, "cdrom %.300s", iso);
    if (!S_ISREG(st.st_mode) || st.st_size == 0)
        return err_set(e, ERR_INVALID, "cdrom %.300s: %s, the file of an ISO image is wanted", iso,
                       S_ISREG(st.st_mode) ? "it is empty" : "it is no plain file");
    return steal_fd(&fd);
}

int guests_medium(struct guests *g, uint32_t id, struct msg_cur *c, struct err *e)
{
    struct medium_get v;
    struct error_msg m = { .kind = ERR_NONE };
    struct err why = { 0 };

    if (medium_get_decode(c, &v, e) < 0)
        return -1;
    auto_close int fd = guest_medium_open(g, v.iso, &why);
    m.instance = v.instance;
    m.kind = why.kind;
    memcpy(m.text, why.text, sizeof m.text);
    error_msg_encode(&m, &g->out);
    g->send_fd(P_MEDIUM, id, &g->out, fd, g->arg);
    return 0;
}
