/* A bundle in the making: core_bundle_from.c gathers what it is made of, core_bundle.c makes it. */
#ifndef SERVER_CORE_BUNDLE_H
#define SERVER_CORE_BUNDLE_H

#include <stdatomic.h>

#include "model/bundle.h"
#include "server/core_priv.h"

struct bundle_stream {
    struct loop_fd *watch; /* of the loop's thread, as these */
    int out;
    void (*readable)(void *arg);
    void *arg;

    struct name name;
    atomic_int owners; /* the loop, and the thread that makes it */
    atomic_bool whole;
    struct err err; /* why it is not */

    struct bundle bundle; /* of that thread from its start on, as what follows */
    int fds[BUNDLE_PARTS], lock, in;
    int64_t now_s;
    char *part;
    struct buf sums;
};

/* Fills in the bundle but for its extents, and the descriptors; takes the guest's lock.
 * ERR_CONFLICT: it runs, or there is nothing to move. After a failure some of it is there. */
int bundle_gather(struct bundle_stream *s, struct core *c, const char *name, bool image,
                  struct err *e);

#endif
