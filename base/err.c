#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"

static const struct {
    const char *name;
    int exit_code;
    int http_status;
} kinds[ERR_KINDS] = {
    [ERR_NONE] = { "none", 0, 200 },       [ERR_NOT_FOUND] = { "not-found", 3, 404 },
    [ERR_INVALID] = { "invalid", 2, 400 }, [ERR_CONFLICT] = { "conflict", 4, 409 },
    [ERR_TOO_BIG] = { "too-big", 2, 413 }, [ERR_DENIED] = { "denied", 5, 403 },
    [ERR_BUSY] = { "busy", 6, 503 },       [ERR_TIMEOUT] = { "timeout", 7, 504 },
    [ERR_IO] = { "io", 1, 500 },           [ERR_INTERNAL] = { "internal", 1, 500 },
};

static enum err_kind kind_of_errno(int os)
{
    switch (os) {
    case ENOENT:
        return ERR_NOT_FOUND;
    case EACCES:
    case EPERM:
        return ERR_DENIED;
    case EEXIST:
        return ERR_CONFLICT;
    case EAGAIN:
    case EBUSY:
        return ERR_BUSY;
    default:
        return ERR_IO;
    }
}

__attribute__((format(printf, 2, 0))) static void set_text(struct err *e, const char *fmt,
                                                           va_list ap)
{
    vsnprintf(e->text, sizeof(e->text), fmt, ap);
    control_mask(e->text);
}

static void add_cause(struct err *e, const char *cause)
{
    size_t len = strlen(e->text);
    size_t n = strnlen(cause, sizeof(e->text));

    /* Cut by hand: gcc takes a cut by snprintf for a mistake. */
    if (len + 2 >= sizeof(e->text))
        return;
    memcpy(e->text + len, ": ", 2);
    len += 2;
    if (n > sizeof(e->text) - 1 - len)
        n = sizeof(e->text) - 1 - len;
    memcpy(e->text + len, cause, n);
    e->text[len + n] = '\0';
    /* The cut can have split a character of several bytes. */
    control_mask(e->text);
}

int err_set(struct err *e, enum err_kind kind, const char *fmt, ...)
{
    va_list ap;

    if (!e)
        return -1;
    /* The arguments may point into the old text. */
    struct err fresh = { .kind = kind };
    va_start(ap, fmt);
    set_text(&fresh, fmt, ap);
    va_end(ap);
    *e = fresh;
    return -1;
}

int err_sys(struct err *e, const char *fmt, ...)
{
    int os = errno;
    va_list ap;

    if (!e)
        return -1;
    struct err fresh = { .kind = kind_of_errno(os), .os = os };
    va_start(ap, fmt);
    set_text(&fresh, fmt, ap);
    va_end(ap);
    add_cause(&fresh, strerror(os));
    *e = fresh;
    errno = os;
    return -1;
}

int err_wrap(struct err *e, const char *fmt, ...)
{
    va_list ap;

    if (!e)
        return -1;
    struct err fresh = { .kind = e->kind, .os = e->os };
    va_start(ap, fmt);
    set_text(&fresh, fmt, ap);
    va_end(ap);
    add_cause(&fresh, e->text);
    *e = fresh;
    return -1;
}

const char *err_kind_name(enum err_kind kind)
{
    return (unsigned)kind < ERR_KINDS ? kinds[kind].name : "internal";
}

int err_kind_from_name(const char *name)
{
    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        if (strcmp(kinds[i].name, name) == 0)
            return (int)i;
    }
    return -1;
}

int err_exit_code(enum err_kind kind)
{
    return (unsigned)kind < ERR_KINDS ? kinds[kind].exit_code : 1;
}

int err_http_status(enum err_kind kind)
{
    return (unsigned)kind < ERR_KINDS ? kinds[kind].http_status : 500;
}
