#include "seeds/mime.h"

#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "base/encode.h"

#define OPAQUE       1
#define BOUNDARY_MAX 70 /* RFC 2046 section 5.1.1 */

struct text {
    const char *s;
    size_t len;
};

/* Up to the end of a line, without it; *rest is what follows. */
static struct text line_take(struct text *rest)
{
    const char *nl = memchr(rest->s, '\n', rest->len);
    size_t len = nl ? (size_t)(nl - rest->s) : rest->len;
    size_t step = nl ? len + 1 : len;
    struct text line = { rest->s, len > 0 && rest->s[len - 1] == '\r' ? len - 1 : len };

    rest->s += step;
    rest->len -= step;
    return line;
}

/* Cuts the header block off: up to the first empty line. */
static struct text head_take(struct text *rest)
{
    struct text head = *rest;

    while (rest->len > 0) {
        struct text at = *rest;
        if (line_take(rest).len == 0) {
            head.len = (size_t)(at.s - head.s);
            return head;
        }
    }
    return head;
}

/* The value of a header field, with its continuation lines (they begin with a blank). */
static bool field_get(struct text head, const char *name, struct text *ret)
{
    size_t n = strlen(name);

    while (head.len > 0) {
        struct text line = line_take(&head);
        if (line.len <= n || strncasecmp(line.s, name, n) != 0 || line.s[n] != ':')
            continue;
        while (head.len > 0 && (head.s[0] == ' ' || head.s[0] == '\t')) {
            struct text more = line_take(&head);
            line.len = (size_t)(more.s + more.len - line.s);
        }
        *ret = (struct text){ line.s + n + 1, line.len - n - 1 };
        return true;
    }
    return false;
}

static bool blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* The first word of a field's value in lower case: up to ';' or a blank. */
static void word_get(struct text value, char *out, size_t size)
{
    size_t n = 0;

    while (value.len > 0 && blank(value.s[0]))
        value.s++, value.len--;
    for (; n < value.len && n + 1 < size && !blank(value.s[n]) && value.s[n] != ';'; n++) {
        char c = value.s[n];
        out[n] = c >= 'A' && c <= 'Z' ? (char)(c + 'a' - 'A') : c;
    }
    out[n] = '\0';
}

static bool boundary_get(struct text value, char out[BOUNDARY_MAX + 1])
{
    static const char key[] = "boundary=";
    size_t k = sizeof key - 1;

    while (value.len > k && strncasecmp(value.s, key, k) != 0)
        value.s++, value.len--;
    if (value.len <= k)
        return false;
    value.s += k;
    value.len -= k;
    bool quoted = value.s[0] == '"';
    if (quoted)
        value.s++, value.len--;
    size_t n = 0;
    while (n < value.len && (quoted ? value.s[n] != '"' : !blank(value.s[n]) && value.s[n] != ';'))
        n++;
    if (n == 0 || n > BOUNDARY_MAX)
        return false;
    memcpy(out, value.s, n);
    out[n] = '\0';
    return true;
}

static int part_base64(struct mime_part *p, mime_part_fn *fn, void *arg, struct err *e)
{
    struct text body = { p->data, p->len };
    auto_free char *packed = malloc(body.len + 1);
    auto_free char *plain = malloc(body.len + 1);
    size_t n = 0;

    if (!packed || !plain)
        return err_set(e, ERR_INTERNAL, "out of memory");
    for (size_t i = 0; i < body.len; i++) {
        if (!blank(body.s[i]))
            packed[n++] = body.s[i];
    }
    int len = base64_decode(packed, n, (uint8_t *)plain, body.len + 1);
    if (len < 0)
        return OPAQUE;
    p->data = plain;
    p->len = (size_t)len;
    return fn(p, arg, e);
}

static int part_read(struct text part, mime_part_fn *fn, void *arg, struct err *e)
{
    struct text head = head_take(&part);
    struct text value;
    char type[64] = "text/plain";
    char encoding[32] = "7bit";

    if (field_get(head, "content-type", &value))
        word_get(value, type, sizeof type);
    if (field_get(head, "content-transfer-encoding", &value))
        word_get(value, encoding, sizeof encoding);
    if (strncmp(type, "multipart/", 10) == 0)
        return OPAQUE;
    struct mime_part p = { type, part.s, part.len, head.s, head.len };
    if (strcmp(encoding, "base64") == 0)
        return part_base64(&p, fn, arg, e);
    if (strcmp(encoding, "7bit") != 0 && strcmp(encoding, "8bit") != 0 &&
        strcmp(encoding, "binary") != 0)
        return OPAQUE;
    return fn(&p, arg, e);
}

/* 1: a delimiter line, 2: the closing one, 0: neither. */
static int delimiter(struct text line, const char *boundary)
{
    size_t n = strlen(boundary);

    if (line.len < n + 2 || memcmp(line.s, "--", 2) != 0 || memcmp(line.s + 2, boundary, n) != 0)
        return 0;
    struct text tail = { line.s + n + 2, line.len - n - 2 };
    int kind = 1;
    if (tail.len >= 2 && memcmp(tail.s, "--", 2) == 0) {
        tail.s += 2;
        tail.len -= 2;
        kind = 2;
    }
    while (tail.len > 0 && blank(tail.s[tail.len - 1]))
        tail.len--;
    return tail.len == 0 ? kind : 0;
}

static int parts_walk(struct text body, const char *boundary, mime_part_fn *fn, void *arg,
                      struct err *e)
{
    const char *from = NULL;
    int parts = 0;
    int worst = 0;

    while (body.len > 0) {
        struct text line = line_take(&body);
        int kind = delimiter(line, boundary);
        if (kind == 0)
            continue;
        if (from) {
            /* The line end before a delimiter belongs to it (RFC 2046 section 5.1.1). */
            struct text part = { from, (size_t)(line.s - from) };
            int rc = ++parts > MIME_PARTS_MAX ? OPAQUE : part_read(part, fn, arg, e);
            if (rc < 0)
                return rc;
            worst |= rc;
        }
        from = body.s;
        if (kind == 2 || parts > MIME_PARTS_MAX)
            return worst;
    }
    return OPAQUE; /* cut off: what python makes of it is its own business */
}

bool mime_field(const struct mime_part *p, const char *name, struct buf *ret)
{
    struct text value;

    if (!field_get((struct text){ p->head, p->head_len }, name, &value))
        return false;
    while (value.len > 0 && blank(value.s[0]))
        value.s++, value.len--;
    for (size_t i = 0; i < value.len; i++) {
        char c = value.s[i];
        buf_putc(ret, blank(c) ? ' ' : c > ' ' && c <= '~' ? c : '_');
    }
    return true;
}

bool mime_is(const char *data, size_t len)
{
    static const char mark[] = "mime-version:";
    size_t n = sizeof mark - 1;

    if (len > 4096)
        len = 4096;
    for (size_t i = 0; i + n <= len; i++) {
        if (strncasecmp(data + i, mark, n) == 0)
            return true;
    }
    return false;
}

int mime_walk(const char *data, size_t len, mime_part_fn *fn, void *arg, struct err *e)
{
    struct text whole = { data, len };
    struct text body = whole;
    struct text head = head_take(&body);
    struct text value;
    char boundary[BOUNDARY_MAX + 1];
    char type[64] = "";

    if (field_get(head, "content-type", &value))
        word_get(value, type, sizeof type);
    if (strncmp(type, "multipart/", 10) != 0)
        return part_read(whole, fn, arg, e);
    if (!boundary_get(value, boundary))
        return OPAQUE;
    return parts_walk(body, boundary, fn, arg, e);
}
