#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "model/words.h"

/* What a value is, for "expected …, got …". */
static const char *describe(const json_t *v, char out[64])
{
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return "a mapping";
    case JSON_ARRAY:
        return "a list";
    case JSON_STRING:
        return "a text";
    case JSON_INTEGER:
        snprintf(out, 64, "the number %" JSON_INTEGER_FORMAT, json_integer_value(v));
        return out;
    case JSON_REAL:
        snprintf(out, 64, "the number %g", json_real_value(v));
        return out;
    case JSON_TRUE:
        return "true";
    case JSON_FALSE:
        return "false";
    case JSON_NULL:
        break;
    }
    return "nothing";
}

static int expected(const char *what, const json_t *v, const struct spot *at, struct err *e)
{
    char got[64];
    return spot_bad(at, e, "expected %s, got %s", what, describe(v, got));
}

int value_object(const json_t *v, const struct spot *at, struct err *e)
{
    return json_is_object(v) ? 0 : expected("a mapping", v, at, e);
}

int value_list(const json_t *v, size_t max, const struct spot *at, struct err *e)
{
    if (!json_is_array(v))
        return expected("a list", v, at, e);
    if (json_array_size(v) > max)
        return spot_err(at, e, ERR_TOO_BIG, "%zu items, at most %zu are allowed",
                        json_array_size(v), max);
    return 0;
}

int value_text(const json_t *v, size_t max, const struct spot *at, const char **ret, struct err *e)
{
    if (json_is_number(v) || json_is_boolean(v)) {
        char got[64];
        return spot_bad(at, e, "expected a string, got %s (put it in quotes)", describe(v, got));
    }
    if (!json_is_string(v))
        return expected("a string", v, at, e);
    const char *s = json_string_value(v);
    size_t len = json_string_length(v);
    if (len > max)
        return spot_err(at, e, ERR_TOO_BIG, "a text of %zu bytes, at most %zu are allowed", len,
                        max);
    if (memchr(s, '\0', len))
        return spot_bad(at, e, "a text with a NUL byte in it");
    *ret = s;
    return 0;
}

int value_ascii(const json_t *v, size_t max, const struct spot *at, const char **ret, struct err *e)
{
    const char *s;
    if (value_text(v, max, at, &s, e) < 0)
        return -1;
    if (!ascii_printable(s, strlen(s)))
        return spot_bad(at, e, "only printable ASCII can stand here, on one line");
    *ret = s;
    return 0;
}

int value_bool(const json_t *v, const struct spot *at, bool *ret, struct err *e)
{
    if (!json_is_boolean(v))
        return expected("true or false", v, at, e);
    *ret = json_is_true(v);
    return 0;
}

int value_int(const json_t *v, int64_t min, int64_t max, const struct spot *at, int64_t *ret,
              struct err *e)
{
    json_int_t n = json_integer_value(v);
    char what[80], got[64];

    if (json_is_integer(v) && n >= min && n <= max) {
        *ret = n;
        return 0;
    }
    if (json_is_integer(v))
        return spot_bad(at, e, "%" JSON_INTEGER_FORMAT " is not from %" PRId64 " to %" PRId64, n,
                        min, max);
    snprintf(what, sizeof what, "a whole number from %" PRId64 " to %" PRId64, min, max);
    if (!json_is_string(v) || !ascii_printable(json_string_value(v), json_string_length(v)))
        return expected(what, v, at, e);
    snprintf(got, sizeof got, "the text \"%.40s\"", json_string_value(v));
    return spot_bad(at, e, "expected %s, got %s", what, got);
}

static int size_bytes(const json_t *v, const struct spot *at, uint64_t *ret, struct err *e)
{
    if (json_is_integer(v)) {
        if (json_integer_value(v) < 0)
            return expected("a size (say 512M or 8G)", v, at, e);
        *ret = (uint64_t)json_integer_value(v);
        return 0;
    }
    const char *s;
    if (!json_is_string(v))
        return expected("a size (say 512M or 8G)", v, at, e);
    if (value_ascii(v, 64, at, &s, e) < 0)
        return -1;
    if (parse_size(s, ret, NULL) < 0)
        return spot_bad(at, e, "\"%s\" is not a size (say 512M or 8G)", s);
    return 0;
}

int value_size(const json_t *v, uint64_t min, const struct spot *at, uint64_t *ret, struct err *e)
{
    uint64_t bytes;
    char is[24], limit[24];
    if (size_bytes(v, at, &bytes, e) < 0)
        return -1;
    if (bytes < min)
        return spot_bad(at, e, "%s is less than %s (say 512M or 8G)", format_size(bytes, is),
                        format_size(min, limit));
    if (bytes > SIZE_VALUE_MAX)
        return spot_bad(at, e, "%s is more than %s", format_size(bytes, is),
                        format_size(SIZE_VALUE_MAX, limit));
    *ret = bytes;
    return 0;
}

#define KINDS_MAX 16

static void list_names(const char *const *names, int n, char *out, size_t size)
{
    size_t len = 0;
    for (int i = 0; i < n && len < size; i++) {
        const char *between = i == 0 ? "" : i == n - 1 ? " or " : ", ";
        len += (size_t)snprintf(out + len, size - len, "%s%s", between, names[i]);
    }
}

int value_kind(const json_t *v, int count, const char *(*name)(unsigned), const struct spot *at,
               int *ret, struct err *e)
{
    const char *s, *names[KINDS_MAX] = { NULL };
    char list[160] = "";
    if (count > KINDS_MAX)
        count = KINDS_MAX;
    for (int i = 0; i < count; i++)
        names[i] = name((unsigned)i);
    list_names(names, count, list, sizeof(list));
    if (!json_is_string(v))
        return expected(list, v, at, e);
    if (value_text(v, 256, at, &s, e) < 0)
        return -1;
    for (int i = 0; i < count; i++) {
        if (!strcmp(names[i], s)) {
            *ret = i;
            return 0;
        }
    }
    const char *near = nearest_name(s, names, (size_t)count);
    if (near)
        return spot_bad(at, e, "\"%.64s\" is not %s, did you mean \"%s\"", s, list, near);
    return spot_bad(at, e, "\"%.64s\" is not %s", s, list);
}

int value_name(const json_t *v, const char *what, const struct spot *at, struct name *ret,
               struct err *e)
{
    const char *s;
    if (value_text(v, 256, at, &s, e) < 0)
        return -1;
    return name_parse(s, what, ret, e) < 0 ? spot_wrap(at, e) : 0;
}

int value_names(const json_t *v, name_check *parse, int max, const struct spot *at,
                struct name *ret, int *ret_n, struct err *e)
{
    auto_free struct name *names = calloc((size_t)max, sizeof(*names));
    size_t n;
    if (!names)
        return spot_err(at, e, ERR_INTERNAL, "out of memory");
    if (value_list(v, (size_t)max, at, e) < 0)
        return -1;
    for (n = 0; n < json_array_size(v); n++) {
        const char *s;
        const struct spot item = spot_item(at, n);
        if (value_text(json_array_get(v, n), 256, &item, &s, e) < 0)
            return -1;
        if (parse(s, &names[n], e) < 0)
            return spot_wrap(&item, e);
        for (size_t i = 0; i < n; i++)
            if (!strcmp(names[i].s, s))
                return spot_bad(&item, e, "\"%s\" is there twice", s);
    }
    memcpy(ret, names, n * sizeof(*names));
    *ret_n = (int)n;
    return 0;
}

json_t *names_emit(const struct name *names, int n)
{
    if (n == 0)
        return NULL;
    json_t *out = json_array();
    for (int i = 0; out && i < n; i++)
        json_array_append_new(out, json_string(names[i].s));
    return out;
}

static json_t *sorted(const json_t *v, int depth);

static int key_compare(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

static json_t *sorted_object(const json_t *v, int depth)
{
    size_t n = 0;
    const char *key;
    json_t *value, *out = json_object();
    auto_free const char **keys = calloc(json_object_size(v) + 1, sizeof(*keys));
    if (!keys || !out)
        goto fail;
    json_object_foreach((json_t *)(uintptr_t)v, key, value)
    {
        keys[n++] = key;
    }
    qsort(keys, n, sizeof(*keys), key_compare);
    for (size_t i = 0; i < n; i++)
        /* set_new fails on a NULL value, so a complaint from below ends up here too. */
        if (json_object_set_new(out, keys[i], sorted(json_object_get(v, keys[i]), depth)) < 0)
            goto fail;
    return out;
fail:
    json_decref(out);
    return NULL;
}

static json_t *sorted_array(const json_t *v, int depth)
{
    json_t *out = json_array();
    for (size_t i = 0; out && i < json_array_size(v); i++) {
        if (json_array_append_new(out, sorted(json_array_get(v, i), depth)) < 0) {
            json_decref(out);
            return NULL;
        }
    }
    return out;
}

#define DEPTH_MAX                                                                                  \
    32 /* as base/yaml.h: what is deeper could not be written as YAML and read back                \
        */

static json_t *sorted(const json_t *v, int depth)
{
    if (depth >= DEPTH_MAX)
        return NULL;
    if (json_is_object(v))
        return sorted_object(v, depth + 1);
    if (json_is_array(v))
        return sorted_array(v, depth + 1);
    if (json_is_string(v) && strlen(json_string_value(v)) != json_string_length(v))
        return NULL;
    return json_copy((json_t *)(uintptr_t)v);
}

json_t *value_sorted(const json_t *v)
{
    return sorted(v, 0);
}

int value_keep(char **field, const char *s, const struct spot *at, struct err *e)
{
    char *copy = strdup(s);
    if (!copy)
        return spot_err(at, e, ERR_INTERNAL, "out of memory");
    free(*field);
    *field = copy;
    return 0;
}
