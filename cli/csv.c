#include "cli/csv.h"

#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"

/* RFC 4180 section 2: quoted where a field has a comma, a quote or a line break in it. */
static void put_field(const char *s, struct buf *out)
{
    if (!strpbrk(s, ",\"\r\n")) {
        buf_puts(out, s);
        return;
    }
    buf_putc(out, '"');
    for (; *s; s++) {
        if (*s == '"')
            buf_putc(out, '"');
        buf_putc(out, *s);
    }
    buf_putc(out, '"');
}

static void put_scalar(const json_t *v, struct buf *out)
{
    if (json_is_string(v))
        buf_puts(out, json_string_value(v));
    else if (json_is_integer(v))
        buf_printf(out, "%lld", (long long)json_integer_value(v));
    else if (json_is_real(v))
        buf_printf(out, "%g", json_real_value(v));
    else if (json_is_boolean(v))
        buf_puts(out, json_is_true(v) ? "true" : "false");
}

static void put_value(const json_t *v, struct buf *out)
{
    auto_buf struct buf b = BUF_INIT;
    size_t i;
    json_t *item;

    if (!json_is_array(v))
        put_scalar(v, &b);
    json_array_foreach(v, i, item)
    {
        buf_puts(&b, i ? " " : "");
        put_scalar(item, &b);
    }
    put_field(buf_str(&b), out);
}

/* The rows of a tree; a new reference. */
static json_t *rows_of(const json_t *tree, const char *form, struct err *e)
{
    json_t *rows = json_is_object(tree) ? json_pack("[O]", tree) : json_incref((json_t *)tree),
           *row;
    size_t i;
    bool good = json_is_array(rows);

    json_array_foreach(rows, i, row) good = good && json_is_object(row);
    if (good)
        return rows;
    json_decref(rows);
    err_set(e, ERR_INVALID, "--output %s: this is no list; json and yaml show it", form);
    return NULL;
}

static json_t *heading(const json_t *rows)
{
    json_t *keys = json_object(), *row, *v;
    const char *key;
    size_t i;

    /* Whatever the order on record, a row says first what it is about. */
    json_array_foreach(rows, i, row) if (json_object_get(row, "name"))
        json_object_set_new(keys, "name", json_true());
    json_array_foreach(rows, i, row)
    {
        json_object_foreach(row, key, v) if (!json_is_object(v))
            json_object_set_new(keys, key, json_true());
    }
    return keys;
}

int csv_put(const json_t *tree, struct buf *out, struct err *e)
{
    json_t *rows = rows_of(tree, "csv", e), *keys, *row, *v;
    const char *key, *comma = "";
    size_t i;

    if (!rows)
        return -1;
    keys = heading(rows);
    json_object_foreach(keys, key, v)
    {
        buf_puts(out, comma);
        put_field(key, out);
        comma = ",";
    }
    buf_puts(out, json_object_size(keys) ? "\r\n" : "");
    json_array_foreach(rows, i, row)
    {
        comma = "";
        json_object_foreach(keys, key, v)
        {
            buf_puts(out, comma);
            put_value(json_object_get(row, key), out);
            comma = ",";
        }
        buf_puts(out, "\r\n");
    }
    json_decref(keys);
    json_decref(rows);
    return buf_check(out, e);
}

int names_put(const json_t *tree, struct buf *out, struct err *e)
{
    json_t *rows = rows_of(tree, "name", e), *row;
    int r = rows ? 0 : -1;
    size_t i;

    json_array_foreach(rows, i, row)
    {
        const char *name = json_string_value(json_object_get(row, "name"));
        if (r == 0 && !name)
            r = err_set(e, ERR_INVALID, "--output name: these have none; csv and json show them");
        if (r == 0)
            buf_printf(out, "%s\n", name);
    }
    json_decref(rows);
    return r < 0 ? -1 : buf_check(out, e);
}
