#include "bootstrap/qmp_line.h"

#include <string.h>

static int reply_id(const json_t *root, uint64_t *ret, struct err *e)
{
    const json_t *id = json_object_get(root, "id");
    if (!id) {
        *ret = 0;
        return 0;
    }
    if (!json_is_integer(id) || json_integer_value(id) <= 0)
        return err_set(e, ERR_INVALID, "QMP reply with an id that was never given");
    *ret = (uint64_t)json_integer_value(id);
    return 0;
}

static int classify(struct qmp_line *l, struct err *e)
{
    json_t *error = json_object_get(l->root, "error");
    if (json_object_get(l->root, "QMP")) {
        l->kind = QMP_GREETING;
        return 0;
    }
    if ((l->data = json_object_get(l->root, "return"))) {
        l->kind = QMP_RETURN;
        return reply_id(l->root, &l->id, e);
    }
    if (error) {
        l->kind = QMP_ERROR;
        l->name = json_string_value(json_object_get(error, "desc"));
        if (!l->name)
            return err_set(e, ERR_INVALID, "QMP error without a description");
        return reply_id(l->root, &l->id, e);
    }
    l->kind = QMP_EVENT;
    l->name = json_string_value(json_object_get(l->root, "event"));
    if (!l->name)
        return err_set(e, ERR_INVALID, "QMP line that is neither reply nor event");
    l->data = json_object_get(l->root, "data");
    return 0;
}

int qmp_line_parse(const char *text, size_t len, struct qmp_line *ret, struct err *e)
{
    json_error_t je;
    struct qmp_line l = { .root = json_loadb(text, len, JSON_REJECT_DUPLICATES, &je) };
    if (!l.root)
        return err_set(e, ERR_INVALID, "QMP line is no JSON: %s", je.text);
    if (!json_is_object(l.root)) {
        json_decref(l.root);
        return err_set(e, ERR_INVALID, "QMP line is no JSON object");
    }
    if (classify(&l, e) < 0) {
        json_decref(l.root);
        return -1;
    }
    *ret = l;
    return 0;
}

void qmp_line_done(struct qmp_line *l)
{
    json_decref(l->root);
    *l = (struct qmp_line){ .root = NULL };
}

int qmp_lines(struct buf *in, qmp_line_fn *fn, void *arg, struct err *e)
{
    size_t at = 0;
    int rc = 0;
    while (rc == 0 && at < in->len) {
        const char *start = in->data + at;
        const char *end = memchr(start, '\n', in->len - at);
        size_t len = end ? (size_t)(end - start) : in->len - at;
        if (len > QMP_LINE_MAX) {
            rc = err_set(e, ERR_TOO_BIG, "QMP line of more than %u bytes", QMP_LINE_MAX);
            break;
        }
        if (!end)
            break;
        at += len + 1;
        if (len > 0 && start[len - 1] == '\r')
            len--;
        if (len > 0)
            rc = fn(start, len, arg, e);
    }
    buf_consume(in, at);
    return rc;
}
