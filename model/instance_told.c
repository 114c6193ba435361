/* Words of an instance: what it is told at its first boot, and what configures it then. */
#include <stdlib.h>

#include "model/hostvars.h"
#include "model/instance_word.h"

static int read_document(const json_t *v, char **doc, size_t *doc_len, const struct spot *at,
                         struct err *e)
{
    char *bytes;
    size_t len;
    if (value_bytes(v, USER_DATA_MAX, at, &bytes, &len, e) < 0)
        return -1;
    free(*doc);
    *doc = bytes;
    *doc_len = len;
    return 0;
}

READER(user_data)
{
    struct spec *s = obj;
    return read_document(v, &s->user_data, &s->user_data_len, at, e);
}

EMITTER(user_data)
{
    const struct spec *s = obj;
    return s->user_data ? bytes_emit(s->user_data, s->user_data_len) : NULL;
}

READER(vendor_data)
{
    struct spec *s = obj;
    return read_document(v, &s->vendor_data, &s->vendor_data_len, at, e);
}

EMITTER(vendor_data)
{
    const struct spec *s = obj;
    return s->vendor_data ? bytes_emit(s->vendor_data, s->vendor_data_len) : NULL;
}

READER(vars)
{
    struct spec *s = obj;
    json_t *vars = hostvars_merge(s->vars, v, at, e);
    if (!vars)
        return -1;
    json_decref(s->vars);
    s->vars = vars;
    return 0;
}

EMITTER(vars)
{
    const struct spec *s = obj;
    return s->vars && json_object_size(s->vars) > 0 ? json_incref(s->vars) : NULL;
}

READER(playbook)
{
    return value_playbook(v, at, &((struct spec *)obj)->playbook, e);
}

EMITTER(playbook)
{
    const struct spec *s = obj;
    return *s->playbook.s ? json_string(s->playbook.s) : NULL;
}

READER(needs)
{
    struct spec *s = obj;
    return value_needs(v, at, s->needs, &s->n_needs, e);
}

EMITTER(needs)
{
    const struct spec *s = obj;
    return names_emit(s->needs, s->n_needs);
}
