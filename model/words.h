/* Reading JSON objects by tables of known words: the one mechanism by which the fleet file, images,
 * networks, identities and instances are read, emitted and complained about. */
#ifndef MODEL_WORDS_H
#define MODEL_WORDS_H

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model/name.h"
#include "model/nearest.h"
#include "model/spot.h"

struct word {
    const char *name;
    /* Reads the value into the object that the table is about; NULL: known, but not read here. */
    int (*read)(void *obj, const json_t *value, const struct spot *at, struct err *e);
    json_t *(*emit)(const void *obj); /* new reference; NULL: nothing to say, or no function */
};

/* A table: rows begin with a struct word, sorted by name so that what is emitted is sorted. */
struct words {
    const char *what; /* "instance", for messages */
    const void *rows;
    size_t n, stride;
};
#define WORDS(what_, rows_)                                                                        \
    {                                                                                              \
        .what = (what_), .rows = (rows_), .n = sizeof(rows_) / sizeof((rows_)[0]),                 \
        .stride = sizeof((rows_)[0])                                                               \
    }
const struct word *words_at(const struct words *t, size_t i);
const struct word *words_find(const struct words *t, const char *name); /* NULL: unknown */

/* Reads every member of j by its row, in the order of j. Not an object, a member without a row:
 * ERR_INVALID with the nearest known word. What was read before the complaint stays read. */
int words_read(const struct words *t, void *obj, const json_t *j, const struct spot *at,
               struct err *e);
/* Complains about member `name`, which has no row. */
int words_unknown(const struct words *t, const char *name, const struct spot *at, struct err *e);
/* Object of what the rows' emit functions gave, in the table's order. */
json_t *words_emit(const struct words *t, const void *obj);

/* Values of one type each; outputs are untouched on failure. */
int value_object(const json_t *v, const struct spot *at, struct err *e);
int value_list(const json_t *v, size_t max, const struct spot *at, struct err *e);
/* Text without NUL bytes, borrowed from v; at most `max` bytes. */
int value_text(const json_t *v, size_t max, const struct spot *at, const char **ret, struct err *e);
/* The same, printable ASCII only. */
int value_ascii(const json_t *v, size_t max, const struct spot *at, const char **ret,
                struct err *e);
/* A copy of such a text takes the place of *field, which is freed. */
int value_keep(char **field, const char *s, const struct spot *at, struct err *e);
int value_bool(const json_t *v, const struct spot *at, bool *ret, struct err *e);
int value_int(const json_t *v, int64_t min, int64_t max, const struct spot *at, int64_t *ret,
              struct err *e);
/* "2G" (parse_size) or an integer of bytes; 0 passes only when min is 0, at most SIZE_VALUE_MAX. */
#define SIZE_VALUE_MAX (UINT64_C(1) << 50)
int value_size(const json_t *v, uint64_t min, const struct spot *at, uint64_t *ret, struct err *e);
/* One of a kind's names; count <= 16. */
int value_kind(const json_t *v, int count, const char *(*name)(unsigned), const struct spot *at,
               int *ret, struct err *e);
int value_name(const json_t *v, const char *what, const struct spot *at, struct name *ret,
               struct err *e);
/* A list of names, each checked by `parse`, at most max. A repeated one is ERR_INVALID. */
typedef int name_check(const char *s, struct name *ret, struct err *e);
int value_names(const json_t *v, name_check *parse, int max, const struct spot *at,
                struct name *ret, int *ret_n, struct err *e);
json_t *names_emit(const struct name *names, int n); /* NULL when there are none */

/* Bytes: a text, or {"base64": …} for what is not UTF-8. Allocated, with a NUL behind them; NULL
 * and 0 when there are none. */
int value_bytes(const json_t *v, size_t max, const struct spot *at, char **ret, size_t *ret_len,
                struct err *e);
json_t *bytes_emit(const char *bytes, size_t len);

/* A copy with all objects' keys sorted; NULL: deeper than 32 levels, a text with a NUL byte, or no
 * memory. */
json_t *value_sorted(const json_t *v);

#endif
