/* A sticky byte buffer: append freely, check once at the end.
 *
 * After a failure (out of memory, or over `cap`) every further append does nothing and
 * buf_check() says so. Escaping is a method per target format, never done by hand. */
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct buf {
    char *data; /* NUL-terminated once anything was appended; NULL before */
    size_t len; /* bytes, without the NUL */
    size_t size;
    size_t cap; /* 0: the default of 16 MiB */
    bool failed;
    bool too_big; /* failed because of cap, not of memory */
};

#define BUF_INIT ((struct buf){ 0 })
#define auto_buf __attribute__((cleanup(buf_done)))

void buf_done(struct buf *b);  /* frees the bytes; the buffer is as BUF_INIT afterwards, cap kept */
void buf_clear(struct buf *b); /* forgets bytes and failure, keeps the memory */

void buf_put(struct buf *b, const void *data, size_t len);
void buf_puts(struct buf *b, const char *s);
void buf_putc(struct buf *b, char c);
/* All of these, up to a NULL: where very many small texts are made, printf is most of the work. */
void buf_cat(struct buf *b, const char *first, ...) __attribute__((sentinel));
void buf_printf(struct buf *b, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
void buf_consume(struct buf *b, size_t n); /* drops the first n bytes (n <= len) */

/* POSIX shell word: bare when it is made of [A-Za-z0-9@%+=:,./_-], else in single quotes. */
void buf_shell(struct buf *b, const char *s);
/* RFC 3986 percent-encoding of everything but unreserved characters. */
void buf_percent(struct buf *b, const char *s);
/* RFC 8259 string with its quotes; invalid UTF-8 becomes U+FFFD. */
void buf_json(struct buf *b, const char *s, size_t len);

/* 0, or -1 with ERR_TOO_BIG or ERR_INTERNAL (memory). */
int buf_check(const struct buf *b, struct err *e);
/* The contents as a string the caller frees ("" when empty); the buffer is empty afterwards.
 * NULL when it failed. */
char *buf_steal(struct buf *b);
const char *buf_str(const struct buf *b); /* never NULL: "" when empty */

#endif
