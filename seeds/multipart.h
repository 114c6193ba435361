/* The multi-part document that roost writes (RFC 2045, 2046; cloud-init documentation: "MIME
 * multi-part archive"), its own parts and those of a document that travels in it. */
#ifndef SEEDS_MULTIPART_H
#define SEEDS_MULTIPART_H

#include "base/buf.h"

void multipart_begin(struct buf *out);
/* One part of text: `type` is without parameters; `name` is its file name. ASCII stands as it is
 * and must not have roost's boundary at the start of a line. */
void multipart_put(struct buf *out, const char *type, const char *name, const struct buf *body);
/* A document of the operator's, which vendordata_inspect() let through, as one part, a MIME
 * document as one for each of its own, with those of their header fields that cloud-init reads.
 * Gzip is unpacked. All of it in base64: whatever stands in it, it cannot end roost's document. */
int multipart_attach(struct buf *out, const char *data, size_t len, struct err *e);
void multipart_end(struct buf *out);

#endif
