#include "base/yaml_map.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* Pointer -> line << COLUMN_BITS | column, in jansson's seeded hash: look-ups stay fast, and a
 * document made of colliding keys does not change that. */
#define COLUMN_BITS 20
struct yaml_map {
    json_t *marks;
    struct buf pointer; /* the cursor: of the value being read */
};

struct yaml_map *yaml_map_new(void)
{
    struct yaml_map *m = calloc(1, sizeof(*m));

    if (m)
        m->marks = json_object();
    if (m && !m->marks) {
        free(m);
        return NULL;
    }
    return m;
}

void yaml_map_free(struct yaml_map *m)
{
    if (!m)
        return;
    json_decref(m->marks);
    buf_done(&m->pointer);
    free(m);
}

int yaml_map_line(const struct yaml_map *m, const char *pointer, int *ret_column)
{
    if (!m)
        return 0;
    auto_free char *key = strdup(pointer);
    const json_t *mark = key ? json_object_get(m->marks, key) : NULL;
    for (char *cut; key && !mark && (cut = strrchr(key, '/'));) {
        *cut = '\0';
        mark = json_object_get(m->marks, key);
    }
    json_int_t v = json_integer_value(mark ? mark : json_object_get(m->marks, ""));
    if (ret_column)
        *ret_column = (int)(v & ((1 << COLUMN_BITS) - 1));
    return (int)(v >> COLUMN_BITS);
}

/* RFC 6901 section 3: "~" is "~0", "/" is "~1". */
size_t yaml_map_enter(struct yaml_map *m, const char *key)
{
    if (!m)
        return 0;
    size_t was = m->pointer.len;
    buf_putc(&m->pointer, '/');
    for (; *key; key++) {
        if (*key == '~' || *key == '/')
            buf_puts(&m->pointer, *key == '~' ? "~0" : "~1");
        else
            buf_putc(&m->pointer, *key);
    }
    return was;
}

size_t yaml_map_enter_item(struct yaml_map *m, size_t i)
{
    if (!m)
        return 0;
    size_t was = m->pointer.len;
    buf_printf(&m->pointer, "/%zu", i);
    return was;
}

void yaml_map_leave(struct yaml_map *m, size_t was)
{
    if (!m || m->pointer.failed || !m->pointer.data)
        return;
    m->pointer.len = was;
    m->pointer.data[was] = '\0';
}

int yaml_map_mark(struct yaml_map *m, size_t line, size_t column, struct err *e)
{
    size_t most = (1 << COLUMN_BITS) - 1;

    if (!m)
        return 0;
    if (column > most)
        column = most;
    if (buf_check(&m->pointer, e) < 0)
        return -1;
    if (json_object_set_new_nocheck(
            m->marks, buf_str(&m->pointer),
            json_integer((json_int_t)line << COLUMN_BITS | (json_int_t)column)) < 0)
        return err_set(e, ERR_INTERNAL, "out of memory");
    return 0;
}

void yaml_map_read(struct yaml_map *m)
{
    if (m)
        buf_done(&m->pointer);
}
