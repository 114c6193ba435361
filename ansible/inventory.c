#include "ansible/inventory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ansible/group.h"
#include "ansible/hostvar.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "base/yaml.h"

#define INVENTORY_MAX (1u << 30)
#define HOST_INDENT   4 /* all, hosts */
#define VAR_INDENT    ((int)sizeof INDENT - 1)
#define INDENT        "      "

struct inventory {
    struct hostvars *hostvars;
    struct buf hosts;
    struct groups *groups;
    struct name last;
};

/* ---- making one ---- */

struct inventory *inventory_new(const struct host_defaults *d, struct err *e)
{
    struct inventory *v = calloc(1, sizeof(*v));

    if (!v) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    v->hosts.cap = INVENTORY_MAX;
    if (!(v->groups = groups_new(e)) || !(v->hostvars = hostvars_new(d, e))) {
        inventory_free(v);
        return NULL;
    }
    return v;
}

void inventory_free(struct inventory *v)
{
    if (!v)
        return;
    hostvars_free(v->hostvars);
    buf_done(&v->hosts);
    groups_free(v->groups);
    free(v);
}

/* ---- roost's variables ---- */

/* By hand: these are most of what is written for a host. */
static void put_key(struct buf *out, const char *name)
{
    buf_puts(out, INDENT);
    buf_puts(out, name);
    buf_puts(out, ": ");
}

static int put_text(struct buf *out, const char *name, const char *value, struct err *e)
{
    put_key(out, name);
    buf_puts(out, hostvar_may_be_template(value) ? "!unsafe " : "");
    if (ascii_printable(value, strlen(value))) {
        buf_json(out, value, strlen(value));
        buf_putc(out, '\n');
        return buf_check(out, e);
    }
    json_t *j = json_string(value);
    int r = j ? yaml_write(j, out, e) : err_set(e, ERR_INVALID, "%s is not UTF-8", name);
    json_decref(j);
    return r;
}

static int put_var(const struct hostvar *v, void *arg, struct err *e)
{
    struct buf *out = arg;

    if (v->kind == HOSTVAR_TEXT)
        return put_text(out, v->name, v->text, e);
    put_key(out, v->name);
    if (v->kind == HOSTVAR_NUMBER)
        buf_printf(out, "%u\n", v->number);
    else
        buf_puts(out, "true\n");
    return 0;
}

static int put_own(const struct inventory *v, struct buf *out, const struct host *h, struct err *e)
{
    if (!host_is_found(h))
        buf_printf(out,
                   "%*s# No address is on record; \"roost events %s\" shows how far it came.\n",
                   VAR_INDENT, "", h->name.s);
    return hostvars_walk(v->hostvars, h, put_var, out, e);
}

/* ---- the operator's ---- */

static void put_indented(struct buf *out, const struct buf *lines)
{
    const char *s = buf_str(lines);

    for (const char *end; (end = strchr(s, '\n')); s = end + 1) {
        buf_puts(out, INDENT);
        buf_put(out, s, (size_t)(end + 1 - s));
    }
    out->failed |= lines->failed;
}

static void put_left_out(const char *name, void *arg)
{
    buf_printf(arg, "%*s# \"%s\" among its vars is left out: it is roost's to say.\n", VAR_INDENT,
               "", name);
}

static int put_theirs(struct buf *out, const struct host *h, struct err *e)
{
    auto_buf struct buf text = BUF_INIT;
    json_t *theirs = hostvars_theirs(h, put_left_out, out);
    int r = 0;

    if (!theirs)
        r = err_set(e, ERR_INTERNAL, "out of memory");
    else if (json_object_size(theirs) > 0 && (r = yaml_write(theirs, &text, e)) == 0)
        put_indented(out, &text);
    json_decref(theirs);
    return r;
}

/* ---- the document ---- */

int inventory_add(struct inventory *v, const struct host *h, struct err *e)
{
    struct buf *out = &v->hosts;

    if (strcmp(v->last.s, h->name.s) >= 0)
        return err_set(e, ERR_INTERNAL, "inventory: %s comes after %s", h->name.s, v->last.s);
    v->last = h->name;
    group_put_key(out, HOST_INDENT, h->name.s);
    buf_putc(out, '\n');
    if (put_own(v, out, h, e) < 0 || put_theirs(out, h, e) < 0 ||
        groups_add_host(v->groups, h, e) < 0)
        return err_wrap(e, "instance %s", h->name.s);
    return buf_check(out, e);
}

static void put_document(const struct inventory *v, struct buf *out)
{
    host_banner(out, "Ansible inventory");
    buf_puts(out, v->hosts.len ? "all:\n  hosts:\n" : "all:\n  hosts: {}\n");
    buf_put(out, buf_str(&v->hosts), v->hosts.len);
    buf_puts(out, groups_empty(v->groups) ? "  children: {}\n" : "  children:\n");
    groups_put(v->groups, HOST_INDENT, out);
}

int inventory_finish(struct inventory *v, struct buf *out, struct err *e)
{
    int r = buf_check(&v->hosts, e);

    if (r == 0) {
        put_document(v, out);
        r = buf_check(out, e);
    }
    inventory_free(v);
    return r;
}
