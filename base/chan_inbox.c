#include "base/chan_inbox.h"

#include <string.h>
#include <sys/socket.h>

#include "base/chan_queue.h"
#include "base/cleanup.h"

enum { INBOX_IDLE = 64 << 10 }; /* bytes between large frames */

static void fds_close(const int *fds, int n)
{
    for (int i = 0; i < n; i++)
        close(fds[i]);
}

void chan_inbox_reject(struct chan_inbox *in)
{
    for (int i = 0; i < in->n_batch; i++)
        fds_close(in->batch[i].fds, in->batch[i].n);
    in->n_batch = 0;
}

void chan_inbox_done(struct chan_inbox *in)
{
    chan_inbox_reject(in);
    pages_resize(&in->mem, 0);
}

/* --- receiving ----------------------------------------------------------------------------- */

/* Moves what is left to the front. A partial frame moves once, however large it grows. */
static void compact(struct chan_inbox *in)
{
    size_t gone = in->start;
    if (gone == 0)
        return;
    if (in->end > gone)
        memmove(in->mem.p, in->mem.p + gone, in->end - gone);
    in->end -= gone;
    in->start = 0;
    for (int i = 0; i < in->n_batch; i++) {
        struct chan_batch *b = &in->batch[i];
        b->lo = b->lo > gone ? b->lo - gone : 0;
        b->hi = b->hi > gone ? b->hi - gone : 0;
    }
}

int chan_inbox_fit(struct chan_inbox *in)
{
    compact(in);
    size_t need = in->end > INBOX_IDLE ? in->end : INBOX_IDLE;
    struct chan_head head;
    if (in->end >= sizeof(head)) {
        memcpy(&head, in->mem.p, sizeof(head));
        if (sizeof(head) + head.len > need)
            need = sizeof(head) + head.len;
    }
    return pages_resize(&in->mem, need);
}

/* Takes the descriptors of one receive call and returns their number, -1 when it cannot be right.
 */
static int take_fds(struct chan_inbox *in, struct msghdr *h, size_t lo, size_t hi)
{
    struct chan_batch b = { .lo = lo, .hi = hi };
    for (struct cmsghdr *m = CMSG_FIRSTHDR(h); m; m = CMSG_NXTHDR(h, m)) {
        if (m->cmsg_level != SOL_SOCKET || m->cmsg_type != SCM_RIGHTS)
            continue;
        b.n = (int)((m->cmsg_len - CMSG_LEN(0)) / sizeof(int));
        memcpy(b.fds, CMSG_DATA(m), (size_t)b.n * sizeof(int));
    }
    /* MSG_CTRUNC: the kernel had more, or no numbers left in this process. */
    if (h->msg_flags & MSG_CTRUNC || (b.n > 0 && in->n_batch == (int)ARRAY_SIZE(in->batch))) {
        fds_close(b.fds, b.n);
        return -1;
    }
    if (b.n > 0)
        in->batch[in->n_batch++] = b;
    return b.n;
}

ssize_t chan_inbox_receive(struct chan_inbox *in, int fd, int *ret_fds, bool *ret_more)
{
    union {
        char room[CMSG_SPACE(CHAN_FDS_MAX * sizeof(int))];
        struct cmsghdr align;
    } control;
    struct iovec iov = { in->mem.p + in->end, in->mem.size - in->end };
    struct msghdr h = {
        .msg_iov = &iov, .msg_iovlen = 1, .msg_control = &control, .msg_controllen = sizeof(control)
    };
    ssize_t n = recvmsg(fd, &h, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
    if (n <= 0)
        return n;
    size_t lo = in->end;
    in->end += (size_t)n;
    *ret_fds = take_fds(in, &h, lo, in->end);
    /* A short read without descriptors emptied the socket: no call just to hear EAGAIN. */
    *ret_more = *ret_fds != 0 || (size_t)n == iov.iov_len;
    return n;
}

/* --- taking out ---------------------------------------------------------------------------- */

static int broken(const char **ret_why, const char *why)
{
    *ret_why = why;
    return -1;
}

/* As chan_inbox_next, of the frame at the start, which stays. */
static int look(const struct chan_inbox *in, struct chan_head *head, const char **ret_why)
{
    const struct chan_batch *b = in->n_batch > 0 ? &in->batch[0] : NULL;
    size_t have = in->end - in->start;
    if (b && b->hi <= in->start)
        return broken(ret_why, "descriptors that belong to no message");
    if (have < sizeof(*head))
        return 0;
    memcpy(head, in->mem.p + in->start, sizeof(*head));
    if (head->len > CHAN_FRAME_MAX)
        return broken(ret_why, "a message over the size limit");
    bool owner = b && b->lo <= in->start; /* and below b->hi, see above */
    if (head->n_fds > 0 && (!owner || b->n != head->n_fds))
        return broken(ret_why, "a message with other descriptors than it announces");
    return have >= sizeof(*head) + head->len;
}

int chan_inbox_next(struct chan_inbox *in, struct chan_msg *ret, int ret_fds[CHAN_FDS_MAX],
                    const char **ret_why)
{
    struct chan_head head;
    int rc = look(in, &head, ret_why);
    if (rc <= 0)
        return rc;
    *ret = (struct chan_msg){ .type = head.type,
                              .id = head.id,
                              .data = in->mem.p + in->start + sizeof(head),
                              .len = head.len,
                              .fds = ret_fds,
                              .n_fds = head.n_fds };
    in->start += sizeof(head) + head.len;
    if (head.n_fds > 0) {
        memcpy(ret_fds, in->batch[0].fds, sizeof(in->batch[0].fds));
        in->batch[0] = in->batch[1];
        in->n_batch--;
    }
    return 1;
}
