/* A download as core sees it: a roost-fetch that is running, and what it tells. */
#ifndef SERVER_CORE_FETCH_H
#define SERVER_CORE_FETCH_H

#include "model/image.h"
#include "server/core_priv.h"

struct fetch;
struct fetch_events {
    void (*progress)(const char *step, uint64_t bytes, uint64_t total, void *arg);
    /* "validator" and "packed": what a later fetch_begin() wants to know. */
    void (*note)(const char *word, const char *value, void *arg);
    /* Once; err NULL: the file is whole. *sum is the download's digest. The handle is gone. */
    void (*done)(const struct checksum *sum, const struct err *err, void *arg);
};
/* Writes to fd, which stays the caller's. offset: bytes of it that are an earlier fetch's, of the
 * version `validator` (NULL: not known). */
struct fetch *fetch_begin(struct core *c, const struct image_source *src, int fd, uint64_t offset,
                          const char *validator, const struct fetch_events *events, void *arg,
                          struct err *e);
void fetch_cancel(struct fetch *f); /* done() tells */
void fetch_free(struct fetch *f);   /* without a word; NULL is fine */

#endif
