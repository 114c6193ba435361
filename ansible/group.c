#include "ansible/group.h"

#include <search.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/cleanup.h"

#define GROUP_NAME_SIZE 80 /* "network_" and a name */
#define MEMBERS_MAX     (1u << 30)

struct group {
    char name[GROUP_NAME_SIZE];
    enum group_kind kind;
    bool displaced;     /* roost's group of this name gave way */
    struct buf members; /* names, each with its NUL */
};

struct groups {
    void *tree; /* tsearch(3) */
};

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct group *)a)->name, ((const struct group *)b)->name);
}

struct groups *groups_new(struct err *e)
{
    struct groups *g = calloc(1, sizeof(*g));

    if (!g)
        err_set(e, ERR_INTERNAL, "out of memory");
    return g;
}

static void group_free(void *arg)
{
    struct group *g = arg;

    buf_done(&g->members);
    free(g);
}

void groups_free(struct groups *g)
{
    if (!g)
        return;
    tdestroy(g->tree, group_free);
    free(g);
}

bool groups_empty(const struct groups *g)
{
    return !g->tree;
}

static struct group *group_get(struct groups *g, enum group_kind kind, const char *name)
{
    struct group key, *made;
    struct group *const *node;

    if ((size_t)snprintf(key.name, sizeof(key.name), "%s", name) >= sizeof(key.name))
        return NULL;
    if ((node = tfind(&key, &g->tree, by_name)))
        return *node;
    if (!(made = malloc(sizeof(*made))))
        return NULL;
    *made = (struct group){ .kind = kind, .members = { .cap = MEMBERS_MAX } };
    memcpy(made->name, key.name, sizeof(made->name));
    if (!tsearch(made, &g->tree, by_name)) {
        free(made);
        return NULL;
    }
    return made;
}

int groups_add(struct groups *g, enum group_kind kind, const char *group, const char *host,
               struct err *e)
{
    struct group *it = group_get(g, kind, group);

    if (!it)
        return err_set(e, ERR_INTERNAL, "group %s: out of memory", group);
    if (it->kind != kind) {
        it->displaced = true;
        if (kind == GROUP_ROOST)
            return 0;
        it->kind = kind;
        buf_clear(&it->members);
    }
    buf_put(&it->members, host, strlen(host) + 1);
    return buf_check(&it->members, e);
}

/* ---- a host's ---- */

static int add_to(struct groups *g, const char *prefix, const char *of, const char *host,
                  struct err *e)
{
    char group[NAME_MAX_LEN + 16];

    if (!of || !*of)
        return 0;
    snprintf(group, sizeof(group), "%s_%s", prefix, of);
    for (char *s = group; (s = strchr(s, '-'));)
        *s = '_'; /* Ansible takes no other mark in a group's name */
    return groups_add(g, GROUP_ROOST, group, host, e);
}

int groups_add_host(struct groups *g, const struct host *h, struct err *e)
{
    for (int i = 0; i < h->n_groups; i++)
        if (groups_add(g, GROUP_FLEET, h->groups[i].s, h->name.s, e) < 0)
            return -1;
    if (add_to(g, "image", h->image, h->name.s, e) < 0 ||
        add_to(g, "network", h->network, h->name.s, e) < 0 ||
        add_to(g, "scenario", h->scenario, h->name.s, e) < 0)
        return -1;
    return add_to(g, "state", h->state, h->name.s, e);
}

/* ---- text ---- */

void group_put_key(struct buf *out, int indent, const char *name)
{
    static const char *const words[] = {
        "y", "n", "yes", "no", "on", "off", "true", "false", "null"
    };
    bool quote = *name >= '0' && *name <= '9';

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        quote |= !strcasecmp(words[i], name);
    for (int i = 0; i < indent; i++)
        buf_putc(out, ' ');
    if (quote)
        buf_cat(out, "\"", name, "\":", NULL);
    else
        buf_cat(out, name, ":", NULL);
}

struct putting {
    struct buf *out;
    int indent;
};

static void put_group(const struct group *g, const struct putting *p)
{
    const char *end = buf_str(&g->members) + g->members.len;

    if (g->displaced)
        buf_printf(p->out, "%*s# The fleet's own group; roost's of this name is left out.\n",
                   p->indent, "");
    group_put_key(p->out, p->indent, g->name);
    buf_printf(p->out, "\n%*shosts:\n", p->indent + 2, "");
    for (const char *s = buf_str(&g->members); s < end; s += strlen(s) + 1) {
        group_put_key(p->out, p->indent + 4, s);
        buf_putc(p->out, '\n');
    }
}

static void visit(const void *node, VISIT which, void *arg)
{
    if (which == postorder || which == leaf) /* in order, as tsearch(3) calls it */
        put_group(*(const struct group *const *)node, arg);
}

void groups_put(const struct groups *g, int indent, struct buf *out)
{
    struct putting p = { out, indent };

    twalk_r(g->tree, visit, &p);
}

static void put_json(const struct group *g, struct buf *out)
{
    const char *end = buf_str(&g->members) + g->members.len;

    buf_printf(out, ",\n  \"%s\": {\"hosts\": [", g->name);
    for (const char *s = buf_str(&g->members); s < end; s += strlen(s) + 1)
        buf_cat(out, s > buf_str(&g->members) ? ", \"" : "\"", s, "\"", NULL);
    buf_puts(out, "]}");
}

static void visit_json(const void *node, VISIT which, void *arg)
{
    if (which == postorder || which == leaf)
        put_json(*(const struct group *const *)node, arg);
}

void groups_put_json(const struct groups *g, struct buf *out)
{
    twalk_r(g->tree, visit_json, out);
}
