/* Unpacking of a stream as it comes: xz, gzip and zstd by their marks, anything else as it is. */
#ifndef BOOTSTRAP_UNPACK_H
#define BOOTSTRAP_UNPACK_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct unpack;
/* Takes bytes that were unpacked; -1: e ends it all. */
typedef int unpack_sink(const void *data, size_t len, void *arg, struct err *e);
struct unpack *unpack_new(unpack_sink *sink, void *arg, struct err *e);
/* ERR_INVALID: what comes is damaged, or compressed in a way that is not known here. */
int unpack_feed(struct unpack *u, const void *data, size_t len, struct err *e);
/* Nothing follows. ERR_INVALID: the stream is cut off. */
int unpack_end(struct unpack *u, struct err *e);
/* "xz", "gzip", "zstd"; "no": as it is; "": too little has come to tell. */
const char *unpack_name(const struct unpack *u);
void unpack_free(struct unpack *u); /* NULL is fine */

#endif
