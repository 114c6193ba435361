/* The control API: a libmicrohttpd daemon in external epoll inside the loop. */
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "server/api_priv.h"

/* Runs what is due, and asks again when the daemon next wants to run: after each run, since each
 * may have changed that. */
static void run(struct api *a)
{
    MHD_UNSIGNED_LONG_LONG ms;

    a->kicked = false;
    MHD_run(a->daemon);
    loop_timer_set(a->timer, MHD_get_timeout(a->daemon, &ms) == MHD_YES ? (int64_t)ms : -1);
}

static void readable(int fd, int what, void *arg)
{
    (void)fd;
    (void)what;
    run(arg);
}

static void timeout(void *arg)
{
    run(arg);
}

static void turn_end(void *arg)
{
    struct api *a = arg;

    if (a->kicked)
        run(a);
}

static void complain(void *arg, const char *fmt, va_list ap)
{
    char text[256];

    (void)arg;
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* the library's own format */
    vsnprintf(text, sizeof text, fmt, ap);
#pragma GCC diagnostic pop
    log_debug("api", "libmicrohttpd: %s", text);
}

static struct MHD_Daemon *daemon_start(struct api *a, int listen_fd)
{
    return MHD_start_daemon(
        MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_ALLOW_UPGRADE | MHD_USE_ERROR_LOG, 0, NULL, NULL, api_handle, a,
        MHD_OPTION_EXTERNAL_LOGGER, complain, NULL, MHD_OPTION_LISTEN_SOCKET, listen_fd,
        MHD_OPTION_CONNECTION_LIMIT, (unsigned)API_CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT,
        (unsigned)API_IDLE_S, MHD_OPTION_NOTIFY_COMPLETED, api_completed, NULL, MHD_OPTION_END);
}

/* The library warns of, and panics over, connections that are suspended when it stops: whoever
 * still waits is told so first. */
static void send_all_home(struct api *a)
{
    struct api_req *r;
    struct err e;

    err_set(&e, ERR_BUSY, "roost is stopping");
    a->stopping = true;
    api_consoles_end(a);
    while ((r = TAILQ_FIRST(&a->parked))) {
        core_unwatch(r->watch);
        r->watch = NULL;
        api_answer_err(r, &e);
        api_wake(r);
    }
    MHD_run(a->daemon);
}

void api_free(struct api *a)
{
    if (!a)
        return;
    if (a->daemon) {
        send_all_home(a);
        loop_fd_free(a->epoll);
        MHD_stop_daemon(a->daemon);
    }
    loop_timer_free(a->timer);
    loop_hook_free(a->hook);
    free(a);
}

static int start(struct api *a, int *listen_fd, struct err *e)
{
    const union MHD_DaemonInfo *info;

    if (!(a->timer = loop_timer_new(a->loop, timeout, a, e)) ||
        !(a->hook = loop_hook_new(a->loop, turn_end, a, e)))
        return -1;
    a->daemon = daemon_start(a, *listen_fd);
    if (!a->daemon)
        return err_set(e, ERR_INTERNAL, "control API: libmicrohttpd does not start");
    *listen_fd = -1; /* the daemon closes it */
    info = MHD_get_daemon_info(a->daemon, MHD_DAEMON_INFO_EPOLL_FD);
    if (!info)
        return err_set(e, ERR_INTERNAL, "control API: libmicrohttpd has no epoll descriptor");
    a->epoll = loop_fd_new(a->loop, info->epoll_fd, LOOP_READ, readable, a, e);
    if (!a->epoll)
        return -1;
    run(a);
    return 0;
}

struct api *api_new(struct loop *l, struct core *c, int listen_fd, bool system_mode, struct err *e)
{
    auto_close int fd = listen_fd;
    struct api *a = calloc(1, sizeof *a);

    if (!a) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    a->loop = l;
    a->core = c;
    a->system_mode = system_mode;
    TAILQ_INIT(&a->parked);
    TAILQ_INIT(&a->consoles);
    if (start(a, &fd, e) < 0) {
        api_free(a);
        return NULL;
    }
    return a;
}
