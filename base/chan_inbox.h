/* What a channel has read and not delivered yet: bytes of frames, and descriptors that came with
 * them. Part of base/chan.c. */
#ifndef BASE_CHAN_INBOX_H
#define BASE_CHAN_INBOX_H

#include <sys/types.h>

#include "base/chan.h"
#include "base/pages.h"

/* Descriptors as they arrived, and where in the memory the frame that owns them may start. A
 * receive call returns those of at most one send, together with that send's first byte (unix(7)),
 * and possibly with bytes of earlier sends in front. */
struct chan_batch {
    int fds[CHAN_FDS_MAX];
    int n;
    size_t lo, hi; /* within [lo, hi) */
};

struct chan_inbox {
    struct pages mem;
    size_t start, end;
    struct chan_batch batch[2]; /* of the frame that is not complete yet, and of the next */
    int n_batch;
};

void chan_inbox_done(struct chan_inbox *in);   /* gives the memory back */
void chan_inbox_reject(struct chan_inbox *in); /* closes descriptors that were not delivered */

/* Makes room for the rest of the frame at the front, and keeps no more than idle size when that is
 * enough: between deliveries only, since the bytes move. -1 with errno. */
int chan_inbox_fit(struct chan_inbox *in);

/* One recvmsg(2), returned as it does. *ret_fds: how many descriptors came, -1: more than can be
 * right or than this process may open. *ret_more: the socket may hold more. */
ssize_t chan_inbox_receive(struct chan_inbox *in, int fd, int *ret_fds, bool *ret_more);

/* Takes the next whole frame out: 1 with the message (its bytes stay valid until chan_inbox_fit)
 * and its descriptors, which are the caller's; 0 there is none; -1 the framing is broken, *ret_why
 * says how. */
int chan_inbox_next(struct chan_inbox *in, struct chan_msg *ret, int ret_fds[CHAN_FDS_MAX],
                    const char **ret_why);

#endif
