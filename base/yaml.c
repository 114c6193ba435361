#include "base/yaml.h"

#include <stdbool.h>
#include <string.h>
#include <yaml.h>

#include "base/cleanup.h"
#include "base/yaml_map.h"
#include "base/yaml_scalar.h"

#define DEPTH_MAX 32

struct reader {
    yaml_parser_t parser;
    const char *text; /* for the line of a reader's error only */
    size_t len;
    const char *file;
    struct yaml_map *map; /* NULL: not wanted */
    int depth;
    struct err *e;
};

static int complain(const struct reader *r, yaml_mark_t at, enum err_kind kind, const char *text)
{
    return err_set(r->e, kind, "%s:%zu:%zu: %s", r->file, at.line + 1, at.column + 1, text);
}

/* libyaml's reader (bad UTF-8, control characters) knows an offset only. */
static yaml_mark_t mark_of_offset(const struct reader *r, size_t offset)
{
    yaml_mark_t at = { 0 };

    for (size_t i = 0; i < offset && i < r->len; i++) {
        at.column++;
        if (r->text[i] == '\n') {
            at.line++;
            at.column = 0;
        }
    }
    return at;
}

static bool is_tab(const struct reader *r, const yaml_mark_t *at)
{
    const char *s = r->text, *end = s + r->len;

    for (size_t line = 0; s && s < end && line < at->line; line++)
        s = memchr(s, '\n', (size_t)(end - s)) ? (const char *)memchr(s, '\n', (size_t)(end - s)) + 1 : end;
    return (size_t)(end - s) > at->column && s[at->column] == '\t';
}

static int complain_parser(const struct reader *r)
{
    const yaml_parser_t *p = &r->parser;
    const char *problem = p->problem ? p->problem : "this is not YAML";
    auto_buf struct buf text = BUF_INIT;

    if (p->error == YAML_MEMORY_ERROR)
        return err_set(r->e, ERR_INTERNAL, "%s: out of memory", r->file);
    if (p->error == YAML_READER_ERROR)
        return complain(r, mark_of_offset(r, p->problem_offset), ERR_INVALID, problem);
    /* YAML 1.2.2 section 6.1: tabs do not indent. libyaml's own words do not speak of them. */
    if (p->error == YAML_SCANNER_ERROR && is_tab(r, &p->problem_mark))
        problem = "a tab stands here: YAML is indented with blanks";
    buf_puts(&text, problem);
    if (p->context)
        buf_printf(&text, " (%s that began in line %zu)", p->context, p->context_mark.line + 1);
    return complain(r, p->problem_mark, ERR_INVALID, buf_str(&text));
}

/* Every event is to be given to yaml_event_delete(), after a failure too. */
static int next_event(struct reader *r, yaml_event_t *ev)
{
    memset(ev, 0, sizeof(*ev));
    return yaml_parser_parse(&r->parser, ev) ? 0 : complain_parser(r);
}

static int no_memory(const struct reader *r)
{
    return err_set(r->e, ERR_INTERNAL, "%s: out of memory", r->file);
}

/* What is being read stands there. */
static int remember(struct reader *r, yaml_mark_t at)
{
    if (yaml_map_mark(r->map, at.line + 1, at.column + 1, r->e) < 0)
        return err_wrap(r->e, "%s", r->file);
    return 0;
}

/* Anchors and tags of any node. */
static int check_properties(struct reader *r, const yaml_event_t *ev, const yaml_char_t *anchor,
                            const yaml_char_t *tag)
{
    if (anchor)
        return complain(r, ev->start_mark, ERR_INVALID,
                        "anchors (&) are not allowed: write the value out");
    if (tag && (ev->type != YAML_SCALAR_EVENT || strcmp((const char *)tag, YAML_STR_TAG) != 0))
        return complain(r, ev->start_mark, ERR_INVALID,
                        "tags (!) other than !!str are not allowed");
    return 0;
}

static int check_scalar(struct reader *r, const yaml_event_t *ev)
{
    const char *s = (const char *)ev->data.scalar.value;

    if (check_properties(r, ev, ev->data.scalar.anchor, ev->data.scalar.tag) < 0)
        return -1;
    if (strlen(s) != ev->data.scalar.length)
        return complain(r, ev->start_mark, ERR_INVALID, "text holds a zero byte");
    return 0;
}

static int read_scalar(struct reader *r, const yaml_event_t *ev, json_t **ret)
{
    const char *s = (const char *)ev->data.scalar.value;
    bool plain = ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !ev->data.scalar.tag;

    if (check_scalar(r, ev) < 0)
        return -1;
    *ret = plain ? yaml_scalar_resolve(s) : json_string(s);
    if (!*ret && plain && yaml_scalar_is_number(s))
        return complain(r, ev->start_mark, ERR_INVALID,
                        "number is out of range: put it in quotes if it is meant as text");
    return *ret ? 0 : no_memory(r);
}

/* --- collections --- */

static int read_node(struct reader *r, const yaml_event_t *ev, json_t **ret);

static int enter(struct reader *r, const yaml_event_t *ev)
{
    if (++r->depth <= DEPTH_MAX)
        return 0;
    return complain(r, ev->start_mark, ERR_TOO_BIG, "nested deeper than 32 levels");
}

static int check_key(struct reader *r, const yaml_event_t *ev, const json_t *object)
{
    auto_buf struct buf text = BUF_INIT;

    if (ev->type != YAML_SCALAR_EVENT)
        return complain(r, ev->start_mark, ERR_INVALID, "a key must be text");
    if (check_scalar(r, ev) < 0)
        return -1;
    const char *key = (const char *)ev->data.scalar.value;
    if (ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && strcmp(key, "<<") == 0)
        return complain(r, ev->start_mark, ERR_INVALID,
                        "merge keys (<<) are not allowed: write the values out");
    if (!json_object_get(object, key))
        return 0;
    buf_printf(&text, "duplicate key \"%.128s\"", key);
    return complain(r, ev->start_mark, ERR_INVALID, buf_str(&text));
}

/* The value of one key; the member's place in the map is that of its key. */
static int read_member(struct reader *r, const yaml_event_t *key_ev, json_t *object)
{
    const char *key = (const char *)key_ev->data.scalar.value;
    size_t was = yaml_map_enter(r->map, key);
    yaml_event_t ev;
    json_t *value = NULL;

    int rc = remember(r, key_ev->start_mark);
    if (rc == 0) {
        rc = next_event(r, &ev);
        if (rc == 0)
            rc = read_node(r, &ev, &value);
        yaml_event_delete(&ev);
    }
    if (rc == 0 && json_object_set_new_nocheck(object, key, value) < 0)
        rc = no_memory(r);
    yaml_map_leave(r->map, was);
    return rc;
}

static int read_mapping(struct reader *r, json_t *object)
{
    for (;;) {
        yaml_event_t ev;
        int rc = next_event(r, &ev);
        bool end = rc == 0 && ev.type == YAML_MAPPING_END_EVENT;
        if (rc == 0 && !end)
            rc = check_key(r, &ev, object);
        if (rc == 0 && !end)
            rc = read_member(r, &ev, object);
        yaml_event_delete(&ev);
        if (rc < 0 || end)
            return rc;
    }
}

static int read_item(struct reader *r, const yaml_event_t *ev, json_t *array)
{
    size_t was = yaml_map_enter_item(r->map, json_array_size(array));
    json_t *value = NULL;

    int rc = remember(r, ev->start_mark);
    if (rc == 0)
        rc = read_node(r, ev, &value);
    if (rc == 0 && json_array_append_new(array, value) < 0)
        rc = no_memory(r);
    yaml_map_leave(r->map, was);
    return rc;
}

static int read_sequence(struct reader *r, json_t *array)
{
    for (;;) {
        yaml_event_t ev;
        int rc = next_event(r, &ev);
        bool end = rc == 0 && ev.type == YAML_SEQUENCE_END_EVENT;
        if (rc == 0 && !end)
            rc = read_item(r, &ev, array);
        yaml_event_delete(&ev);
        if (rc < 0 || end)
            return rc;
    }
}

static int read_collection(struct reader *r, const yaml_event_t *ev, json_t **ret)
{
    bool mapping = ev->type == YAML_MAPPING_START_EVENT;
    const yaml_char_t *anchor =
        mapping ? ev->data.mapping_start.anchor : ev->data.sequence_start.anchor;
    const yaml_char_t *tag = mapping ? ev->data.mapping_start.tag : ev->data.sequence_start.tag;

    if (check_properties(r, ev, anchor, tag) < 0 || enter(r, ev) < 0)
        return -1;
    json_t *value = mapping ? json_object() : json_array();
    if (!value)
        return no_memory(r);
    if ((mapping ? read_mapping(r, value) : read_sequence(r, value)) < 0) {
        json_decref(value);
        return -1;
    }
    r->depth--;
    *ret = value;
    return 0;
}

static int read_node(struct reader *r, const yaml_event_t *ev, json_t **ret)
{
    switch (ev->type) {
    case YAML_SCALAR_EVENT:
        return read_scalar(r, ev, ret);
    case YAML_MAPPING_START_EVENT:
    case YAML_SEQUENCE_START_EVENT:
        return read_collection(r, ev, ret);
    case YAML_ALIAS_EVENT:
        return complain(r, ev->start_mark, ERR_INVALID,
                        "aliases (*) are not allowed: write the value out");
    default:
        return complain(r, ev->start_mark, ERR_INVALID, "a value is missing");
    }
}

/* --- the document --- */

/* Reads one event that must be of this type; another one is a second document. */
static int expect(struct reader *r, yaml_event_type_t type)
{
    yaml_event_t ev;
    int rc = next_event(r, &ev);

    if (rc == 0 && ev.type != type)
        rc = complain(r, ev.start_mark, ERR_INVALID, "more than one document");
    yaml_event_delete(&ev);
    return rc;
}

static bool is_empty(const yaml_event_t *ev)
{
    return ev->type == YAML_SCALAR_EVENT && ev->data.scalar.length == 0 &&
           ev->data.scalar.style == YAML_PLAIN_SCALAR_STYLE && !ev->data.scalar.tag &&
           !ev->data.scalar.anchor;
}

static int read_root(struct reader *r, json_t **ret)
{
    yaml_event_t ev;
    int rc = next_event(r, &ev);

    if (rc == 0)
        rc = remember(r, ev.start_mark);
    if (rc == 0 && is_empty(&ev)) {
        *ret = json_object();
        rc = *ret ? 0 : no_memory(r);
    } else if (rc == 0) {
        rc = read_node(r, &ev, ret);
    }
    yaml_event_delete(&ev);
    return rc;
}

static int read_document(struct reader *r, json_t **ret)
{
    yaml_event_t ev;
    json_t *tree = NULL;

    if (expect(r, YAML_STREAM_START_EVENT) < 0)
        return -1;
    int rc = next_event(r, &ev);
    bool none = rc == 0 && ev.type == YAML_STREAM_END_EVENT;
    if (none)
        rc = remember(r, (yaml_mark_t){ 0 });
    yaml_event_delete(&ev);
    if (rc == 0 && none) {
        *ret = json_object();
        return *ret ? 0 : no_memory(r);
    }
    if (rc == 0)
        rc = read_root(r, &tree);
    if (rc == 0)
        rc = expect(r, YAML_DOCUMENT_END_EVENT);
    if (rc == 0)
        rc = expect(r, YAML_STREAM_END_EVENT);
    if (rc < 0) {
        json_decref(tree);
        return -1;
    }
    *ret = tree;
    return 0;
}

int yaml_read(const char *text, size_t len, const char *file, json_t **ret,
              struct yaml_map **ret_map, struct err *e)
{
    struct reader r = { .text = text, .len = len, .file = file, .e = e };
    json_t *tree = NULL;

    if (ret_map && !(r.map = yaml_map_new()))
        return no_memory(&r);
    if (!yaml_parser_initialize(&r.parser)) {
        yaml_map_free(r.map);
        return no_memory(&r);
    }
    yaml_parser_set_encoding(&r.parser, YAML_UTF8_ENCODING);
    yaml_parser_set_input_string(&r.parser, (const unsigned char *)(text ? text : ""), len);
    int rc = read_document(&r, &tree);
    yaml_parser_delete(&r.parser);
    yaml_map_read(r.map);
    if (rc < 0) {
        yaml_map_free(r.map);
        return -1;
    }
    *ret = tree;
    if (ret_map)
        *ret_map = r.map;
    return 0;
}
