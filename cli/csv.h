/* Lists for other programs: comma-separated values (RFC 4180) and bare names. */
#ifndef CLI_CSV_H
#define CLI_CSV_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

/* A list of objects: a heading of their members in the order in which they first come, a line each;
 * lists in a field are joined by blanks, members that are objects left out. An object is a list of
 * one. Nothing for an empty list. Anything else: ERR_INVALID. */
int csv_put(const json_t *tree, struct buf *out, struct err *e);
/* The `name` of each, a line each. Rows without one: ERR_INVALID. */
int names_put(const json_t *tree, struct buf *out, struct err *e);

#endif
