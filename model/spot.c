#include "model/spot.h"

#include <stdio.h>
#include <string.h>

struct spot spot_root(const char *pointer)
{
    return (struct spot){ .pointer = pointer };
}

struct spot spot_file(const char *file, const struct yaml_map *map)
{
    return (struct spot){ .pointer = "", .file = map ? file : NULL, .map = map };
}

struct spot spot_key(const struct spot *up, const char *key)
{
    return (struct spot){ .up = up, .key = key };
}

struct spot spot_item(const struct spot *up, size_t index)
{
    return (struct spot){ .up = up, .index = index };
}

static void put(char *out, size_t *at, char c)
{
    if (*at + 1 < SPOT_POINTER)
        out[(*at)++] = c;
}

static void put_token(char *out, size_t *at, const char *key)
{
    put(out, at, '/');
    for (; *key; key++) {
        if (*key == '~' || *key == '/') {
            put(out, at, '~');
            put(out, at, *key == '~' ? '0' : '1');
        } else {
            put(out, at, *key);
        }
    }
}

/* Recursion is as deep as the readers nest: a handful of levels, not the depth of the input. */
static void put_spot(const struct spot *s, char *out, size_t *at)
{
    if (!s->up) {
        for (const char *p = s->pointer; *p; p++)
            put(out, at, *p);
        return;
    }
    put_spot(s->up, out, at);
    if (s->key) {
        put_token(out, at, s->key);
    } else {
        char number[24];
        snprintf(number, sizeof(number), "%zu", s->index);
        put_token(out, at, number);
    }
}

const char *spot_pointer(const struct spot *s, char out[SPOT_POINTER])
{
    size_t at = 0;
    put_spot(s, out, &at);
    out[at] = '\0';
    return out;
}

int spot_wrap(const struct spot *s, struct err *e)
{
    char pointer[SPOT_POINTER];
    const struct spot *root = s;
    while (root->up)
        root = root->up;
    spot_pointer(s, pointer);
    /* The document as a whole has the empty pointer: nothing to say about it. */
    if (*pointer)
        err_wrap(e, "%s", pointer);
    if (root->file) {
        int column = 0, line = yaml_map_line(root->map, pointer, &column);
        if (line > 0)
            err_wrap(e, "%s:%d:%d", root->file, line, column);
        else
            err_wrap(e, "%s", root->file);
    }
    return -1;
}

__attribute__((format(printf, 3, 0))) static void set(struct err *e, enum err_kind kind,
                                                      const char *fmt, va_list ap)
{
    char text[sizeof(e->text)];
    vsnprintf(text, sizeof(text), fmt, ap);
    err_set(e, kind, "%s", text);
}

int spot_bad(const struct spot *s, struct err *e, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    set(e, ERR_INVALID, fmt, ap);
    va_end(ap);
    return spot_wrap(s, e);
}

int spot_err(const struct spot *s, struct err *e, enum err_kind kind, const char *fmt, ...)
{
    va_list ap;
    va_start(ap, fmt);
    set(e, kind, fmt, ap);
    va_end(ap);
    return spot_wrap(s, e);
}
