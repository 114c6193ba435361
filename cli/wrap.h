/* Text in lines of a width, broken between words. */
#ifndef CLI_WRAP_H
#define CLI_WRAP_H

#include <stddef.h>

#include "base/buf.h"

/* Columns of a terminal that the longest line of the text takes; one for each character. */
size_t wrap_width(const char *s);

/* The text with line breaks so that no line is wider than width (at least 1), where words allow that
 * between them, else within one. `indent`: of blanks behind each break, part of the width. */
void wrap_text(const char *s, size_t width, size_t indent, struct buf *out);

/* The room that columns get of `room`, which is less than all of them want: want[i] in, got[i] out.
 * Those that want little get it, the others share what is left equally, and no less than `least`. */
void wrap_share(const size_t *want, size_t n, size_t room, size_t least, size_t *ret);

#endif
