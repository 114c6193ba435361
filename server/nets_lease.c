/* Leases: datagrams of roost-lease, which dnsmasq calls, and the lease file at the start. */
#include <errno.h>
#include <fcntl.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "netcfg/dhcp.h"
#include "netcfg/lease.h"
#include "server/nets_priv.h"

#define BATCH    64 /* datagrams a turn */
#define FILE_CAP (8u << 20)

static void tell(struct nets *n, const struct net *t, const struct lease *l)
{
    struct net_lease m = { .network = t->name, .lease = *l };

    net_lease_encode(&m, &n->out);
    n->o.send(P_LEASE, 0, &n->out, n->o.arg);
}

/* The socket's name is everybody's who may enter the run directory; what counts is who sends. */
static bool from_dnsmasq(const struct nets *n, struct msghdr *h)
{
    const struct passwd *pw = getpwnam(n->o.config->dnsmasq_user);
    struct ucred who = { .uid = (uid_t)-1 };

    for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c))
        if (c->cmsg_level == SOL_SOCKET && c->cmsg_type == SCM_CREDENTIALS)
            memcpy(&who, CMSG_DATA(c), sizeof(who));
    return who.uid == 0 || who.uid == geteuid() || (pw && who.uid == pw->pw_uid);
}

static void take(struct nets *n, const char *data, size_t len)
{
    struct err e = { 0 };
    struct lease l;
    const struct net *t;

    if (lease_datagram_parse(data, len, &l, &e) < 0) {
        log_debug("lease", "%s", e.text);
        return;
    }
    if ((t = net_of_bridge(n, l.bridge)))
        tell(n, t, &l);
}

static void lease_cb(int fd, int what, void *arg)
{
    struct nets *n = arg;
    char data[LEASE_DATAGRAM_MAX];
    union {
        char b[CMSG_SPACE(sizeof(struct ucred))];
        struct cmsghdr align;
    } control;

    (void)what;
    for (int i = 0; i < BATCH; i++) {
        struct iovec v = { data, sizeof(data) };
        struct msghdr h = { .msg_iov = &v,
                            .msg_iovlen = 1,
                            .msg_control = control.b,
                            .msg_controllen = sizeof(control.b) };
        ssize_t len = recvmsg(fd, &h, MSG_DONTWAIT);
        if (len < 0)
            return;
        if (!(h.msg_flags & MSG_TRUNC) && from_dnsmasq(n, &h))
            take(n, data, (size_t)len);
    }
}

static int bind_socket(struct nets *n, struct err *e)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    int on = 1;

    snprintf(n->lease_path, sizeof(n->lease_path), "%.*s/" FILE_LEASE_SOCKET, PATH_SIZE - 32,
             n->o.config->run);
    if (strlen(n->lease_path) >= sizeof(at.sun_path))
        return err_set(e, ERR_INVALID, "%s is too long for a socket", n->lease_path);
    memcpy(at.sun_path, n->lease_path, strlen(n->lease_path) + 1);
    auto_close int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_PASSCRED, &on, sizeof(on)) < 0)
        return err_sys(e, "socket for leases");
    unlink(n->lease_path);
    if (bind(fd, (struct sockaddr *)&at, sizeof(at)) < 0 || chmod(n->lease_path, 0666) < 0)
        return err_sys(e, "%s", n->lease_path);
    return steal_fd(&fd);
}

int leases_open(struct nets *n, struct err *e)
{
    if (n->lease_fd >= 0)
        return 0;
    n->lease_fd = bind_socket(n, e);
    if (n->lease_fd < 0)
        return -1;
    n->lease_watch = loop_fd_new(n->loop, n->lease_fd, LOOP_READ, lease_cb, n, e);
    if (n->lease_watch)
        return 0;
    leases_close(n);
    return -1;
}

void leases_close(struct nets *n)
{
    loop_fd_free(steal_ptr(n->lease_watch));
    if (n->lease_fd < 0)
        return;
    close(n->lease_fd);
    n->lease_fd = -1;
    unlink(n->lease_path);
}

void leases_unneeded(struct nets *n)
{
    const struct net *t;

    TAILQ_FOREACH(t, &n->list, order)
    {
        if (t->dns)
            return;
    }
    leases_close(n);
}

void leases_read(struct net *t)
{
    auto_buf struct buf text = BUF_INIT;
    int64_t now = loop_now(t->nets->loop).real_ms / 1000, expires;
    struct err e = { 0 };
    struct lease l;
    char *save = NULL;

    if (file_read(t->dir, FILE_LEASES, FILE_CAP, &text, &e) < 0) {
        if (e.kind != ERR_NOT_FOUND)
            log_warn("network %s: %s", t->name.s, e.text);
        return;
    }
    (void)buf_str(&text);
    for (char *line = text.len ? strtok_r(text.data, "\n", &save) : NULL; line;
         line = strtok_r(NULL, "\n", &save)) {
        if (lease_line_parse(line, &expires, &l, &e) != 1 || (expires && expires < now))
            continue;
        memcpy(l.bridge, t->plan.bridge, sizeof(l.bridge));
        tell(t->nets, t, &l);
    }
}

int lease_release(struct net *t, const struct lease *l, struct err *e)
{
    uint8_t message[DHCP_MESSAGE_MAX];
    uint32_t xid;

    if (getrandom(&xid, sizeof(xid), 0) != sizeof(xid))
        return err_sys(e, "random bytes");
    size_t len = dhcp_release(xid, &l->mac, &l->ip, &t->up.network.host, message);
    auto_close int fd = dhcp_socket(t->plan.bridge, e);
    return fd < 0 ? -1 : dhcp_send(fd, &t->up.network.host, message, len, e);
}
