#include "server/handover.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/parse.h"
#include "server/notify.h"

#define FIRST_FD  3 /* SD_LISTEN_FDS_START */
#define KEPT_MAX  256
#define NAME_MAX_ 63

static struct {
    int n;
    struct {
        char name[NAME_MAX_ + 1];
        int fd; /* -1: taken */
    } kept[KEPT_MAX];
} handed;

static bool is_for_us(uint64_t *ret_n)
{
    const char *pid = getenv("LISTEN_PID"), *n = getenv("LISTEN_FDS");
    uint64_t whose;

    return pid && n && parse_u64(pid, 1, INT32_MAX, &whose, NULL) == 0 &&
           whose == (uint64_t)getpid() && parse_u64(n, 0, KEPT_MAX, ret_n, NULL) == 0;
}

void handover_begin(void)
{
    const char *names = getenv("LISTEN_FDNAMES");
    uint64_t n = 0;

    handed.n = 0;
    if (is_for_us(&n)) {
        for (uint64_t i = 0; i < n; i++) {
            size_t len = names ? strcspn(names, ":") : 0;
            int fd = FIRST_FD + (int)i;
            snprintf(handed.kept[i].name, sizeof handed.kept[i].name, "%.*s",
                     (int)(len < NAME_MAX_ ? len : NAME_MAX_), names ? names : "");
            handed.kept[i].fd = fd;
            (void)fcntl(fd, F_SETFD, FD_CLOEXEC);
            (void)fcntl(fd, F_SETFL, fcntl(fd, F_GETFL) | O_NONBLOCK);
            names = names && names[len] ? names + len + 1 : NULL;
        }
        handed.n = (int)n;
    }
    unsetenv("LISTEN_PID");
    unsetenv("LISTEN_FDS");
    unsetenv("LISTEN_FDNAMES");
}

int handover_take(const char *name)
{
    for (int i = 0; i < handed.n; i++)
        if (handed.kept[i].fd >= 0 && strcmp(handed.kept[i].name, name) == 0)
            return steal_fd(&handed.kept[i].fd);
    return -1;
}

static bool listens_at(int fd, const struct endpoint *at)
{
    union {
        struct sockaddr sa;
        struct sockaddr_in in;
        struct sockaddr_in6 in6;
    } a = { 0 };
    socklen_t len = sizeof a, int_len = sizeof(int);
    int listening = 0;

    if (getsockopt(fd, SOL_SOCKET, SO_ACCEPTCONN, &listening, &int_len) < 0 || !listening ||
        getsockname(fd, &a.sa, &len) < 0)
        return false;
    if (at->ip.family == 4)
        return a.sa.sa_family == AF_INET && ntohs(a.in.sin_port) == at->port &&
               memcmp(&a.in.sin_addr, at->ip.b, 4) == 0;
    return a.sa.sa_family == AF_INET6 && ntohs(a.in6.sin6_port) == at->port &&
           memcmp(&a.in6.sin6_addr, at->ip.b, 16) == 0;
}

/* The kernel has the device's number, not its name: one that was made anew is another. */
static bool bound_to(int fd, const char *device)
{
    char is[IFNAMSIZ] = "";
    socklen_t len = sizeof is;

    return getsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, is, &len) == 0 &&
           strncmp(is, device ? device : "", sizeof is) == 0;
}

int handover_take_at(const char *name, const struct endpoint *at, const char *device)
{
    int fd = handover_take(name);

    if (fd < 0)
        return -1;
    if (listens_at(fd, at) && bound_to(fd, device))
        return fd;
    close(fd);
    handover_drop(name);
    return -1;
}

static void say(const char *what, const char *name, int fd)
{
    char state[128];
    struct err e;

    snprintf(state, sizeof state, "%s=1\nFDNAME=%s", what, name);
    if (notify_send_fd(state, fd, &e) < 0)
        log_warn("%s", e.text);
}

void handover_keep(const char *name, int fd)
{
    if (!notify_wanted())
        return;
    handover_drop(name);
    say("FDSTORE", name, fd);
}

void handover_drop(const char *name)
{
    if (notify_wanted())
        say("FDSTOREREMOVE", name, -1);
}

void handover_end(void)
{
    for (int i = 0; i < handed.n; i++) {
        if (handed.kept[i].fd < 0)
            continue;
        close(handed.kept[i].fd);
        handed.kept[i].fd = -1;
        handover_drop(handed.kept[i].name);
    }
    handed.n = 0;
}
