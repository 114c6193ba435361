/* One line of the QEMU Machine Protocol, as a checked value: what came, by the shapes of qmp-spec
 * sections 2.2 (greeting), 2.4 (responses) and 2.5 (events). Pure; QEMU is not trusted more than
 * its guest, since a guest that took it over speaks here. */
#ifndef BOOTSTRAP_QMP_LINE_H
#define BOOTSTRAP_QMP_LINE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define QMP_LINE_MAX (1u << 20)

enum qmp_kind { QMP_GREETING, QMP_RETURN, QMP_ERROR, QMP_EVENT };
struct qmp_line {
    enum qmp_kind kind;
    json_t *root;       /* owns the rest */
    const char *name;   /* event's name; error's description */
    const json_t *data; /* "return", event's "data" (may be NULL) */
    uint64_t id;        /* of a reply; 0: it has none (the command could not even be read) */
};
int qmp_line_parse(const char *text, size_t len, struct qmp_line *ret, struct err *e);
void qmp_line_done(struct qmp_line *l);

/* Calls `fn` for each whole line in `in` (without its end, empty ones left out) and drops it there.
 * Stops when fn returns other than 0, and returns that. A line over QMP_LINE_MAX, ended or not yet:
 * -1 with ERR_TOO_BIG. */
typedef int qmp_line_fn(const char *text, size_t len, void *arg, struct err *e);
int qmp_lines(struct buf *in, qmp_line_fn *fn, void *arg, struct err *e);

#endif
