#include "seeds/lint.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"
#include "seeds/gunzip.h"
#include "seeds/mime.h"

#define FINDINGS_MAX 16
#define NAME_SHOWN   60

struct lint {
    const char *s;
    size_t len;
    const json_t *vars;
    lint_fn *fn;
    void *arg;
    unsigned found;
};

static void say(struct lint *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void say(struct lint *l, const char *fmt, ...)
{
    char text[256];
    va_list ap;

    if (l->found++ >= FINDINGS_MAX)
        return;
    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    l->fn(text, l->arg);
}

static const char *find(const struct lint *l, size_t from, const char *word)
{
    return from < l->len ? memmem(l->s + from, l->len - from, word, strlen(word)) : NULL;
}

static unsigned line_of(const struct lint *l, const char *at)
{
    unsigned line = 1;

    for (const char *p = l->s; p < at; p++)
        line += *p == '\n';
    return line;
}

static bool starts(const struct lint *l, const char *mark)
{
    return l->len >= strlen(mark) && strncasecmp(l->s, mark, strlen(mark)) == 0;
}

/* --- the first line --- */

/* Nearly the header: cloud-init takes the document for nothing at all. */
static void header(struct lint *l)
{
    static const char *const near[] = { "# cloud-config", "#cloudconfig", "#cloud_config",
                                        "cloud-config", "# cloud config" };

    if (starts(l, "\xef\xbb\xbf"))
        say(l,
            "line 1: it begins with a byte order mark: cloud-init does not see what follows; save "
            "it as UTF-8 without one");
    for (size_t i = 0; i < ARRAY_SIZE(near); i++)
        if (starts(l, near[i]))
            say(l, "line 1: the header is spelt #cloud-config: as it stands cloud-init ignores the "
                   "document");
    if (starts(l, "#!") && memchr(l->s, '\n', l->len)) {
        const char *nl = memchr(l->s, '\n', l->len);
        if (nl > l->s && nl[-1] == '\r')
            say(l, "line 1: it ends in a carriage return: the guest will not find the script's "
                   "interpreter");
    }
}

/* --- words --- */

static void words(struct lint *l)
{
    static const struct {
        const char *word, *text;
    } table[] = {
        /* cc_phone_home: the URL goes through templater.basic_render, whose names take dots. */
        { "$INSTANCE_ID.", "$INSTANCE_ID followed by a dot breaks phone_home in the client: write "
                           "${INSTANCE_ID} or put a slash between" },
        { "gateway4:",
          "gateway4 is deprecated and refused beside a default route: write routes: [{to: "
          "default, via: …}]" },
        { "gateway6:",
          "gateway6 is deprecated and refused beside a default route: write routes: [{to: "
          "\"::/0\", via: …}]" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const char *at = find(l, 0, table[i].word);
        if (at)
            say(l, "line %u: %s", line_of(l, at), table[i].text);
    }
}

/* --- jinja --- */

static bool is_name(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

static size_t name_len(const char *s, size_t max)
{
    size_t n = 0;

    while (n < max && is_name(s[n]))
        n++;
    return n;
}

static bool is_one(const char *s, size_t len, const char *word)
{
    return strlen(word) == len && memcmp(s, word, len) == 0;
}

/* One step of a path: .NAME, ['NAME'] or ["NAME"]. Its name, *at behind it; NULL: no further step that
 * can be read. */
static const char *step(const char **at, const char *end, size_t *ret_len)
{
    const char *s = *at;
    bool quoted = end - s > 2 && s[0] == '[' && (s[1] == '\'' || s[1] == '"');

    if (!quoted && (s >= end || *s != '.'))
        return NULL;
    const char *name = s + (quoted ? 2 : 1);
    *ret_len = name_len(name, (size_t)(end - name));
    s = name + *ret_len;
    if (!*ret_len || (quoted && (end - s < 2 || s[1] != ']')))
        return NULL;
    *at = s + (quoted ? 2 : 0);
    return name;
}

/* `s` stands behind "ds.meta_data" in an expression that ends at `end`. */
static void variable(struct lint *l, const char *s, const char *end)
{
    /* The last on a volume only. */
    static const char *const own[] = { "instance_id", "local_hostname", "dsmode" };
    size_t n;
    const char *name = step(&s, end, &n);

    for (size_t i = 0; name && i < ARRAY_SIZE(own); i++)
        if (is_one(name, n, own[i]))
            return;
    if (!name)
        return;
    if (!is_one(name, n, "roost")) {
        say(l, "line %u: meta-data has no %.*s: what stands under vars is ds.meta_data.roost.NAME",
            line_of(l, name), (int)(n < NAME_SHOWN ? n : NAME_SHOWN), name);
        return;
    }
    if (!(name = step(&s, end, &n)))
        return;
    auto_free char *key = strndup(name, n);
    if (key && !json_object_get(l->vars, key))
        say(l, "line %u: the variable %.*s is used but not set: say it under vars",
            line_of(l, name), (int)(n < NAME_SHOWN ? n : NAME_SHOWN), name);
}

static void expression(struct lint *l, const char *s, const char *end)
{
    static const char *const roots[] = { "ds.meta_data", "ds['meta_data']", "ds[\"meta_data\"]" };

    if (memmem(s, (size_t)(end - s), "default", 7) ||
        memmem(s, (size_t)(end - s), "is defined", 10))
        return;
    for (size_t i = 0; i < ARRAY_SIZE(roots); i++)
        for (const char *at = s; (at = memmem(at, (size_t)(end - at), roots[i], strlen(roots[i])));) {
            at += strlen(roots[i]);
            variable(l, at, end);
        }
}

/* Each {{ and {% with its end. */
static void template(struct lint *l)
{
    static const struct {
        const char *open, *close;
    } pairs[] = { { "{{", "}}" }, { "{%", "%}" }, { "{#", "#}" } };

    for (size_t i = 0; i < ARRAY_SIZE(pairs); i++) {
        const char *at = l->s, *end;
        while ((at = find(l, (size_t)(at - l->s), pairs[i].open))) {
            end = find(l, (size_t)(at - l->s) + 2, pairs[i].close);
            if (!end) {
                say(l, "line %u: %s without %s: cloud-init cannot render it and drops the document",
                    line_of(l, at), pairs[i].open, pairs[i].close);
                return;
            }
            expression(l, at, end);
            at = end + 2;
        }
    }
}

static void jinja(struct lint *l)
{
    const char *at = find(l, 0, "{{");

    if (starts(l, "## template: jinja"))
        template(l);
    else if (at && starts(l, "#cloud-config") && find(l, (size_t)(at - l->s), "ds.meta_data"))
        say(l, "line %u: {{ … }} is rendered only where the first line is ## template: jinja",
            line_of(l, at));
}

static void document(struct lint *l)
{
    header(l);
    words(l);
    jinja(l);
}

/* --- parts of a MIME document --- */

struct parts {
    struct lint *whole;
    unsigned number;
};

static void in_part(const char *text, void *arg)
{
    const struct parts *p = arg;

    say(p->whole, "part %u, %s", p->number, text);
}

static int part(const struct mime_part *is, void *arg, struct err *e)
{
    struct parts *p = arg;
    struct lint l = { is->data, is->len, p->whole->vars, in_part, p, 0 };

    (void)e;
    p->number++;
    if (is->len && !gzip_is(is->data, is->len))
        document(&l);
    return 0;
}

void lint_user_data(const char *data, size_t len, const json_t *vars, lint_fn *fn, void *arg)
{
    struct lint l = { data, len, vars, fn, arg, 0 };
    struct parts parts = { &l, 0 };

    if (!len || gzip_is(data, len))
        return;
    if (mime_is(data, len))
        (void)mime_walk(data, len, part, &parts, NULL); /* what it cannot read it passes over */
    else
        document(&l);
}

void lint_network_config(const char *data, size_t len, lint_fn *fn, void *arg)
{
    struct lint l = { data, len, NULL, fn, arg, 0 };

    words(&l);
}
