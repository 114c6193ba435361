#include "server/notify.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"

bool notify_wanted(void)
{
    const char *path = getenv("NOTIFY_SOCKET");

    return path && *path;
}

static int address(struct sockaddr_un *un, socklen_t *ret_len, struct err *e)
{
    const char *path = getenv("NOTIFY_SOCKET");
    size_t len = strlen(path);

    if ((path[0] != '/' && path[0] != '@') || len >= sizeof(un->sun_path))
        return err_set(e, ERR_INVALID, "NOTIFY_SOCKET \"%.100s\" is not a socket's name", path);
    *un = (struct sockaddr_un){ .sun_family = AF_UNIX };
    memcpy(un->sun_path, path, len);
    if (path[0] == '@')
        un->sun_path[0] = '\0'; /* abstract, see unix(7) */
    *ret_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len);
    return 0;
}

int notify_send_fd(const char *state, int fd, struct err *e)
{
    struct iovec text = { (void *)(uintptr_t)state, strlen(state) };
    union {
        struct cmsghdr head;
        char room[CMSG_SPACE(sizeof(int))];
    } beside = { 0 };
    struct sockaddr_un un;
    struct msghdr m = { .msg_name = &un, .msg_iov = &text, .msg_iovlen = 1 };

    if (!notify_wanted())
        return 0;
    if (address(&un, &m.msg_namelen, e) < 0)
        return -1;
    if (fd >= 0) {
        m.msg_control = &beside;
        m.msg_controllen = sizeof(beside);
        beside.head = (struct cmsghdr){ CMSG_LEN(sizeof(int)), SOL_SOCKET, SCM_RIGHTS };
        memcpy(CMSG_DATA(&beside.head), &fd, sizeof(fd));
    }
    auto_close int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (s < 0 || sendmsg(s, &m, MSG_NOSIGNAL) < 0)
        return err_sys(e, "cannot tell the service manager");
    return 0;
}

int notify_send(const char *state, struct err *e)
{
    return notify_send_fd(state, -1, e);
}

/* --- watchdog: sd_watchdog_enabled(3) --- */

struct watchdog {
    struct loop_timer *timer;
    int64_t every_ms;
};

static void ping(void *arg)
{
    struct watchdog *w = arg;

    (void)notify_send("WATCHDOG=1", NULL);
    loop_timer_set(w->timer, w->every_ms);
}

struct watchdog *watchdog_new(struct loop *l, struct err *e)
{
    const char *usec = getenv("WATCHDOG_USEC"), *pid = getenv("WATCHDOG_PID");
    uint64_t us, whose;

    if (!usec || !notify_wanted() || parse_u64(usec, 1, INT64_MAX, &us, NULL) < 0 ||
        (pid && (parse_u64(pid, 1, INT32_MAX, &whose, NULL) < 0 || whose != (uint64_t)getpid())))
        return NULL;
    struct watchdog *w = calloc(1, sizeof(*w));
    if (!w) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    w->every_ms = (int64_t)(us / 2000) ? (int64_t)(us / 2000) : 1;
    w->timer = loop_timer_new(l, ping, w, e);
    if (!w->timer) {
        free(w);
        return NULL;
    }
    loop_timer_set(w->timer, 0);
    return w;
}

void watchdog_free(struct watchdog *w)
{
    if (!w)
        return;
    loop_timer_free(w->timer);
    free(w);
}
