/* Unpacks gzip (RFC 1952) into a bounded buffer. The one corner that knows zlib. */
#ifndef SEEDS_GUNZIP_H
#define SEEDS_GUNZIP_H

#include <stdbool.h>

#include "base/buf.h"

bool gzip_is(const char *data, size_t len);
/* All members, one behind the other, at most `max` bytes of text: ERR_TOO_BIG beyond that.
 * Not gzip, cut off, or damaged: ERR_INVALID. */
int gunzip(const char *data, size_t len, size_t max, struct buf *out, struct err *e);

#endif
