#include "base/buf.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "base/word.h"

#define CAP_DEFAULT ((size_t)16 << 20)
#define SIZE_FIRST  128

static size_t cap_of(const struct buf *b)
{
    return b->cap ? b->cap : CAP_DEFAULT;
}

void buf_done(struct buf *b)
{
    free(b->data);
    *b = (struct buf){ .cap = b->cap };
}

void buf_clear(struct buf *b)
{
    b->len = 0;
    b->failed = false;
    b->too_big = false;
    if (b->data)
        b->data[0] = '\0';
}

/* Makes room for `more` bytes and the NUL. */
static bool grow(struct buf *b, size_t more)
{
    if (b->failed)
        return false;
    if (b->len > cap_of(b) || more > cap_of(b) - b->len) {
        b->failed = b->too_big = true;
        return false;
    }
    size_t need = b->len + more + 1;
    if (need <= b->size)
        return true;
    size_t size = b->size ? b->size : SIZE_FIRST;
    while (size < need)
        size *= 2;
    char *data = realloc(b->data, size);
    if (!data) {
        b->failed = true;
        return false;
    }
    b->data = data;
    b->size = size;
    return true;
}

void buf_put(struct buf *b, const void *data, size_t len)
{
    if (!grow(b, len))
        return;
    if (len > 0)
        memcpy(b->data + b->len, data, len);
    b->len += len;
    b->data[b->len] = '\0';
}

void buf_puts(struct buf *b, const char *s)
{
    buf_put(b, s, strlen(s));
}

void buf_putc(struct buf *b, char c)
{
    buf_put(b, &c, 1);
}

void buf_cat(struct buf *b, const char *first, ...)
{
    va_list ap;

    va_start(ap, first);
    for (const char *s = first; s; s = va_arg(ap, const char *))
        buf_puts(b, s);
    va_end(ap);
}

void buf_printf(struct buf *b, const char *fmt, ...)
{
    va_list ap;

    if (!grow(b, 0))
        return;
    va_start(ap, fmt);
    int n = vsnprintf(b->data + b->len, b->size - b->len, fmt, ap);
    va_end(ap);
    bool fits = n >= 0 && (size_t)n < b->size - b->len;
    if (n < 0)
        b->failed = true;
    if (n < 0 || !grow(b, (size_t)n)) {
        b->data[b->len] = '\0';
        return;
    }
    if (!fits) {
        va_start(ap, fmt);
        vsnprintf(b->data + b->len, b->size - b->len, fmt, ap);
        va_end(ap);
    }
    b->len += (size_t)n;
}

void buf_consume(struct buf *b, size_t n)
{
    if (n == 0 || b->len == 0)
        return;
    if (n > b->len)
        n = b->len;
    b->len -= n;
    memmove(b->data, b->data + n, b->len + 1);
}

static bool is_alnum(char c)
{
    return (c >= '0' && c <= '9') || (c >= 'A' && c <= 'Z') || (c >= 'a' && c <= 'z');
}

static bool is_one_of(char c, const char *set)
{
    return c && strchr(set, c);
}

static bool shell_bare(const char *s)
{
    if (!*s)
        return false;
    for (; *s; s++) {
        if (!is_alnum(*s) && !is_one_of(*s, "@%+=:,./_-"))
            return false;
    }
    return true;
}

void buf_shell(struct buf *b, const char *s)
{
    if (shell_bare(s)) {
        buf_puts(b, s);
        return;
    }
    buf_putc(b, '\'');
    for (; *s; s++) {
        if (*s == '\'')
            buf_puts(b, "'\\''");
        else
            buf_putc(b, *s);
    }
    buf_putc(b, '\'');
}

void buf_percent(struct buf *b, const char *s)
{
    static const char hex[] = "0123456789ABCDEF";

    for (; *s; s++) {
        unsigned char c = (unsigned char)*s;
        if (is_alnum(*s) || is_one_of(*s, "-._~"))
            buf_putc(b, *s);
        else
            buf_put(b, (char[]){ '%', hex[c >> 4], hex[c & 15] }, 3);
    }
}

/* RFC 8259 section 7: the escape of one ASCII character, or NULL where it stands for itself. */
static const char *json_escape(char c, char tmp[8])
{
    static const char short_from[] = "\"\\\b\f\n\r\t";
    static const char short_to[] = "\"\\bfnrt";

    if (is_one_of(c, short_from)) {
        tmp[0] = '\\';
        tmp[1] = short_to[strchr(short_from, c) - short_from];
        tmp[2] = '\0';
        return tmp;
    }
    if ((unsigned char)c >= 0x20 && c != 0x7f)
        return NULL;
    snprintf(tmp, 8, "\\u%04x", (unsigned)(unsigned char)c);
    return tmp;
}

/* How many bytes at s stand for themselves in JSON, as far as they are printable ASCII. */
static size_t json_plain(const char *s, size_t len)
{
    size_t n = printable_run(s, len), i = 0;
    uint64_t w, hit;

    for (; n - i >= sizeof w; i += sizeof w) {
        w = word_load(s + i);
        hit = word_where(w, '"') | word_where(w, '\\');
        if (hit)
            return i + (size_t)__builtin_ctzll(hit) / 8;
    }
    while (i < n && s[i] != '"' && s[i] != '\\')
        i++;
    return i;
}

void buf_json(struct buf *b, const char *s, size_t len)
{
    size_t from = 0;
    char tmp[8];

    buf_putc(b, '"');
    for (size_t i = json_plain(s, len); i < len; i += json_plain(s + i, len - i)) {
        size_t n = utf8_next(s + i, len - i, NULL);
        const char *instead = n == 0 ? "\xef\xbf\xbd" : n == 1 ? json_escape(s[i], tmp) : NULL;
        size_t step = n ? n : 1;
        if (instead) {
            buf_put(b, s + from, i - from);
            buf_puts(b, instead);
            from = i + step;
        }
        i += step;
    }
    buf_put(b, s + from, len - from);
    buf_putc(b, '"');
}

int buf_check(const struct buf *b, struct err *e)
{
    if (!b->failed)
        return 0;
    if (b->too_big)
        return err_set(e, ERR_TOO_BIG, "text is longer than %zu bytes", cap_of(b));
    return err_set(e, ERR_INTERNAL, "out of memory for a text of more than %zu bytes", b->len);
}

char *buf_steal(struct buf *b)
{
    if (!grow(b, 0))
        return NULL;
    b->data[b->len] = '\0';
    char *data = steal_ptr(b->data);
    buf_done(b);
    return data;
}

const char *buf_str(const struct buf *b)
{
    return b->data ? b->data : "";
}
