/* The writing half of base/yaml.h. */
#include <stdbool.h>
#include <string.h>
#include <strings.h>
#include <yaml.h>

#include "base/cleanup.h"
#include "base/yaml.h"

#define DEPTH_MAX 32

struct writer {
    yaml_emitter_t emitter;
    struct buf out;
    struct err *e;
};

static int on_bytes(void *arg, unsigned char *data, size_t len)
{
    struct writer *w = arg;

    buf_put(&w->out, data, len);
    return !w->out.failed;
}

/* Takes the event over, also when it could not be made. */
static int emit(struct writer *w, int made, yaml_event_t *ev)
{
    if (!made)
        return err_set(w->e, ERR_INTERNAL, "YAML: out of memory or text that is not UTF-8");
    if (yaml_emitter_emit(&w->emitter, ev))
        return 0;
    if (buf_check(&w->out, w->e) < 0)
        return -1;
    return err_set(w->e, ERR_INTERNAL, "YAML: %s",
                   w->emitter.problem ? w->emitter.problem : "cannot write");
}

static int emit_text(struct writer *w, const char *s, bool plain)
{
    yaml_scalar_style_t style = plain ? YAML_PLAIN_SCALAR_STYLE : YAML_DOUBLE_QUOTED_SCALAR_STYLE;
    yaml_event_t ev;

    /* plain_implicit off for text: with it, libyaml writes `yes` and `0755` bare when asked for
     * quotes by nothing but their style. */
    return emit(w,
                yaml_scalar_event_initialize(&ev, NULL, NULL, (const yaml_char_t *)s,
                                             (int)strlen(s), plain, !plain, style),
                &ev);
}

/* Bare where YAML 1.1, 1.2 and people all read text: a letter first, and no word that means more.
 */
static bool is_plain_key(const char *s)
{
    static const char *const words[] = {
        "y", "n", "yes", "no", "on", "off", "true", "false", "null"
    };
    static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_";
    static const char more[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ_0123456789.-";

    if (!*s || !strchr(letters, *s) || s[strspn(s, more)] || strlen(s) > 100)
        return false;
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        if (strcasecmp(words[i], s) == 0)
            return false;
    }
    return true;
}

static int emit_string(struct writer *w, const char *s, size_t len, bool key)
{
    if (strlen(s) != len)
        return err_set(w->e, ERR_INVALID, "YAML: text holds a zero byte");
    return emit_text(w, s, key && is_plain_key(s));
}

/* YAML 1.1 takes 1e20 for text: a float there has a point, and its exponent a sign. */
static void put_real(struct buf *b, const char *s)
{
    size_t mantissa = strcspn(s, "eE");

    buf_put(b, s, mantissa);
    if (!memchr(s, '.', mantissa))
        buf_puts(b, ".0");
    if (!s[mantissa])
        return;
    const char *exponent = s + mantissa + 1;
    buf_putc(b, 'e');
    if (*exponent != '-' && *exponent != '+')
        buf_putc(b, '+');
    buf_puts(b, exponent);
}

static int emit_number(struct writer *w, const json_t *v)
{
    auto_free char *s = json_dumps(v, JSON_ENCODE_ANY);
    auto_buf struct buf b = BUF_INIT;

    if (!s)
        return err_set(w->e, ERR_INTERNAL, "YAML: out of memory");
    if (json_is_real(v))
        put_real(&b, s);
    else
        buf_puts(&b, s);
    return buf_check(&b, w->e) < 0 ? -1 : emit_text(w, buf_str(&b), true);
}

static int emit_value(struct writer *w, const json_t *v, int depth);

static int emit_object(struct writer *w, const json_t *v, int depth)
{
    yaml_event_t ev;
    json_t *object = (json_t *)v; /* the iterators are not const-correct; nothing is changed */

    if (emit(w, yaml_mapping_start_event_initialize(&ev, NULL, NULL, 1, YAML_BLOCK_MAPPING_STYLE),
             &ev) < 0)
        return -1;
    for (void *it = json_object_iter(object); it; it = json_object_iter_next(object, it)) {
        const char *key = json_object_iter_key(it);
        if (emit_string(w, key, json_object_iter_key_len(it), true) < 0 ||
            emit_value(w, json_object_iter_value(it), depth + 1) < 0)
            return -1;
    }
    return emit(w, yaml_mapping_end_event_initialize(&ev), &ev);
}

static int emit_array(struct writer *w, const json_t *v, int depth)
{
    yaml_event_t ev;

    if (emit(w, yaml_sequence_start_event_initialize(&ev, NULL, NULL, 1, YAML_BLOCK_SEQUENCE_STYLE),
             &ev) < 0)
        return -1;
    for (size_t i = 0; i < json_array_size(v); i++) {
        if (emit_value(w, json_array_get(v, i), depth + 1) < 0)
            return -1;
    }
    return emit(w, yaml_sequence_end_event_initialize(&ev), &ev);
}

static int emit_value(struct writer *w, const json_t *v, int depth)
{
    bool collection = json_is_object(v) || json_is_array(v);

    if (collection && depth >= DEPTH_MAX)
        return err_set(w->e, ERR_TOO_BIG, "YAML: nested deeper than %d levels", DEPTH_MAX);
    switch (json_typeof(v)) {
    case JSON_OBJECT:
        return emit_object(w, v, depth);
    case JSON_ARRAY:
        return emit_array(w, v, depth);
    case JSON_STRING:
        return emit_string(w, json_string_value(v), json_string_length(v), false);
    case JSON_INTEGER:
    case JSON_REAL:
        return emit_number(w, v);
    case JSON_TRUE:
        return emit_text(w, "true", true);
    case JSON_FALSE:
        return emit_text(w, "false", true);
    case JSON_NULL:
        return emit_text(w, "null", true);
    }
    return err_set(w->e, ERR_INTERNAL, "YAML: a value of no known type");
}

static int emit_document(struct writer *w, const json_t *tree)
{
    yaml_event_t ev;

    if (emit(w, yaml_stream_start_event_initialize(&ev, YAML_UTF8_ENCODING), &ev) < 0 ||
        emit(w, yaml_document_start_event_initialize(&ev, NULL, NULL, NULL, 1), &ev) < 0 ||
        emit_value(w, tree, 0) < 0 || emit(w, yaml_document_end_event_initialize(&ev, 1), &ev) < 0)
        return -1;
    return emit(w, yaml_stream_end_event_initialize(&ev), &ev);
}

int yaml_write(const json_t *tree, struct buf *out, struct err *e)
{
    struct writer w = { .out = { .cap = out->cap }, .e = e };

    if (!yaml_emitter_initialize(&w.emitter))
        return err_set(e, ERR_INTERNAL, "YAML: out of memory");
    yaml_emitter_set_output(&w.emitter, on_bytes, &w);
    yaml_emitter_set_unicode(&w.emitter, 1);
    yaml_emitter_set_width(&w.emitter, -1); /* no folded lines */
    int rc = emit_document(&w, tree);
    yaml_emitter_delete(&w.emitter);
    if (rc == 0) {
        buf_put(out, w.out.data, w.out.len);
        rc = buf_check(out, e);
    }
    buf_done(&w.out);
    return rc;
}
