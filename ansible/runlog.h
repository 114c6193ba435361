/* The log of a run: files log.OFFSET in its directory, OFFSET being where in the whole log the file
 * begins (12 digits), two at most: the beginning of a longer log is dropped, its end never. */
#ifndef ANSIBLE_RUNLOG_H
#define ANSIBLE_RUNLOG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"

#define RUNLOG_MIN (64u << 10)

struct runlog {
    int dir, fd;       /* dir is the caller's */
    uint64_t part;     /* bytes of a file */
    uint64_t begin[2]; /* of the one before, of the one that is open */
    uint64_t at;       /* bytes so far */
    bool lost;         /* some could not be written; why says so */
    struct err why;
};
/* `max` bytes are kept, at least RUNLOG_MIN. */
int runlog_open(struct runlog *l, int dirfd, uint64_t max, struct err *e);
/* What cannot be written (a full disk) is dropped and counts as written, so that whoever logs goes
 * on. */
void runlog_write(struct runlog *l, const void *data, size_t len);
void runlog_close(struct runlog *l);

/* Appends what there is from `from` on, at most `max` bytes; where that was dropped already, from
 * the first byte that is left. *ret_next: where to go on, `from` when there is nothing new yet. */
int runlog_read(int dirfd, uint64_t from, size_t max, struct buf *out, uint64_t *ret_next,
                struct err *e);

#endif
