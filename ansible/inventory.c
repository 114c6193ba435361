#include "ansible/inventory.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "ansible/group.h"
#include "ansible/sshpath.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "base/yaml.h"

#define INVENTORY_MAX (1u << 30)
#define HOST_INDENT   4 /* all, hosts */
#define VAR_INDENT    6

struct inventory {
    struct buf arguments; /* ssh's, behind the alias */
    struct buf ssh_key;   /* as Ansible wants it, empty: none */
    struct buf hosts;
    struct groups *groups;
    struct name last;
};

/* What roost says about a host, whatever its vars say. */
static const char *const own_vars[] = {
    "ansible_host",
    "ansible_host_key_checking",
    "ansible_ssh_common_args",
    "ansible_ssh_private_key_file",
    "roost_image",
    "roost_network",
    "roost_state",
};

/* ---- making one ---- */

static int set_defaults(struct inventory *v, const struct host_defaults *d, struct err *e)
{
    if (sshpath_check(d->known_hosts, e) < 0 || sshpath_check(d->ssh_key, e) < 0)
        return -1;
    if (*d->known_hosts)
        sshpath_option(&v->arguments, "UserKnownHostsFile", d->known_hosts);
    /* Names are never used again by another guest, addresses are. */
    buf_puts(&v->arguments, " -o StrictHostKeyChecking=yes -o CheckHostIP=no");
    if (*d->ssh_key)
        buf_puts(&v->arguments, " -o IdentitiesOnly=yes");
    sshpath_quoted(&v->ssh_key, d->ssh_key); /* Ansible puts it into IdentityFile="…" */
    return buf_check(&v->arguments, e) < 0 ? -1 : buf_check(&v->ssh_key, e);
}

struct inventory *inventory_new(const struct host_defaults *d, struct err *e)
{
    struct inventory *v = calloc(1, sizeof(*v));

    if (!v) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    v->hosts.cap = INVENTORY_MAX;
    if (!(v->groups = groups_new(e)) || set_defaults(v, d, e) < 0) {
        inventory_free(v);
        return NULL;
    }
    return v;
}

void inventory_free(struct inventory *v)
{
    if (!v)
        return;
    buf_done(&v->arguments);
    buf_done(&v->ssh_key);
    buf_done(&v->hosts);
    groups_free(v->groups);
    free(v);
}

/* ---- roost's variables ---- */

/* Jinja needs a brace, or a "#jinja2:" header that names other marks. */
static bool may_be_template(const char *s)
{
    return strpbrk(s, "{#");
}

static int put_text(struct buf *out, const char *name, const char *value, struct err *e)
{
    buf_printf(out, "%*s%s: %s", VAR_INDENT, "", name, may_be_template(value) ? "!unsafe " : "");
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

static int put_text_unless_empty(struct buf *out, const char *name, const char *value,
                                 struct err *e)
{
    return *value ? put_text(out, name, value, e) : 0;
}

static int put_where(struct buf *out, const struct host *h, struct err *e)
{
    char ip[IP_TEXT];

    if (!h->ssh.port || !h->ssh.ip.family) {
        buf_printf(out,
                   "%*s# No address is on record; \"roost events %s\" shows how far it came.\n",
                   VAR_INDENT, "", h->name.s);
        return 0;
    }
    if (put_text(out, "ansible_host", ip_format(&h->ssh.ip, ip), e) < 0)
        return -1;
    if (!json_object_get(h->vars, "ansible_port"))
        buf_printf(out, "%*sansible_port: %u\n", VAR_INDENT, "", (unsigned)h->ssh.port);
    return 0;
}

static int put_how(const struct inventory *v, struct buf *out, const struct host *h, struct err *e)
{
    auto_buf struct buf arguments = BUF_INIT;

    buf_printf(&arguments, "-o HostKeyAlias=%s%s", h->name.s, buf_str(&v->arguments));
    if (buf_check(&arguments, e) < 0)
        return -1;
    if (!json_object_get(h->vars, "ansible_user") &&
        put_text_unless_empty(out, "ansible_user", h->user, e) < 0)
        return -1;
    /* An ansible.cfg that turns checking off would come before the arguments below. */
    buf_printf(out, "%*sansible_host_key_checking: true\n", VAR_INDENT, "");
    if (put_text(out, "ansible_ssh_common_args", buf_str(&arguments), e) < 0)
        return -1;
    return put_text_unless_empty(out, "ansible_ssh_private_key_file", buf_str(&v->ssh_key), e);
}

static int put_what(struct buf *out, const struct host *h, struct err *e)
{
    if (put_text_unless_empty(out, "roost_image", h->image, e) < 0 ||
        put_text_unless_empty(out, "roost_network", h->network, e) < 0)
        return -1;
    return put_text_unless_empty(out, "roost_state", h->state, e);
}

/* ---- the operator's ---- */

static void put_indented(struct buf *out, const struct buf *lines)
{
    const char *s = buf_str(lines);

    for (const char *end; (end = strchr(s, '\n')); s = end + 1) {
        buf_printf(out, "%*s", VAR_INDENT, "");
        buf_put(out, s, (size_t)(end + 1 - s));
    }
    out->failed |= lines->failed;
}

static int put_vars(struct buf *out, const json_t *vars, struct err *e)
{
    auto_buf struct buf text = BUF_INIT;
    json_t *left = vars ? json_copy((json_t *)(uintptr_t)vars) : json_object();
    int r = 0;

    for (size_t i = 0; left && i < ARRAY_SIZE(own_vars); i++)
        if (json_object_del(left, own_vars[i]) == 0)
            buf_printf(out, "%*s# \"%s\" among its vars is left out: it is roost's to say.\n",
                       VAR_INDENT, "", own_vars[i]);
    if (!left)
        r = err_set(e, ERR_INTERNAL, "out of memory");
    else if (json_object_size(left) > 0 && (r = yaml_write(left, &text, e)) == 0)
        put_indented(out, &text);
    json_decref(left);
    return r;
}

/* ---- groups ---- */

static int add_to(struct groups *g, const char *prefix, const char *of, const char *host,
                  struct err *e)
{
    char group[NAME_MAX_LEN + 16];

    if (!*of)
        return 0;
    snprintf(group, sizeof(group), "%s_%s", prefix, of);
    for (char *s = group; (s = strchr(s, '-'));)
        *s = '_'; /* Ansible takes no other mark in a group's name */
    return groups_add(g, GROUP_ROOST, group, host, e);
}

static int add_groups(struct groups *g, const struct host *h, struct err *e)
{
    for (int i = 0; i < h->n_groups; i++)
        if (groups_add(g, GROUP_FLEET, h->groups[i].s, h->name.s, e) < 0)
            return -1;
    if (add_to(g, "image", h->image, h->name.s, e) < 0 ||
        add_to(g, "network", h->network, h->name.s, e) < 0)
        return -1;
    return add_to(g, "state", h->state, h->name.s, e);
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
    if (put_where(out, h, e) < 0 || put_how(v, out, h, e) < 0 || put_what(out, h, e) < 0 ||
        put_vars(out, h->vars, e) < 0 || add_groups(v->groups, h, e) < 0)
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
