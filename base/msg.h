/* Typed messages between the processes: written field by field, read by a cursor that refuses to
 * leave its range and insists on "nothing left over". Both sides are the same build on the same
 * host, so integers travel in host order. Sticky errors: check once at the end. */
#ifndef BASE_MSG_H
#define BASE_MSG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

void msg_put_u8(struct buf *b, uint8_t v);
void msg_put_u16(struct buf *b, uint16_t v);
void msg_put_u32(struct buf *b, uint32_t v);
void msg_put_u64(struct buf *b, uint64_t v);
void msg_put_str(struct buf *b, const char *s); /* u32 length, bytes; no NUL inside */
void msg_put_bytes(struct buf *b, const void *data, size_t len); /* u32 length, bytes */

struct msg_cur {
    const uint8_t *p, *end;
    bool failed;
};
struct msg_cur msg_cur(const void *data, size_t len);
uint8_t msg_get_u8(struct msg_cur *c); /* 0 after a failure, as all below */
uint16_t msg_get_u16(struct msg_cur *c);
uint32_t msg_get_u32(struct msg_cur *c);
uint64_t msg_get_u64(struct msg_cur *c);
bool msg_get_bool(struct msg_cur *c); /* 0 or 1, anything else fails */
/* Copies a string into out[size], NUL-terminated; fails when it does not fit or holds a NUL. */
void msg_get_str(struct msg_cur *c, char *out, size_t size);
/* Points into the message. */
const void *msg_get_bytes(struct msg_cur *c, size_t *ret_len);
/* 0 when every field was there and nothing is left over; else -1 with ERR_INVALID. */
int msg_end(const struct msg_cur *c, const char *what, struct err *e);

#endif
