#include "cli/told.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"

#define PLACE_MAX 64

/* "name", or "name-2" where there are several; the length of it at s, 0: another. */
static size_t name_at(const char *s, const char *name)
{
    size_t len = strlen(name), digits;

    if (strncmp(s, name, len) != 0)
        return 0;
    if (s[len] != '-')
        return len;
    digits = strspn(s + len + 1, "0123456789");
    return digits ? len + 1 + digits : 0;
}

/* A word of the fleet form and the ':' behind it; the length of the word, 0: none. */
static size_t word_at(const char *s, char place[PLACE_MAX])
{
    size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyz-");

    if (!len || len >= PLACE_MAX || s[len] != ':' || (s[len + 1] && s[len + 1] != ' '))
        return 0;
    memcpy(place, s, len);
    place[len] = '\0';
    return len;
}

/* Behind "/instances/web1", where that is what it is about: the place, and *ret_text behind it. */
static bool in_tree(const char *text, const char *kind, const char *name, char place[PLACE_MAX],
                    const char **ret_text)
{
    size_t len = strlen(kind), is, n;
    const char *p = text + 1;

    if (*text != '/' || strncmp(p, kind, len) != 0 || strncmp(p + len, "s/", 2) != 0 ||
        !(is = name_at(p + len + 2, name)))
        return false;
    p += len + 2 + is;
    if (*p != '/' && *p != ':')
        return false;
    p += *p == '/';
    n = strcspn(p, ":");
    if (n >= PLACE_MAX || p[n] != ':' || p[n + 1] != ' ')
        return false;
    memcpy(place, p, n);
    place[n] = '\0';
    *ret_text = p + n + 2;
    return true;
}

/* "instance web1: memory: …" */
static bool in_words(const char *text, const char *kind, const char *name, char place[PLACE_MAX],
                     const char **ret_text)
{
    size_t len = strlen(kind), n;
    const char *p = text + len + 1;

    if (strncmp(text, kind, len) != 0 || text[len] != ' ' || !(n = name_at(p, name)) ||
        strncmp(p + n, ": ", 2) != 0)
        return false;
    p += n + 2;
    if (!(n = word_at(p, place)) || p[n + 1] != ' ')
        return false;
    *ret_text = p + n + 2;
    return true;
}

/* What to say, as an option. */
static void put_advice(const char *text, told_option_fn *option, struct buf *out)
{
    static const char *const before[] = { "say ", "or " };
    bool advice = false;

    while (*text) {
        char place[PLACE_MAX];
        size_t n = advice ? word_at(text, place) : 0;
        const char *name = n ? option(place) : NULL;
        if (name) {
            buf_printf(out, "--%s", name);
            text += n + 1;
        }
        advice = false;
        for (size_t i = 0; i < ARRAY_SIZE(before) && !advice; i++) {
            size_t len = strlen(before[i]);
            if (strncmp(text, before[i], len) == 0) {
                buf_put(out, text, len);
                text += len;
                advice = true;
            }
        }
        if (!advice && *text)
            buf_put(out, text++, 1);
    }
}

int told(const char *command, const char *kind, const char *name, told_option_fn *option,
         struct err *e)
{
    const struct err whole = *e;
    char place[PLACE_MAX] = "";
    const char *text = whole.text, *about = NULL, *rest;
    auto_buf struct buf b = BUF_INIT;

    if (in_tree(text, kind, name, place, &rest)) {
        about = option(place);
        text = rest;
    } else if (in_words(text, kind, name, place, &rest) && (about = option(place))) {
        text = rest;
    }
    put_advice(text, option, &b);
    return err_set(e, whole.kind, "%s: %s%s%s%s", command, about ? "--" : "", about ? about : "",
                   about ? ": " : "", buf_check(&b, NULL) < 0 ? text : buf_str(&b));
}
