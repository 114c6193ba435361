#include "cli/wrap.h"

#include <stdbool.h>
#include <string.h>

static bool begins_character(char c)
{
    return ((unsigned char)c & 0xc0) != 0x80;
}

static size_t characters(const char *s, size_t len)
{
    size_t n = 0;

    for (size_t i = 0; i < len; i++)
        n += begins_character(s[i]);
    return n;
}

/* The bytes of the first `width` characters, or all of them. */
static size_t bytes_of(const char *s, size_t len, size_t width)
{
    size_t i = 0, n = 0;

    for (; i < len; i++)
        if (begins_character(s[i]) && n++ == width)
            break;
    return i;
}

size_t wrap_width(const char *s)
{
    size_t widest = 0;

    for (;;) {
        size_t len = strcspn(s, "\n"), n = characters(s, len);
        widest = n > widest ? n : widest;
        if (!s[len])
            return widest;
        s += len + 1;
    }
}

/* How much of a line fits: up to the last blank before the edge, else up to the edge. */
static size_t fitting(const char *s, size_t len, size_t width)
{
    size_t edge = bytes_of(s, len, width), at = edge;

    if (edge == len)
        return edge;
    while (at && s[at] != ' ')
        at--;
    while (at && s[at - 1] == ' ')
        at--;
    return at ? at : edge;
}

static void put_line(const char *s, size_t len, size_t width, size_t indent, bool *first,
                     struct buf *out)
{
    do {
        size_t left = *first || indent >= width ? 0 : indent;
        size_t n = fitting(s, len, width - left);
        if (!*first)
            buf_printf(out, "\n%*s", (int)left, "");
        *first = false;
        buf_put(out, s, n);
        for (s += n, len -= n; len && *s == ' '; s++)
            len--;
    } while (len);
}

void wrap_text(const char *s, size_t width, size_t indent, struct buf *out)
{
    bool first = true;

    for (width = width ? width : 1;; s++) {
        size_t len = strcspn(s, "\n");
        put_line(s, len, width, indent, &first, out);
        s += len;
        if (!*s)
            return;
    }
}

void wrap_share(const size_t *want, size_t n, size_t room, size_t least, size_t *ret)
{
    size_t left = n, last;

    for (size_t i = 0; i < n; i++)
        ret[i] = 0;
    do { /* each round serves those that want no more than an equal part of what is left */
        size_t part = left ? room / left : 0;
        last = left;
        for (size_t i = 0; i < n; i++) {
            if (ret[i] || want[i] > part)
                continue;
            ret[i] = want[i] ? want[i] : 1;
            room -= want[i];
            left--;
        }
    } while (left != last);
    for (size_t i = 0; i < n; i++)
        if (!ret[i])
            ret[i] = room / left > least ? room / left : least;
}
