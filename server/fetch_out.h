/* What roost-fetch writes: the unpacked file, with holes where it is empty, and its digest. */
#ifndef SERVER_FETCH_OUT_H
#define SERVER_FETCH_OUT_H

#include "bootstrap/unpack.h"
#include "server/fetch.h"

struct fetch_out {
    int fd;
    struct unpack *unpack;
    struct digest_stream *digest; /* of what is downloaded */
    enum digest kind;
    uint64_t raw, size; /* bytes taken; bytes of the file that are written, or left out as holes */
    char *block;        /* what follows them */
    size_t n;
};
/* Begins anew: the file is empty. */
int fetch_out_begin(struct fetch_out *o, int fd, enum digest kind, struct err *e);
/* Goes on behind the first `offset` bytes of the file, which were not unpacked. */
int fetch_out_resume(struct fetch_out *o, int fd, enum digest kind, uint64_t offset, struct err *e);
int fetch_out_take(struct fetch_out *o, const void *data, size_t len, struct err *e);
/* Everything has come: on disk. *ret is the digest of the download. */
int fetch_out_end(struct fetch_out *o, struct checksum *ret, struct err *e);
void fetch_out_done(struct fetch_out *o);

#endif
