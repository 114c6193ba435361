#include "base/msg.h"

#include <string.h>

void msg_put_u8(struct buf *b, uint8_t v)
{
    buf_put(b, &v, sizeof(v));
}

void msg_put_u16(struct buf *b, uint16_t v)
{
    buf_put(b, &v, sizeof(v));
}

void msg_put_u32(struct buf *b, uint32_t v)
{
    buf_put(b, &v, sizeof(v));
}

void msg_put_u64(struct buf *b, uint64_t v)
{
    buf_put(b, &v, sizeof(v));
}

void msg_put_bytes(struct buf *b, const void *data, size_t len)
{
    if (len > UINT32_MAX) {
        b->failed = b->too_big = true;
        return;
    }
    msg_put_u32(b, (uint32_t)len);
    buf_put(b, data, len);
}

void msg_put_str(struct buf *b, const char *s)
{
    msg_put_bytes(b, s, strlen(s));
}

struct msg_cur msg_cur(const void *data, size_t len)
{
    /* An empty message may come as NULL, to which nothing may be added, not even 0. */
    const uint8_t *p = data ? data : (const uint8_t *)"";
    return (struct msg_cur){ .p = p, .end = p + (data ? len : 0) };
}

/* The one place that moves the cursor: `len` bytes, or NULL and the cursor stays failed. */
static const void *take(struct msg_cur *c, size_t len)
{
    if (c->failed || len > (size_t)(c->end - c->p)) {
        c->failed = true;
        return NULL;
    }
    const void *at = c->p;
    c->p += len;
    return at;
}

static void take_int(struct msg_cur *c, void *out, size_t size)
{
    const void *at = take(c, size);

    if (at)
        memcpy(out, at, size);
}

uint8_t msg_get_u8(struct msg_cur *c)
{
    uint8_t v = 0;

    take_int(c, &v, sizeof(v));
    return v;
}

uint16_t msg_get_u16(struct msg_cur *c)
{
    uint16_t v = 0;

    take_int(c, &v, sizeof(v));
    return v;
}

uint32_t msg_get_u32(struct msg_cur *c)
{
    uint32_t v = 0;

    take_int(c, &v, sizeof(v));
    return v;
}

uint64_t msg_get_u64(struct msg_cur *c)
{
    uint64_t v = 0;

    take_int(c, &v, sizeof(v));
    return v;
}

bool msg_get_bool(struct msg_cur *c)
{
    uint8_t v = msg_get_u8(c);

    if (v > 1)
        c->failed = true;
    return v == 1;
}

const void *msg_get_bytes(struct msg_cur *c, size_t *ret_len)
{
    size_t len = msg_get_u32(c);
    const void *at = take(c, len);

    *ret_len = at ? len : 0;
    return at;
}

void msg_get_str(struct msg_cur *c, char *out, size_t size)
{
    size_t len;
    const void *at = msg_get_bytes(c, &len);

    if (size > 0)
        out[0] = '\0';
    if (!at)
        return;
    if (len >= size || memchr(at, '\0', len)) {
        c->failed = true;
        return;
    }
    memcpy(out, at, len);
    out[len] = '\0';
}

int msg_end(const struct msg_cur *c, const char *what, struct err *e)
{
    if (c->failed)
        return err_set(e, ERR_INVALID, "message %s: a field is missing or out of its range", what);
    if (c->p != c->end)
        return err_set(e, ERR_INVALID, "message %s: %zu bytes left over", what,
                       (size_t)(c->end - c->p));
    return 0;
}
