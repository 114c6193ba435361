/* An HTTP/1.1 answer, read as it comes: status, Content-Length, body. A client of its own, since a
 * library's would cost more CPU than the servers that it measures. */
#ifndef BENCH_REPLY_H
#define BENCH_REPLY_H

#include <stdbool.h>
#include <stddef.h>

#define REPLY_KEEP                                                                                 \
    1536 /* the first bytes of an answer, kept for the head and for a look at the body */

struct reply {
    char kept[REPLY_KEEP + 1]; /* NUL-terminated */
    size_t n_kept, body;       /* where the body begins in it; 0: the head is not complete */
    size_t left;               /* of the body */
    int status;
    bool close; /* the server ends the connection after this one */
};

enum reply_state { REPLY_MORE, REPLY_DONE, REPLY_BAD };

void reply_begin(struct reply *r);
/* The next bytes of the answer. BAD: no HTTP, a head beyond REPLY_KEEP, no Content-Length, bytes
 * behind the end. */
enum reply_state reply_take(struct reply *r, const char *data, size_t len);
/* Does the body say `word` within the bytes that were kept? */
bool reply_says(const struct reply *r, const char *word);

#endif
