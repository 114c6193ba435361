#include "base/spawn.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool argv_grow(struct argv *a)
{
    if (a->n + 2 <= a->size)
        return true;
    int size = a->size ? 2 * a->size : 16;
    char **v = reallocarray(a->v, (size_t)size, sizeof(*v));
    if (!v)
        return false;
    a->v = v;
    a->size = size;
    return true;
}

/* Takes the string over; NULL stands for one that could not be made. */
static void argv_take(struct argv *a, char *arg)
{
    if (!arg || a->failed || !argv_grow(a)) {
        a->failed = true;
        free(arg);
        return;
    }
    a->v[a->n++] = arg;
    a->v[a->n] = NULL;
}

void argv_add(struct argv *a, const char *arg)
{
    argv_take(a, strdup(arg));
}

void argv_addf(struct argv *a, const char *fmt, ...)
{
    char *arg = NULL;
    va_list ap;
    va_start(ap, fmt);
    if (vasprintf(&arg, fmt, ap) < 0)
        arg = NULL;
    va_end(ap);
    argv_take(a, arg);
}

void argv_done(struct argv *a)
{
    for (int i = 0; i < a->n; i++)
        free(a->v[i]);
    free(a->v);
    *a = ARGV_INIT;
}

void argv_print(const struct argv *a, struct buf *out)
{
    for (int i = 0; i < a->n; i++) {
        if (i > 0)
            buf_putc(out, ' ');
        buf_shell(out, a->v[i]);
    }
}
