#include "server/listen.h"

#include <arpa/inet.h>
#include <errno.h>
#include <grp.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/file.h"
#include "base/log.h"
#include "base/parse.h"
#include "server/handover.h"

#define CONTROL_GROUP   "roost"
#define CONTROL_BACKLOG 128
#define HANDOVER_SEED    "seed"
#define HANDOVER_CONTROL "control"
#define PORT_WAIT_MS    1000
#define PORT_POLL_MS    20

union address {
    struct sockaddr sa;
    struct sockaddr_in in;
    struct sockaddr_in6 in6;
};

static socklen_t address_of(const struct endpoint *at, union address *ret)
{
    memset(ret, 0, sizeof(*ret));
    if (at->ip.family == 4) {
        ret->in.sin_family = AF_INET;
        ret->in.sin_port = htons(at->port);
        memcpy(&ret->in.sin_addr, at->ip.b, 4);
        return sizeof(ret->in);
    }
    ret->in6.sin6_family = AF_INET6;
    ret->in6.sin6_port = htons(at->port);
    memcpy(&ret->in6.sin6_addr, at->ip.b, 16);
    return sizeof(ret->in6);
}

static int bind_failed(const struct endpoint *at, struct err *e)
{
    char text[ENDPOINT_TEXT];

    endpoint_format(at, text);
    if (errno == EADDRINUSE)
        return err_set(e, ERR_BUSY,
                       "cannot listen on %s, another program does: stop it, or choose another "
                       "address with [seed] listen (-o seed.listen=ADDRESS:PORT, port 0 takes a "
                       "free one)",
                       text);
    if (errno == EADDRNOTAVAIL)
        return err_set(e, ERR_INVALID,
                       "cannot listen on %s: this host has no such address, see "
                       "[seed] listen",
                       text);
    return err_sys(e, "cannot listen on %s, see [seed] listen", text);
}

static int bind_seed(const struct endpoint *at, int backlog, struct err *e)
{
    union address a;
    socklen_t len = address_of(at, &a);
    auto_close int fd = socket(a.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1;

    if (fd < 0)
        return err_sys(e, "cannot make a socket");
    /* Connections of the time before a restart do not hold the port. */
    if (setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on)) < 0)
        return err_sys(e, "cannot make a socket");
    if (bind(fd, &a.sa, len) < 0 || listen(fd, backlog) < 0)
        return bind_failed(at, e);
    return steal_fd(&fd);
}

/* A front that was killed a moment ago may hold the port a little longer than the lock. */
static int bind_seed_soon(const struct endpoint *at, int backlog, struct err *e)
{
    int64_t until = clock_now().boot_ms + PORT_WAIT_MS;
    struct err why = { 0 };
    int fd;

    while ((fd = bind_seed(at, backlog, &why)) < 0 && why.kind == ERR_BUSY &&
           clock_now().boot_ms < until)
        nanosleep(&(struct timespec){ .tv_nsec = PORT_POLL_MS * 1000000L }, NULL);
    if (fd < 0 && e)
        *e = why;
    return fd;
}

static int port_of(int fd, uint16_t *ret, struct err *e)
{
    union address a;
    socklen_t len = sizeof(a);

    if (getsockname(fd, &a.sa, &len) < 0)
        return err_sys(e, "cannot tell the port");
    *ret = ntohs(a.sa.sa_family == AF_INET ? a.in.sin_port : a.in6.sin6_port);
    return 0;
}

/* 0: none was chosen yet. */
static int kept_port(int state_dir, uint16_t *ret, struct err *e)
{
    auto_buf struct buf text = BUF_INIT;
    struct err why = { 0 };
    uint64_t port = 0;

    if (file_read(state_dir, FILE_SEED_PORT, 64, &text, &why) < 0) {
        *ret = 0;
        if (why.kind == ERR_NOT_FOUND)
            return 0;
        *(e ? e : &why) = why;
        return -1;
    }
    if (text.len && text.data[text.len - 1] == '\n')
        text.data[--text.len] = '\0';
    if (parse_u64(buf_str(&text), 1, 65535, &port, e) < 0)
        return err_wrap(e, "%s in the state directory", FILE_SEED_PORT);
    *ret = (uint16_t)port;
    return 0;
}

static int keep_port(int state_dir, uint16_t port, struct err *e)
{
    char text[16];
    int len = snprintf(text, sizeof(text), "%u\n", port);

    return file_replace(state_dir, FILE_SEED_PORT, text, (size_t)len, 0600, NULL, e);
}

int listen_seed(const struct config *c, int state_dir, struct endpoint *ret_at, struct err *e)
{
    struct endpoint at = c->listen;
    bool choose = at.port == 0;

    if (choose && kept_port(state_dir, &at.port, e) < 0)
        return -1;
    bool chosen = choose && at.port == 0;
    int kept = handover_take_at(HANDOVER_SEED, &at, NULL);
    auto_close int fd = kept >= 0 ? kept : bind_seed_soon(&at, (int)c->backlog, e);
    if (fd < 0 && choose && !chosen)
        return err_wrap(e, "the port of %s, which guests know", FILE_SEED_PORT);
    if (fd < 0 || port_of(fd, &at.port, e) < 0)
        return -1;
    if (chosen && keep_port(state_dir, at.port, e) < 0)
        return -1;
    if (kept < 0)
        handover_keep(HANDOVER_SEED, fd);
    *ret_at = at;
    return steal_fd(&fd);
}

/* --- control ------------------------------------------------------------------------------- */

static int remove_stale(const char *path, struct err *e)
{
    struct stat st;

    if (lstat(path, &st) < 0)
        return errno == ENOENT ? 0 : err_sys(e, "control socket %.120s", path);
    if (!S_ISSOCK(st.st_mode))
        return err_set(e, ERR_CONFLICT,
                       "control socket %.120s: there is something else in its place", path);
    return unlink(path) < 0 ? err_sys(e, "control socket %.120s", path) : 0;
}

static int open_to_group(const char *path, struct err *e)
{
    const struct group *g = getgrnam(CONTROL_GROUP);

    if (!g) {
        log_info("no group \"" CONTROL_GROUP "\": the control socket is root's alone");
        return 0;
    }
    if (chown(path, (uid_t)-1, g->gr_gid) < 0 || chmod(path, 0660) < 0)
        return err_sys(e, "control socket %.120s", path);
    return 0;
}

/* The one that was handed over, if its name still leads to it. */
static int kept_control(const struct sockaddr_un *want)
{
    int fd = handover_take(HANDOVER_CONTROL);
    struct sockaddr_un is = { 0 };
    socklen_t len = sizeof is;
    struct stat st;

    if (fd < 0)
        return -1;
    if (getsockname(fd, (struct sockaddr *)&is, &len) == 0 && is.sun_family == AF_UNIX &&
        strncmp(is.sun_path, want->sun_path, sizeof is.sun_path) == 0 &&
        lstat(want->sun_path, &st) == 0 && S_ISSOCK(st.st_mode))
        return fd;
    close(fd);
    handover_drop(HANDOVER_CONTROL);
    return -1;
}

int listen_control(const struct config *c, struct err *e)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    size_t len = strlen(c->control);

    if (len >= sizeof(un.sun_path))
        return err_set(e, ERR_INVALID, "control socket %.120s: path too long", c->control);
    memcpy(un.sun_path, c->control, len);
    int kept = kept_control(&un);
    if (kept >= 0)
        return kept;
    if (remove_stale(c->control, e) < 0)
        return -1;
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(e, "cannot make a socket");
    mode_t old = umask(0177);
    int rc = bind(fd, (struct sockaddr *)&un, sizeof(un));
    umask(old);
    if (rc < 0 || listen(fd, CONTROL_BACKLOG) < 0)
        return err_sys(e, "control socket %.120s", c->control);
    if (c->mode == MODE_SYSTEM && open_to_group(c->control, e) < 0)
        return -1;
    handover_keep(HANDOVER_CONTROL, fd);
    return steal_fd(&fd);
}
