/* A channel of messages between two of roost's processes: an AF_UNIX stream socketpair, frames of
 * {u32 length, u16 type, u16 n_fds, u32 id} and payload, descriptors beside them (SCM_RIGHTS).
 *
 * Nobody blocks: sends are queued and written once at the end of the loop turn, so messages of one
 * turn leave in one write. Ids are the sender's: a reply carries the request's id. */
#ifndef BASE_CHAN_H
#define BASE_CHAN_H

#include "base/loop.h"
#include "base/msg.h"

#define CHAN_FRAME_MAX     (5u << 20) /* a seed reply holds four documents of 1 MiB */
#define CHAN_FDS_MAX       8
#define CHAN_FD_FRAMES_MAX 64 /* queued at once: each holds open descriptors */

struct chan;
struct chan_msg {
    uint16_t type;
    uint32_t id;
    const void *data;
    size_t len;
    int *fds; /* the receiver takes one by setting its slot to -1; the rest is closed after the call
               */
    int n_fds;
};
typedef void chan_msg_fn(const struct chan_msg *m, void *arg);
/* The peer is gone (err NULL) or broke the framing. Called once; the channel is to be freed. */
typedef void chan_gone_fn(const struct err *err, void *arg);

/* Takes the descriptor over (closed by chan_free); on failure it stays the caller's. */
struct chan *chan_new(struct loop *l, int fd, chan_msg_fn *msg, chan_gone_fn *gone, void *arg,
                      struct err *e);
void chan_free(struct chan *c); /* NULL is fine; also inside a callback */

/* Queues one frame; `fds` are duplicated, the caller keeps its own. -1: ERR_TOO_BIG; ERR_BUSY when
 * more than max_queued bytes or CHAN_FD_FRAMES_MAX frames with descriptors wait (the peer does not
 * read); ERR_IO when the peer is gone. */
int chan_send(struct chan *c, uint16_t type, uint32_t id, const void *data, size_t len,
              const int *fds, int n_fds, struct err *e);
void chan_max_queued(struct chan *c, size_t bytes); /* default 64 MiB */
size_t chan_queued(const struct chan *c);
uint32_t chan_next_id(struct chan *c); /* fresh, never 0 */
/* Writes what is queued, waiting at most ms for the peer to read: for a last message before exit.
 */
void chan_flush(struct chan *c, int64_t ms);
/* Writes what is queued and delivers what has come, without waiting: for one whose turn lasts long.
 * Not inside a callback of this channel. */
void chan_poll(struct chan *c);
/* Pauses or resumes reading (back-pressure). Inside a message callback it takes effect at once:
 * what was read already is delivered after the resumption, in a turn of its own. */
void chan_pause(struct chan *c, bool paused);

int chan_pair(int ret[2], struct err *e); /* close-on-exec socketpair */

#endif
