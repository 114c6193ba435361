#include "model/words.h"

#include <string.h>

const struct word *words_at(const struct words *t, size_t i)
{
    return (const void *)((const char *)t->rows + i * t->stride);
}

const struct word *words_find(const struct words *t, const char *name)
{
    for (size_t i = 0; i < t->n; i++)
        if (!strcmp(words_at(t, i)->name, name))
            return words_at(t, i);
    return NULL;
}

int words_read(const struct words *t, void *obj, const json_t *j, const struct spot *at,
               struct err *e)
{
    const char *key;
    json_t *value;
    if (value_object(j, at, e) < 0)
        return -1;
    /* jansson's iterator does not change the object; its prototype only cannot say so. */
    json_object_foreach((json_t *)(uintptr_t)j, key, value)
    {
        const struct word *w = words_find(t, key);
        const struct spot here = spot_key(at, key);
        if (!w)
            return words_unknown(t, key, &here, e);
        if (w->read && w->read(obj, value, &here, e) < 0)
            return -1;
    }
    return 0;
}

#define WORDS_MAX 96

int words_unknown(const struct words *t, const char *name, const struct spot *at, struct err *e)
{
    const char *names[WORDS_MAX] = { NULL };
    size_t n = t->n < WORDS_MAX ? t->n : WORDS_MAX;
    for (size_t i = 0; i < n; i++)
        names[i] = words_at(t, i)->name;
    const char *near = nearest_name(name, names, n);
    if (near)
        return spot_bad(at, e, "unknown word \"%.64s\", did you mean \"%s\"", name, near);

    char list[320] = "";
    size_t len = 0;
    for (size_t i = 0; i < n && len < sizeof(list); i++)
        len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "", names[i]);
    return spot_bad(at, e, "unknown word \"%.64s\"; %s words are: %s", name, t->what, list);
}

json_t *words_emit(const struct words *t, const void *obj)
{
    json_t *out = json_object();
    for (size_t i = 0; out && i < t->n; i++) {
        const struct word *w = words_at(t, i);
        json_t *value = w->emit ? w->emit(obj) : NULL;
        if (value && json_object_set_new(out, w->name, value) < 0) {
            json_decref(out);
            out = NULL;
        }
    }
    return out;
}
