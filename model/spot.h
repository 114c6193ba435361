/* Where a value stands in a tree, so that every complaint about it begins with the same words:
 * "fleet.yaml:12:5: /instances/web/memory: …", or the JSON pointer alone when no file is known.
 * Spots are links on the stack; nothing is formatted before something is wrong. */
#ifndef MODEL_SPOT_H
#define MODEL_SPOT_H

#include <stddef.h>

#include "base/err.h"
#include "base/yaml.h"

struct spot {
    const struct spot *up; /* NULL: the root */
    const char *key;       /* member of `up`; NULL: item `index` */
    size_t index;
    const char *pointer; /* of a root, already in RFC 6901 form; "" is the whole document */
    const char *file;    /* of a root; NULL: messages carry no file and line */
    const struct yaml_map *map;
};

/* All arguments are borrowed and must outlive the spot and its children. */
struct spot spot_root(const char *pointer);
struct spot spot_file(const char *file,
                      const struct yaml_map *map); /* map NULL: as spot_root("") */
struct spot spot_key(const struct spot *up, const char *key);
struct spot spot_item(const struct spot *up, size_t index);

#define SPOT_POINTER 256
/* The pointer, cut at whole bytes; key bytes `~` and `/` escaped (RFC 6901 section 3). */
const char *spot_pointer(const struct spot *s, char out[SPOT_POINTER]);

/* Fills e with the place and the message (ERR_INVALID unless a kind is asked for); returns -1. */
int spot_bad(const struct spot *s, struct err *e, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));
int spot_err(const struct spot *s, struct err *e, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 4, 5)));
/* Puts the place in front of a message that is there already; returns -1. */
int spot_wrap(const struct spot *s, struct err *e);

#endif
