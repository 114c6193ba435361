#include "base/chan.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/chan_inbox.h"
#include "base/chan_queue.h"

enum {
    READ_TURN = 512 << 10, /* bytes read per turn, so that one channel cannot starve the loop */
    READ_CALLS = 16,       /* a receive ends behind descriptors: they cost a call each */
    WRITE_TURN = 1 << 20,
    TRIM_MS = 1000,
};

struct chan {
    struct loop *loop;
    struct loop_fd *watch;
    struct loop_hook *hook;   /* writes at the end of the turn */
    struct loop_timer *later; /* what was read before a pause, or the end of a paused channel */
    struct loop_timer *trim;  /* gives memory back that a burst took */
    int fd;
    chan_msg_fn *msg;
    chan_gone_fn *gone;
    void *arg;
    uint32_t last_id;
    bool paused;
    bool blocked;  /* the socket is full: wait for it instead of trying */
    bool deaf;     /* the peer does not read any more; it may still have written */
    bool over;     /* gone() was called */
    int inside;    /* callbacks that run: the memory must outlive them */
    bool released; /* chan_free() came during the callback */

    struct chan_inbox in;
    struct chan_queue out;
};

/* --- end ----------------------------------------------------------------------------------- */

static void chan_destroy(struct chan *c)
{
    chan_inbox_done(&c->in);
    free(c);
}

static void chan_release(struct chan *c)
{
    chan_inbox_reject(&c->in);
    chan_queue_done(&c->out);
    loop_fd_free(c->watch);
    loop_hook_free(c->hook);
    loop_timer_free(c->later);
    loop_timer_free(c->trim);
    close(c->fd);
}

void chan_free(struct chan *c)
{
    if (!c || c->released)
        return;
    c->released = true;
    chan_release(c);
    if (!c->inside)
        chan_destroy(c);
}

/* Every call of the owner's functions is between these two: the owner may free the channel there.
 */
static void enter(struct chan *c)
{
    c->inside++;
}

static bool leave(struct chan *c)
{
    bool alive = !c->released;
    if (--c->inside == 0 && !alive)
        chan_destroy(c);
    return alive;
}

/* The last thing that a path does with the channel. */
static void chan_over(struct chan *c, const struct err *err)
{
    if (c->over)
        return;
    c->over = true;
    loop_fd_want(c->watch, 0);
    loop_timer_set(c->later, -1);
    loop_timer_set(c->trim, -1);
    chan_queue_done(&c->out);
    enter(c);
    c->gone(err, c->arg);
    leave(c);
}

static void broken(struct chan *c, const char *why)
{
    struct err err = { 0 };
    err_set(&err, ERR_INVALID, "channel: %s", why);
    chan_over(c, &err);
}

/* --- writing ------------------------------------------------------------------------------- */

static void want(struct chan *c)
{
    int what = c->paused ? 0 : LOOP_READ;
    if (c->blocked)
        what |= LOOP_WRITE;
    loop_fd_want(c->watch, c->over ? 0 : what);
}

/* Nothing more can be written, but what the peer wrote before its end is still to be read: the end
 * is told when reading comes to it, or now if reading is paused. */
static void peer_deaf(struct chan *c)
{
    c->deaf = true;
    c->blocked = false;
    chan_queue_done(&c->out);
    want(c);
    if (c->paused)
        loop_timer_set(c->later, 0);
}

/* 1 all written, 0 the socket is full or the turn's share is done, -1 the channel ended (do not
 * touch it). */
static int chan_write(struct chan *c)
{
    size_t share = WRITE_TURN;
    while (c->out.len > 0) {
        size_t sent = 0;
        int rc = chan_queue_send(&c->out, c->fd, &sent);
        if (rc < 0 && errno == EINTR)
            continue;
        if (rc < 0 && errno == EAGAIN)
            return 0;
        if (rc < 0 && (errno == EPIPE || errno == ECONNRESET)) {
            peer_deaf(c);
            return 1;
        }
        if (rc < 0) {
            struct err err = { 0 };
            err_sys(&err, "channel: cannot send");
            chan_over(c, &err);
            return -1;
        }
        if (rc == 0 || sent >= share)
            return 0;
        share -= sent;
    }
    return 1;
}

/* False when the channel ended. */
static bool chan_write_watched(struct chan *c)
{
    int rc = chan_write(c);
    if (rc < 0)
        return false;
    c->blocked = rc == 0;
    want(c);
    return true;
}

static void hook_cb(void *arg)
{
    struct chan *c = arg;
    if (c->out.len > 0 && !c->blocked)
        chan_write_watched(c);
}

int chan_send(struct chan *c, uint16_t type, uint32_t id, const void *data, size_t len,
              const int *fds, int n_fds, struct err *e)
{
    if (len > CHAN_FRAME_MAX)
        return err_set(e, ERR_TOO_BIG, "message of %zu bytes, at most %u fit", len, CHAN_FRAME_MAX);
    if (n_fds < 0 || n_fds > CHAN_FDS_MAX)
        return err_set(e, ERR_TOO_BIG, "message with %d descriptors, at most %d fit", n_fds,
                       CHAN_FDS_MAX);
    if (c->deaf || c->over || c->released)
        return err_set(e, ERR_IO, "the other process is gone");
    struct chan_head head = { .len = (uint32_t)len, .type = type, .n_fds = n_fds, .id = id };
    bool first = c->out.len == 0;
    if (chan_queue_put(&c->out, &head, data, fds, e) < 0)
        return -1;
    if (first)
        loop_hook_soon(c->hook);
    if (chan_queue_large(&c->out) && !loop_timer_armed(c->trim))
        loop_timer_set(c->trim, TRIM_MS);
    return 0;
}

void chan_max_queued(struct chan *c, size_t bytes)
{
    c->out.max = bytes;
}

size_t chan_queued(const struct chan *c)
{
    return c->out.len;
}

uint32_t chan_next_id(struct chan *c)
{
    if (++c->last_id == 0)
        c->last_id = 1;
    return c->last_id;
}

void chan_flush(struct chan *c, int64_t ms)
{
    int64_t until = clock_now().boot_ms + ms;
    while (chan_write(c) == 0) {
        int64_t left = until - clock_now().boot_ms;
        struct pollfd p = { .fd = c->fd, .events = POLLOUT };
        if (left <= 0 || (poll(&p, 1, (int)(left < 60000 ? left : 60000)) < 0 && errno != EINTR))
            return;
    }
}

/* --- reading ------------------------------------------------------------------------------- */

/* False when the owner freed the channel. */
static bool deliver(struct chan *c, const struct chan_msg *m)
{
    enter(c);
    c->msg(m, c->arg);
    for (int i = 0; i < m->n_fds; i++) {
        if (m->fds[i] >= 0)
            close(m->fds[i]);
    }
    return leave(c);
}

/* Delivers the whole frames that were read. False when the channel ended (do not touch it). */
static bool deliver_all(struct chan *c)
{
    while (!c->paused) {
        struct chan_msg m;
        int fds[CHAN_FDS_MAX];
        const char *why;
        int rc = chan_inbox_next(&c->in, &m, fds, &why);
        if (rc < 0) {
            broken(c, why);
            return false;
        }
        if (rc == 0)
            break;
        if (!deliver(c, &m) || c->over)
            return false;
    }
    if (chan_inbox_fit(&c->in) == 0)
        return true;
    broken(c, "no memory for a message");
    return false;
}

static void read_failed(struct chan *c, ssize_t n)
{
    if (n < 0 && errno != ECONNRESET) {
        struct err err = { 0 };
        err_sys(&err, "channel: cannot receive");
        chan_over(c, &err);
    } else {
        chan_over(c, NULL);
    }
}

static void chan_read(struct chan *c)
{
    size_t share = READ_TURN;
    /* After a pause the inbox may be full of whole frames. */
    if (c->in.end > 0 && !deliver_all(c))
        return;
    bool more = true;
    for (int i = 0; i < READ_CALLS && more && !c->paused; i++) {
        int fds = 0;
        ssize_t n = chan_inbox_receive(&c->in, c->fd, &fds, &more);
        if (n < 0 && (errno == EAGAIN || errno == EINTR))
            return;
        if (n <= 0) {
            read_failed(c, n);
            return;
        }
        if (fds < 0) {
            broken(c, "more descriptors than a message may have, or than this process may open");
            return;
        }
        if (!deliver_all(c) || (size_t)n >= share)
            return;
        share -= (size_t)n;
    }
}

void chan_poll(struct chan *c)
{
    enter(c);
    chan_flush(c, 0);
    if (leave(c) && !c->paused)
        chan_read(c);
}

static void fd_cb(int fd, int what, void *arg)
{
    (void)fd;
    struct chan *c = arg;
    if (what & LOOP_WRITE && !chan_write_watched(c))
        return;
    if (what & LOOP_READ && !c->paused)
        chan_read(c);
}

static void later_cb(void *arg)
{
    struct chan *c = arg;
    if (c->paused && c->deaf)
        chan_over(c, NULL);
    else if (!c->paused)
        deliver_all(c);
}

static void trim_cb(void *arg)
{
    struct chan *c = arg;
    if (chan_queue_trim(&c->out))
        loop_timer_set(c->trim, TRIM_MS);
}

void chan_pause(struct chan *c, bool paused)
{
    if (c->paused == paused || c->over || c->released)
        return;
    c->paused = paused;
    want(c);
    loop_timer_set(c->later, (paused && !c->deaf) || (!paused && c->in.end == 0) ? -1 : 0);
}

/* --- beginning ----------------------------------------------------------------------------- */

static int chan_watch(struct chan *c, struct err *e)
{
    c->hook = loop_hook_new(c->loop, hook_cb, c, e);
    c->later = c->hook ? loop_timer_new(c->loop, later_cb, c, e) : NULL;
    c->trim = c->later ? loop_timer_new(c->loop, trim_cb, c, e) : NULL;
    c->watch = c->trim ? loop_fd_new(c->loop, c->fd, LOOP_READ, fd_cb, c, e) : NULL;
    return c->watch ? 0 : -1;
}

struct chan *chan_new(struct loop *l, int fd, chan_msg_fn *msg, chan_gone_fn *gone, void *arg,
                      struct err *e)
{
    struct chan *c = malloc(sizeof(*c));
    if (c)
        *c = (struct chan){ .loop = l, .fd = fd, .msg = msg, .gone = gone, .arg = arg };
    if (!c || chan_inbox_fit(&c->in) < 0) {
        err_sys(e, "channel");
        free(c);
        return NULL;
    }
    c->out.max = CHAN_QUEUE_MAX;
    if (chan_watch(c, e) == 0)
        return c;
    loop_timer_free(c->trim);
    loop_timer_free(c->later);
    loop_hook_free(c->hook);
    chan_destroy(c);
    return NULL;
}

int chan_pair(int ret[2], struct err *e)
{
    int fds[2];
    if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
        return err_sys(e, "cannot make a pair of sockets");
    memcpy(ret, fds, sizeof(fds));
    return 0;
}
