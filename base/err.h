/* Errors: a value on the caller's stack, filled by whoever fails, reported once by whoever can act.
 *
 * A fallible function takes `struct err *e` last and returns 0, or -1 with `e` set; outputs stay
 * untouched on failure. `e` may be NULL where the caller does not care. Rooms return errors;
 * only server/ and cli/ log or print them. */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include <stdarg.h>

enum err_kind {
    ERR_NONE,
    ERR_NOT_FOUND, /* the named thing does not exist */
    ERR_INVALID,   /* input that can never work as it is */
    ERR_CONFLICT,  /* valid, but clashes with what is on record or running */
    ERR_TOO_BIG,   /* over a cap */
    ERR_DENIED,    /* the caller may not do this */
    ERR_BUSY,      /* try again later */
    ERR_TIMEOUT,   /* a time limit passed before the thing came about */
    ERR_IO,        /* the system refused: `os` holds errno when known */
    ERR_INTERNAL,  /* a defect in roost */
    ERR_KINDS
};

struct err {
    enum err_kind kind;
    int os;         /* errno, or 0 */
    char text[512]; /* one line without a full stop: what, where, what would be right */
};

/* Fill `e` and return -1, so that `return err_set(e, ERR_INVALID, "…")` is one line.
 * The message is cut at the size of `text`, control bytes in it become `?`. */
int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

/* The same for a failed system call: kind by errno (ENOENT: not found, EACCES and EPERM: denied,
 * EEXIST: conflict, EAGAIN and EBUSY: busy, else io); ": " and strerror(errno) are appended. */
int err_sys(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* Put "context: " in front on the way up. Returns -1. */
int err_wrap(struct err *e, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* The one table of kinds. Exit codes: 0 none, 1 internal or io, 2 invalid or too big, 3 not found,
 * 4 conflict, 5 denied, 6 busy, 7 timeout. HTTP: 404, 400, 409, 413, 403, 503, 504, 500, 500. */
const char *err_kind_name(enum err_kind kind); /* "not-found" … */
int err_kind_from_name(const char *name);      /* the kind, or -1 */
int err_exit_code(enum err_kind kind);
int err_http_status(enum err_kind kind);

#endif
