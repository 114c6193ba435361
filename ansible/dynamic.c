#include "ansible/dynamic.h"

#include <stdlib.h>
#include <string.h>

#include "ansible/group.h"
#include "ansible/hostvar.h"
#include "base/cleanup.h"

#define DYNAMIC_MAX (1u << 30)

struct dynamic {
    struct hostvars *hostvars;
    struct buf hosts, names; /* members of "hostvars"; elements of all's "hosts" */
    struct groups *groups;
    struct name last;
};

struct dynamic *dynamic_new(const struct host_defaults *d, struct err *e)
{
    struct dynamic *v = calloc(1, sizeof(*v));

    if (!v) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    v->hosts.cap = v->names.cap = DYNAMIC_MAX;
    if (!(v->groups = groups_new(e)) || !(v->hostvars = hostvars_new(d, e))) {
        dynamic_free(v);
        return NULL;
    }
    return v;
}

void dynamic_free(struct dynamic *v)
{
    if (!v)
        return;
    hostvars_free(v->hostvars);
    groups_free(v->groups);
    buf_done(&v->hosts);
    buf_done(&v->names);
    free(v);
}

/* ---- a host ---- */

static void put_key(struct buf *out, const char *name)
{
    if (out->data[out->len - 1] != '{')
        buf_puts(out, ", ");
    buf_json(out, name, strlen(name));
    buf_puts(out, ": ");
}

static int put_var(const struct hostvar *var, void *arg, struct err *e)
{
    struct buf *out = arg;

    put_key(out, var->name);
    if (var->kind == HOSTVAR_TRUE)
        buf_puts(out, "true");
    else if (var->kind == HOSTVAR_NUMBER)
        buf_printf(out, "%u", var->number);
    else {
        bool unsafe = hostvar_may_be_template(var->text);
        buf_puts(out, unsafe ? "{\"__ansible_unsafe\": " : "");
        buf_json(out, var->text, strlen(var->text));
        buf_puts(out, unsafe ? "}" : "");
    }
    return buf_check(out, e);
}

static int put_theirs(struct buf *out, const struct host *h, struct err *e)
{
    json_t *theirs = hostvars_theirs(h, NULL, NULL), *value;
    const char *name;

    if (!theirs)
        return err_set(e, ERR_INTERNAL, "out of memory");
    json_object_foreach(theirs, name, value)
    {
        auto_free char *text = json_dumps(value, JSON_ENCODE_ANY | JSON_COMPACT);
        put_key(out, name);
        if (text)
            buf_puts(out, text);
        else
            out->failed = true;
    }
    json_decref(theirs);
    return buf_check(out, e);
}

int dynamic_add(struct dynamic *v, const struct host *h, struct err *e)
{
    struct buf *out = &v->hosts;

    if (strcmp(v->last.s, h->name.s) >= 0)
        return err_set(e, ERR_INTERNAL, "inventory: %s comes after %s", h->name.s, v->last.s);
    v->last = h->name;
    buf_cat(out, out->len ? ",\n      \"" : "\n      \"", h->name.s, "\": {", NULL);
    buf_cat(&v->names, v->names.len ? ",\n      \"" : "\n      \"", h->name.s, "\"", NULL);
    if (buf_check(out, e) < 0 || hostvars_walk(v->hostvars, h, put_var, out, e) < 0 ||
        put_theirs(out, h, e) < 0 || groups_add_host(v->groups, h, e) < 0)
        return err_wrap(e, "instance %s", h->name.s);
    buf_putc(out, '}');
    return buf_check(out, e) < 0 ? -1 : buf_check(&v->names, e);
}

/* ---- the document ---- */

static void put_list(struct buf *out, const struct buf *list, const char *end)
{
    buf_putc(out, '[');
    buf_put(out, buf_str(list), list->len);
    buf_puts(out, list->len ? "\n    ]" : "]");
    buf_puts(out, end);
}

static void put_document(const struct dynamic *v, struct buf *out)
{
    buf_puts(out, "{\n  \"_meta\": {\n    \"hostvars\": {");
    buf_put(out, buf_str(&v->hosts), v->hosts.len);
    buf_puts(out, v->hosts.len ? "\n    }\n  },\n" : "}\n  },\n");
    buf_puts(out, "  \"all\": {\n    \"hosts\": ");
    put_list(out, &v->names, "\n  }");
    groups_put_json(v->groups, out);
    buf_puts(out, "\n}\n");
}

int dynamic_finish(struct dynamic *v, struct buf *out, struct err *e)
{
    int r = buf_check(&v->hosts, e);

    if (r == 0) {
        put_document(v, out);
        r = buf_check(out, e);
    }
    dynamic_free(v);
    return r;
}
