/* What commands print: one tree, as a table for people or as json or yaml with the same content. */
#ifndef CLI_OUT_H
#define CLI_OUT_H

#include "base/buf.h"
#include "cli/cli.h"

typedef int out_fn(struct cli *c, const json_t *tree, struct err *e);

/* Prints the tree (the reference is taken; NULL: e is set already) in the asked-for form; `table`
 * prints it for people. Returns 0, -1, or what `table` returned. */
int out_tree(struct cli *c, json_t *tree, out_fn *table, struct err *e);
/* One of many documents: a line of json, or a yaml document of its own. */
int out_document(struct cli *c, const json_t *tree, struct err *e);
int out_flush(struct err *e); /* ERR_IO when standard output did not take it all */

/* --- reading trees that a server sent: a member that is not there is "" or 0 --- */
const char *out_text(const json_t *object, const char *key);
int64_t out_number(const json_t *object, const char *key);
/* "a, b" of a list of texts. */
void out_list(const json_t *list, struct buf *ret);

/* --- time for people --- */
/* Milliseconds since the epoch; -1 when it is not RFC 3339 in UTC. */
int64_t when_parse(const char *rfc3339);
/* "4m12s ago"; "-" for what is no time. */
const char *when_ago(const char *rfc3339, char out[40]);

/* --- tables (libsmartcols) --- */
enum tint { TINT_NONE, TINT_GOOD, TINT_WARN, TINT_BAD };
enum tint tint_of_state(const char *state);
struct table;
/* Headings up to a NULL; heads false: none are shown. */
struct table *table_new(const struct cli *c, const char *const *columns, bool heads);
/* As many cells as there are columns; NULL is "". The whole row is tinted. */
void table_row(struct table *t, enum tint tint, const char *const *cells);
int table_print(struct table *t, struct err *e); /* and frees it */
void table_free(struct table *t);                /* unprinted; NULL is fine */

#endif
