#include "base/chan_queue.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/chan.h"

enum { /* bytes kept when nothing waits */
       QUEUE_IDLE = 64 << 10,
       QUEUE_KEEP = 1 << 20, /* while it is used */
};

static_assert(sizeof(struct chan_head) == 12, "the header travels as it lies in memory");

struct chan_fds {
    size_t pos, len; /* of the frame in the memory */
    int fds[CHAN_FDS_MAX];
    int n;
};

static struct chan_fds *mark_at(const struct chan_queue *q, unsigned i)
{
    return &q->marks[(q->first + i) % CHAN_FD_FRAMES_MAX];
}

static void mark_close(const struct chan_fds *m)
{
    for (int i = 0; i < m->n; i++)
        close(m->fds[i]);
}

void chan_queue_done(struct chan_queue *q)
{
    for (unsigned i = 0; i < q->n_marks; i++)
        mark_close(mark_at(q, i));
    free(q->marks);
    pages_resize(&q->mem, 0);
    *q = (struct chan_queue){ .max = q->max };
}

/* Room for n bytes behind the last one. Bytes are moved only over at least as many that were sent,
 * so that each byte moves less than once on average. */
static int make_room(struct chan_queue *q, size_t n)
{
    if (q->start + q->len + n <= q->mem.size)
        return 0;
    if (q->start >= q->len) {
        if (q->len > 0)
            memmove(q->mem.p, q->mem.p + q->start, q->len);
        for (unsigned i = 0; i < q->n_marks; i++)
            mark_at(q, i)->pos -= q->start;
        q->start = 0;
    }
    size_t need = q->start + q->len + n;
    if (need <= q->mem.size)
        return 0;
    size_t size = q->mem.size ? 2 * q->mem.size : QUEUE_IDLE;
    return pages_resize(&q->mem, size > need ? size : need);
}

/* Duplicates the descriptors of the frame that is about to be appended. */
static int mark_put(struct chan_queue *q, size_t len, const int *fds, int n, struct err *e)
{
    if (!q->marks)
        q->marks = calloc(CHAN_FD_FRAMES_MAX, sizeof(*q->marks));
    if (!q->marks)
        return err_sys(e, "channel");
    struct chan_fds *m = mark_at(q, q->n_marks);
    *m = (struct chan_fds){ .pos = q->start + q->len, .len = len };
    for (int i = 0; i < n; i++) {
        m->fds[i] = fcntl(fds[i], F_DUPFD_CLOEXEC, 3);
        if (m->fds[i] < 0) {
            err_sys(e, "channel: cannot duplicate descriptor %d", fds[i]);
            mark_close(m);
            return -1;
        }
        m->n++;
    }
    q->n_marks++;
    return 0;
}

int chan_queue_put(struct chan_queue *q, const struct chan_head *head, const void *data,
                   const int *fds, struct err *e)
{
    size_t len = sizeof(*head) + head->len;
    if ((q->len > 0 && q->len + len > q->max) ||
        (head->n_fds > 0 && q->n_marks == CHAN_FD_FRAMES_MAX))
        return err_set(e, ERR_BUSY, "the other process does not read its messages: %zu bytes wait",
                       q->len);
    if (make_room(q, len) < 0)
        return err_sys(e, "channel");
    if (head->n_fds > 0 && mark_put(q, len, fds, head->n_fds, e) < 0)
        return -1;
    uint8_t *p = q->mem.p + q->start + q->len;
    memcpy(p, head, sizeof(*head));
    if (head->len > 0)
        memcpy(p + sizeof(*head), data, head->len);
    q->len += len;
    if (q->len > q->peak)
        q->peak = q->len;
    return 0;
}

static void consume(struct chan_queue *q, size_t n)
{
    q->start += n;
    q->len -= n;
    if (q->len > 0)
        return;
    q->start = 0;
    if (q->mem.size > QUEUE_KEEP)
        pages_resize(&q->mem, QUEUE_KEEP);
}

bool chan_queue_large(const struct chan_queue *q)
{
    return q->mem.size > QUEUE_IDLE;
}

/* Not as soon as it is empty: a busy channel would fault the same pages in again each turn. */
bool chan_queue_trim(struct chan_queue *q)
{
    size_t need = q->start + (q->len > q->peak ? q->len : q->peak);

    q->peak = q->len;
    if (need < QUEUE_IDLE)
        need = QUEUE_IDLE;
    if (q->mem.size > need)
        pages_resize(&q->mem, need);
    return chan_queue_large(q);
}

static void attach(struct msghdr *h, const struct chan_fds *m)
{
    size_t bytes = (size_t)m->n * sizeof(int);
    h->msg_controllen = CMSG_SPACE(bytes);
    struct cmsghdr *c = h->msg_control;
    c->cmsg_level = SOL_SOCKET;
    c->cmsg_type = SCM_RIGHTS;
    c->cmsg_len = CMSG_LEN(bytes);
    memcpy(CMSG_DATA(c), m->fds, bytes);
}

/* Descriptors travel with the first byte of their send and a receive stops behind that send
 * (unix(7)), so a frame with descriptors begins a send of its own and ends it, or is cut short. */
int chan_queue_send(struct chan_queue *q, int fd, size_t *ret_sent)
{
    union {
        char room[CMSG_SPACE(CHAN_FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control = { 0 };
    struct iovec iov = { q->mem.p + q->start, q->len };
    struct msghdr h = { .msg_iov = &iov, .msg_iovlen = 1 };
    const struct chan_fds *m = q->n_marks > 0 ? mark_at(q, 0) : NULL;
    bool own = m && m->pos == q->start;
    if (own) {
        iov.iov_len = m->len;
        h.msg_control = &control;
        h.msg_controllen = sizeof(control);
        attach(&h, m);
    } else if (m) {
        iov.iov_len = m->pos - q->start;
    }
    ssize_t n = sendmsg(fd, &h, MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n < 0)
        return -1;
    if (own) {
        mark_close(m);
        q->first = (q->first + 1) % CHAN_FD_FRAMES_MAX;
        q->n_marks--;
    }
    *ret_sent = (size_t)n;
    bool all = (size_t)n == iov.iov_len;
    consume(q, (size_t)n);
    return all;
}
