/* What a channel still has to write: frames in one piece of memory, so that a turn's messages leave
 * in one sendmsg(2), and the descriptors of those that have some. Part of base/chan.c. */
#ifndef BASE_CHAN_QUEUE_H
#define BASE_CHAN_QUEUE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "base/pages.h"

#define CHAN_QUEUE_MAX (64u << 20)

struct chan_head { /* as it travels, in host order */
    uint32_t len;  /* of the payload behind it */
    uint16_t type;
    uint16_t n_fds;
    uint32_t id;
};

struct chan_queue {
    struct pages mem;
    size_t start, len;       /* the bytes that wait */
    size_t max;              /* of len */
    size_t peak;             /* of len, since chan_queue_trim() */
    struct chan_fds *marks;  /* a ring: frames with descriptors, in order */
    unsigned first, n_marks; /* of the ring */
};

void chan_queue_done(struct chan_queue *q); /* drops everything; `max` is kept */
/* Appends a frame, duplicating the descriptors. ERR_BUSY when it is full (an empty queue takes any
 * frame). */
int chan_queue_put(struct chan_queue *q, const struct chan_head *head, const void *data,
                   const int *fds, struct err *e);
bool chan_queue_large(const struct chan_queue *q); /* more than idle size */
/* Gives back what was not needed since the last call; false: no more than idle size is left. */
bool chan_queue_trim(struct chan_queue *q);
/* One sendmsg(2) from the front of a queue that is not empty: 1 all that it tried was written, 0
 * the socket took a part of it, -1 with errno. */
int chan_queue_send(struct chan_queue *q, int fd, size_t *ret_sent);

#endif
