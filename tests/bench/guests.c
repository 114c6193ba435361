#include "tests/bench/guests.h"

#include <arpa/inet.h>
#include <err.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/queue.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "tests/bench/reply.h"

#define RETRY_NS  INT64_C(1000000000) /* what cloud-init waits */
#define EVENTS    512
#define READ_SIZE 65536

struct client {
    int fd;
    bool sent; /* the request is out */
    uint64_t guest;
    unsigned step, tries;
    int64_t since_ns; /* the request's first try */
    int64_t wake_ns;
    STAILQ_ENTRY(client) wait;
    struct reply reply;
};

struct play {
    const struct run *run;
    struct outcome *out;
    size_t room; /* of out->took_us */
    int epoll;
    uint64_t next, end;            /* guests */
    unsigned busy;                 /* clients that still play */
    STAILQ_HEAD(, client) waiting; /* by wake_ns: all wait equally long */
    char request[REQUEST_MAX], data[READ_SIZE];
};

static int64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000000) + t.tv_nsec;
}

/* --- the socket ---------------------------------------------------------------------------- */

static struct sockaddr_in address(uint32_t host, uint16_t port)
{
    return (struct sockaddr_in){ .sin_family = AF_INET,
                                 .sin_port = htons(port),
                                 .sin_addr.s_addr = htonl(host) };
}

/* One local address has 28,000 ports, and each connection that the client ends blocks one for a
 * minute. */
static void source(const struct play *p, const struct client *c)
{
    struct sockaddr_in from = address(0x7f010000u + (uint32_t)(c->guest % p->run->sources), 0);
    int on = 1;

    if (setsockopt(c->fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &on, sizeof(on)) < 0 ||
        bind(c->fd, (struct sockaddr *)&from, sizeof(from)) < 0)
        err(1, "bind to %s", inet_ntoa(from.sin_addr));
}

/* Edge-triggered for both directions: one registration for the life of a connection. */
static void client_connect(struct play *p, struct client *c)
{
    struct sockaddr_in to = address(INADDR_LOOPBACK, p->run->port);
    struct epoll_event ev = { .events = EPOLLIN | EPOLLOUT | EPOLLET, .data.ptr = c };
    int on = 1;

    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        err(1, "socket (ulimit -n must be above the number of clients)");
    if (p->run->sources)
        source(p, c);
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(c->fd, (struct sockaddr *)&to, sizeof(to)) < 0 && errno != EINPROGRESS)
        err(1, "connect to port %u", p->run->port);
    if (epoll_ctl(p->epoll, EPOLL_CTL_ADD, c->fd, &ev) < 0)
        err(1, "epoll_ctl");
}

static void client_close(struct client *c)
{
    if (c->fd >= 0)
        close(c->fd);
    c->fd = -1;
}

/* --- guests -------------------------------------------------------------------------------- */

static void request_failed(struct play *p, struct client *c);

/* False: the connection is broken. A request is smaller than any socket's buffer. */
static bool client_send(struct play *p, struct client *c)
{
    size_t len = script_request(p->run->script, c->guest, c->step, p->request);
    ssize_t n = send(c->fd, p->request, len, MSG_NOSIGNAL);

    c->sent = n == (ssize_t)len;
    return c->sent || (n < 0 && errno == EAGAIN);
}

static void request_try(struct play *p, struct client *c)
{
    c->sent = false;
    reply_begin(&c->reply);
    if (c->fd < 0)
        client_connect(p, c); /* sends when it is writable */
    else if (!client_send(p, c))
        request_failed(p, c);
}

static void request_start(struct play *p, struct client *c)
{
    c->tries = 0;
    c->since_ns = now_ns();
    request_try(p, c);
}

static void guest_next(struct play *p, struct client *c)
{
    if (p->next == p->end) {
        client_close(c);
        p->busy--;
        return;
    }
    c->guest = p->next++;
    c->step = 0;
    request_start(p, c);
}

static void step_next(struct play *p, struct client *c)
{
    if (++c->step < p->run->script->n) {
        request_start(p, c);
        return;
    }
    p->out->through++;
    guest_next(p, c);
}

/* --- answers ------------------------------------------------------------------------------- */

static void request_again(struct play *p, struct client *c)
{
    /* Reports are hints: cloud-init does not repeat them either. */
    if (p->run->script->asks[c->step] == ASK_REPORT) {
        step_next(p, c);
        return;
    }
    if (++c->tries >= p->run->tries_max) {
        p->out->lost++;
        guest_next(p, c);
        return;
    }
    c->wake_ns = now_ns() + RETRY_NS;
    STAILQ_INSERT_TAIL(&p->waiting, c, wait);
}

static void request_failed(struct play *p, struct client *c)
{
    client_close(c);
    p->out->errors++;
    request_again(p, c);
}

static void record(struct play *p, const struct client *c)
{
    struct outcome *o = p->out;
    char want[128];

    if (o->n == p->room) {
        p->room = p->room ? 2 * p->room : 65536;
        o->took_us = reallocarray(o->took_us, p->room, sizeof(*o->took_us));
        if (!o->took_us)
            err(1, "times");
    }
    o->took_us[o->n++] = (uint32_t)((now_ns() - c->since_ns) / 1000);
    script_expect(p->run->script, c->guest, c->step, want);
    if (want[0] && !reply_says(&c->reply, want))
        o->wrong++;
}

static void answered(struct play *p, struct client *c)
{
    if (!p->run->keep || c->reply.close)
        client_close(c);
    if (c->reply.status == 200) {
        record(p, c);
        step_next(p, c);
        return;
    }
    if (c->reply.status == 503)
        p->out->busy++;
    else
        p->out->errors++;
    request_again(p, c);
}

static void client_read(struct play *p, struct client *c)
{
    for (;;) {
        ssize_t n = recv(c->fd, p->data, sizeof(p->data), 0);
        if (n < 0 && errno == EAGAIN)
            return;
        enum reply_state s = n > 0 ? reply_take(&c->reply, p->data, (size_t)n) : REPLY_BAD;
        if (s == REPLY_MORE)
            continue;
        if (s == REPLY_DONE)
            answered(p, c);
        else
            request_failed(p, c);
        return;
    }
}

static void client_event(struct play *p, struct client *c, uint32_t events)
{
    if (c->fd < 0)
        return; /* waits for its next try */
    if (!c->sent) {
        if (events & (EPOLLERR | EPOLLHUP) || !client_send(p, c))
            request_failed(p, c);
        return;
    }
    if (events & (EPOLLIN | EPOLLERR | EPOLLHUP))
        client_read(p, c);
}

/* --- the run ------------------------------------------------------------------------------- */

static void wake(struct play *p, int64_t now)
{
    struct client *c;

    while ((c = STAILQ_FIRST(&p->waiting)) && c->wake_ns <= now) {
        STAILQ_REMOVE_HEAD(&p->waiting, wait);
        request_try(p, c);
    }
}

static void play(struct play *p, int64_t end_ns)
{
    struct epoll_event events[EVENTS];

    for (int64_t now = now_ns(); p->busy && now < end_ns; now = now_ns()) {
        wake(p, now);
        int n = epoll_wait(p->epoll, events, EVENTS, STAILQ_EMPTY(&p->waiting) ? 1000 : 20);
        if (n < 0 && errno != EINTR)
            err(1, "epoll_wait");
        for (int i = 0; i < n; i++)
            client_event(p, events[i].data.ptr, events[i].events);
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

    return x < y ? -1 : x > y;
}

void guests_play(const struct run *r, struct outcome *ret)
{
    struct play *p = calloc(1, sizeof(*p));
    struct client *all = calloc(r->clients, sizeof(*all));
    int64_t start = now_ns();

    if (!p || !all || (p->epoll = epoll_create1(EPOLL_CLOEXEC)) < 0)
        err(1, "%u clients", r->clients);
    *ret = (struct outcome){ 0 };
    p->run = r;
    p->out = ret;
    p->next = r->first;
    p->end = r->first + r->n;
    p->busy = r->clients;
    STAILQ_INIT(&p->waiting);
    for (unsigned i = 0; i < r->clients; i++) {
        all[i].fd = -1;
        guest_next(p, &all[i]);
    }
    play(p, start + r->limit_ms * 1000000);
    ret->seconds = (double)(now_ns() - start) / 1e9;
    ret->lost = r->n - ret->through;
    for (unsigned i = 0; i < r->clients; i++)
        client_close(&all[i]);
    close(p->epoll);
    free(all);
    free(p);
    qsort(ret->took_us, ret->n, sizeof(*ret->took_us), by_size);
}

double outcome_quantile(const struct outcome *o, double q)
{
    return o->n ? o->took_us[(size_t)(q * (double)(o->n - 1))] / 1000.0 : 0;
}
