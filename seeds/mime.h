/* The parts of a MIME multi-part document (RFC 2045, 2046), as far as operators write them: one
 * level, 7bit, 8bit, binary or base64. Read only to know what is inside; the guest gets the bytes
 * as they are. */
#ifndef SEEDS_MIME_H
#define SEEDS_MIME_H

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define MIME_PARTS_MAX 64

/* One part, decoded. */
struct mime_part {
    const char *type; /* in lower case without parameters, "text/plain" when none is given */
    const char *data;
    size_t len;
    const char *head; /* as it stands in the document */
    size_t head_len;
};
typedef int mime_part_fn(const struct mime_part *p, void *arg, struct err *e);

/* A field of its head, appended to *ret on one line of printable ASCII: what is neither is a '_', line
 * ends are blanks. False: it has none of that name. */
bool mime_field(const struct mime_part *p, const char *name, struct buf *ret);

/* cloud-init's own rule (user_data.convert_string): "mime-version:" within the first 4096 bytes. */
bool mime_is(const char *data, size_t len);

/* Calls fn for every part; its failure (-1) ends the walk and is returned. 1: the document, or a
 * part of it, has a form that is not understood (nested, quoted-printable, no boundary, too many
 * parts). */
int mime_walk(const char *data, size_t len, mime_part_fn *fn, void *arg, struct err *e);

#endif
