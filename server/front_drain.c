#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <unistd.h>

#include "server/front_priv.h"

#define DRAIN_MAX   256
#define DRAIN_MS    2000
#define DRAIN_BYTES (4u << 20)

struct last {
    struct drain *drain;
    struct loop_fd *watch;
    int fd;
    int64_t until_ms;
    size_t dropped;
    TAILQ_ENTRY(last) order; /* by time */
};

struct drain {
    struct loop *loop;
    TAILQ_HEAD(, last) all;
    unsigned n;
};

struct drain *drain_new(struct loop *l)
{
    struct drain *g = calloc(1, sizeof(*g));

    if (!g)
        return NULL;
    g->loop = l;
    TAILQ_INIT(&g->all);
    return g;
}

static void last_end(struct last *x)
{
    TAILQ_REMOVE(&x->drain->all, x, order);
    x->drain->n--;
    loop_fd_free(x->watch);
    close(x->fd);
    free(x);
}

void drain_free(struct drain *g)
{
    if (!g)
        return;
    while (!TAILQ_EMPTY(&g->all))
        last_end(TAILQ_FIRST(&g->all));
    free(g);
}

static void read_cb(int fd, int what, void *arg)
{
    struct last *x = arg;
    char room[16384];
    ssize_t n = recv(fd, room, sizeof(room), MSG_DONTWAIT);

    (void)what;
    if (n > 0)
        x->dropped += (size_t)n;
    if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || x->dropped > DRAIN_BYTES)
        last_end(x);
}

void drain_add(struct drain *g, int fd)
{
    struct last *x = g->n < DRAIN_MAX ? calloc(1, sizeof(*x)) : NULL;

    if (!x)
        return;
    x->drain = g;
    x->fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
    x->watch = x->fd < 0 ? NULL : loop_fd_new(g->loop, x->fd, LOOP_READ, read_cb, x, NULL);
    if (!x->watch) {
        if (x->fd >= 0)
            close(x->fd);
        free(x);
        return;
    }
    (void)shutdown(x->fd, SHUT_WR);
    x->until_ms = loop_now(g->loop).boot_ms + DRAIN_MS;
    TAILQ_INSERT_TAIL(&g->all, x, order);
    g->n++;
}

void drain_sweep(struct drain *g, int64_t now_ms)
{
    while (!TAILQ_EMPTY(&g->all) && TAILQ_FIRST(&g->all)->until_ms <= now_ms)
        last_end(TAILQ_FIRST(&g->all));
}

bool drain_any(const struct drain *g)
{
    return g->n > 0;
}
