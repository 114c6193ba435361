/* YAML 1.1 documents (libyaml) from and to JSON trees. On input: one document, depth at most 32, no
 * duplicate keys, no anchors or aliases, plain scalars by YAML's core schema (true/false/null,
 * integers, floats; everything else is a string, `yes` and `0755` included). */
#ifndef BASE_YAML_H
#define BASE_YAML_H

#include <jansson.h>

#include "base/buf.h"
#include "base/err.h"

/* Where each value stands: JSON pointer (RFC 6901, "" is the root) to line and column, from 1. */
struct yaml_map;
void yaml_map_free(struct yaml_map *m);
/* Line of a pointer, or of its nearest ancestor that is known; 0 when m is NULL. */
int yaml_map_line(const struct yaml_map *m, const char *pointer, int *ret_column);

/* `file` is for messages only ("fleet.yaml:12:3: …"). ret_map may be NULL. An empty document is {}.
 */
int yaml_read(const char *text, size_t len, const char *file, json_t **ret,
              struct yaml_map **ret_map, struct err *e);
/* Emits block style; every string that could be read as anything else is quoted (all string values
 * in double quotes, keys plain where safe); keys in the order of the tree. */
int yaml_write(const json_t *tree, struct buf *out, struct err *e);

/* 0 when it is YAML at all, with what yaml_read() refuses (anchors, aliases, tags, doubled keys,
 * several documents): for documents that are read by somebody else; -1 when it is broken. Builds no
 * tree. */
int yaml_wellformed(const char *text, size_t len);

#endif
