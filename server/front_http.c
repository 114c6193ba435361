/* Connections of guests: libmicrohttpd, its callbacks, the listening sockets. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/front_priv.h"

/* 4 KiB of headers must pass, in lines of 40 bytes too: they, MHD's 72 bytes for each, and the
 * answer's head share this. A larger pool costs CPU, since MHD clears the whole of it after each
 * request. */
#define POOL_SIZE (14 << 10)
#define SPARE_FDS 128 /* not for connections */

/* --- connections --------------------------------------------------------------------------- */

static void peer_of(struct MHD_Connection *mhd, struct peer *ret)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    const struct sockaddr *sa = info ? info->client_addr : NULL;

    if (sa && sa->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, sa, sizeof(in));
        ret->ip.family = 4;
        memcpy(ret->ip.b, &in.sin_addr, 4);
        ret->port = ntohs(in.sin_port);
    } else if (sa && sa->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        bool mapped;
        memcpy(&in6, sa, sizeof(in6));
        mapped = IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr);
        ret->ip.family = mapped ? 4 : 6;
        memcpy(ret->ip.b, in6.sin6_addr.s6_addr + (mapped ? 12 : 0), mapped ? 4 : 16);
        ret->port = ntohs(in6.sin6_port);
    }
}

static struct conn *conn_new(struct listener *l, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_CONNECTION_FD);
    struct front *f = l->front;
    struct conn *c = calloc(1, sizeof(*c));

    if (!c)
        return NULL;
    c->listener = l;
    c->mhd = mhd;
    c->fd = info ? info->connect_fd : -1;
    c->peer.listener = l->number;
    peer_of(mhd, &c->peer);
    c->since_ms = loop_now(f->loop).boot_ms;
    c->fresh = true;
    TAILQ_INSERT_TAIL(&f->conns, c, order);
    f->n_conns++;
    f->n_fresh++;
    l->n_conns++;
    front_tick_soon(f);
    return c;
}

void conn_not_fresh(struct conn *c)
{
    if (c->fresh)
        c->listener->front->n_fresh--;
    c->fresh = false;
}

/* Closing over bytes that were not read would take the answer from the client by a reset. */
static bool has_unread(int fd)
{
    int n = 0;

    return fd >= 0 && ioctl(fd, FIONREAD, &n) == 0 && n > 0;
}

static void conn_free(struct conn *c)
{
    struct front *f = c->listener->front;

    if (c->fd >= 0 && !f->over && (c->linger || has_unread(c->fd)))
        drain_add(f->drain, c->fd);
    request_end(c);
    conn_release(c);
    conn_not_fresh(c);
    TAILQ_REMOVE(&f->conns, c, order);
    f->n_conns--;
    c->listener->n_conns--;
    free(c);
}

/* MHD's own clock ends silence; this ends those who send a byte now and then for ever. A request
 * that waits for core has a deadline of its own. */
void conns_sweep(struct front *f)
{
    int64_t now = loop_now(f->loop).boot_ms, limit = 2 * f->config.request_timeout;
    struct conn *c, *next;

    for (c = TAILQ_FIRST(&f->conns); c && c->since_ms + limit <= now; c = next) {
        next = TAILQ_NEXT(c, order);
        if (c->step == STEP_WAIT || c->step == STEP_ANSWER)
            continue;
        front_tally(f, TALLY_CONNECTIONS_REFUSED);
        (void)shutdown(c->fd, SHUT_RDWR);
    }
}

/* --- MHD's callbacks ----------------------------------------------------------------------- */

static void connection_cb(void *cls, struct MHD_Connection *mhd, void **context,
                          enum MHD_ConnectionNotificationCode what)
{
    if (what == MHD_CONNECTION_NOTIFY_STARTED) {
        *context = conn_new(cls, mhd);
    } else if (*context) {
        conn_free(*context);
        *context = NULL;
    }
}

static void *uri_cb(void *cls, const char *uri, struct MHD_Connection *mhd)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    struct conn *c = info ? info->socket_context : NULL;

    (void)cls;
    if (c) {
        c->listener->moved = true;
        request_begin(c, uri);
    }
    return c;
}

static enum MHD_Result handler_cb(void *cls, struct MHD_Connection *mhd, const char *url,
                                  const char *method, const char *version, const char *data,
                                  size_t *len, void **context)
{
    struct conn *c = *context;

    (void)cls;
    (void)mhd;
    (void)url;
    (void)version;
    if (!c)
        return MHD_NO;
    if (c->held)
        conn_visit(c);
    c->listener->moved |= c->step != STEP_WAIT;
    return request_step(c, method, data, len);
}

static void completed_cb(void *cls, struct MHD_Connection *mhd, void **context,
                         enum MHD_RequestTerminationCode why)
{
    struct conn *c = *context;

    (void)cls;
    (void)mhd;
    (void)why;
    *context = NULL;
    if (!c)
        return;
    c->listener->moved = true;
    request_end(c);
    conn_release(c);
    front_poll(c->listener->front);
    c->since_ms = loop_now(c->listener->front->loop).boot_ms;
    TAILQ_REMOVE(&c->listener->front->conns, c, order);
    TAILQ_INSERT_TAIL(&c->listener->front->conns, c, order);
}

/* The route decodes: decoding twice would let "%2574" through as "t". */
static size_t unescape_cb(void *cls, struct MHD_Connection *mhd, char *s)
{
    (void)cls;
    (void)mhd;
    return strlen(s);
}

__attribute__((format(printf, 2, 0))) static void log_cb(void *cls, const char *fmt, va_list ap)
{
    char line[256];

    (void)cls;
    vsnprintf(line, sizeof(line), fmt, ap);
    line[strcspn(line, "\n")] = '\0';
    log_debug("http", "%s", line);
}

/* --- listeners ----------------------------------------------------------------------------- */

static void epoll_cb(int fd, int what, void *arg)
{
    struct listener *l = arg;

    (void)fd;
    (void)what;
    l->run = l->told = true;
    loop_hook_soon(l->front->turn);
}

/* MHD stops to accept at its limit, before the process runs out of descriptors. */
static unsigned connection_limit(const struct front *f)
{
    struct rlimit r;
    rlim_t max = f->config.max_connections;

    if (getrlimit(RLIMIT_NOFILE, &r) == 0 && r.rlim_cur != RLIM_INFINITY &&
        max + SPARE_FDS > r.rlim_cur)
        max = r.rlim_cur > 2 * SPARE_FDS ? r.rlim_cur - SPARE_FDS : SPARE_FDS;
    return (unsigned)max;
}

/* MHD_USE_TURBO: a connection ends by close(2) alone, which sends the FIN as the shutdown(2) before
 * it would, and a new one is read before it is polled. */
static struct MHD_Daemon *daemon_start(struct listener *l, int fd)
{
    const struct config *c = &l->front->config;

    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_USE_TURBO | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0, NULL, NULL,
        handler_cb, l, MHD_OPTION_EXTERNAL_LOGGER, log_cb, NULL, MHD_OPTION_LISTEN_SOCKET, fd,
        MHD_OPTION_CONNECTION_LIMIT, l->limit, MHD_OPTION_PER_IP_CONNECTION_LIMIT,
        c->max_connections_per_ip, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)((c->request_timeout + 999) / 1000), MHD_OPTION_CONNECTION_MEMORY_LIMIT,
        (size_t)POOL_SIZE, MHD_OPTION_NOTIFY_CONNECTION, connection_cb, l,
        MHD_OPTION_URI_LOG_CALLBACK, uri_cb, l, MHD_OPTION_NOTIFY_COMPLETED, completed_cb, l,
        MHD_OPTION_UNESCAPE_CALLBACK, unescape_cb, l, MHD_OPTION_END);
}

static void listener_free(struct listener *l)
{
    loop_fd_free(l->watch);
    if (l->mhd) {
        listener_admit(l);
        MHD_stop_daemon(l->mhd);
    }
    free(l->arrivals);
    free(l);
}

static int listener_start(struct listener *l, int fd, struct err *e)
{
    if (fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK) < 0)
        return err_sys(e, "listening socket");
    l->limit = connection_limit(l->front);
    l->arrivals = calloc(FRONT_ARRIVALS, sizeof(*l->arrivals));
    if (!l->arrivals)
        return err_set(e, ERR_INTERNAL, "no memory");
    l->mhd = daemon_start(l, fd);
    if (!l->mhd)
        return err_set(e, ERR_INTERNAL, "libmicrohttpd does not start; --debug http tells more");
    const union MHD_DaemonInfo *info = MHD_get_daemon_info(l->mhd, MHD_DAEMON_INFO_EPOLL_FD);
    l->watch = info ? loop_fd_new(l->front->loop, info->epoll_fd, LOOP_READ, epoll_cb, l, e) : NULL;
    if (l->watch)
        return 0;
    MHD_quiesce_daemon(l->mhd); /* the descriptor is the caller's again */
    return err_wrap(e, "libmicrohttpd");
}

int listener_add(struct front *f, const struct listen_msg *m, int fd, struct err *e)
{
    if (f->n_listeners == FRONT_LISTENERS)
        return err_set(e, ERR_TOO_BIG, "more than %d listening sockets", FRONT_LISTENERS);
    struct listener *l = calloc(1, sizeof(*l));
    if (!l)
        return err_set(e, ERR_INTERNAL, "no memory");
    l->front = f;
    l->number = m->listener;
    l->fd = fd;
    if (listener_start(l, fd, e) < 0) {
        listener_free(l);
        return -1;
    }
    f->listeners[f->n_listeners++] = l;
    return 0;
}

static void quiesce(struct listener *l)
{
    MHD_socket fd = l->fd < 0 ? MHD_INVALID_SOCKET : MHD_quiesce_daemon(l->mhd);

    l->fd = -1;
    if (fd != MHD_INVALID_SOCKET)
        close(fd);
}

void listener_remove(struct front *f, uint16_t number)
{
    for (int i = 0; i < f->n_listeners; i++) {
        struct listener *l = f->listeners[i];
        if (l->number != number || l->gone)
            continue;
        quiesce(l);
        l->gone = true;
    }
    front_tick_soon(f);
}

void listeners_sweep(struct front *f)
{
    for (int i = 0; i < f->n_listeners;) {
        struct listener *l = f->listeners[i];
        if (!l->gone || l->n_conns || l->n_arrivals) {
            i++;
            continue;
        }
        listener_free(l);
        f->listeners[i] = f->listeners[--f->n_listeners];
    }
}

/* New connections stay in the socket's queue, for the next roost-front. */
void listeners_quiesce(struct front *f)
{
    for (int i = 0; i < f->n_listeners; i++)
        quiesce(f->listeners[i]);
}

void listeners_free(struct front *f)
{
    listeners_run(f);
    for (int i = 0; i < f->n_listeners; i++)
        listener_free(f->listeners[i]);
    f->n_listeners = 0;
}
