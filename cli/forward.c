/* roost network forward add, list, remove: published ports, a part of the network's definition. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/network_def.h"
#include "cli/out.h"

static int parse(const char *endpoint, const char *target, struct forward *ret, struct err *e)
{
    char text[160];

    if (snprintf(text, sizeof text, "%s %s", endpoint, target) >= (int)sizeof text)
        return err_set(e, ERR_INVALID, "\"%.40s…\" is no ENDPOINT TARGET", endpoint);
    return forward_parse(text, ret, e);
}

static bool same(const struct forward *a, const struct forward *b)
{
    return forward_compare(a, b) == 0 && strcmp(a->instance.s, b->instance.s) == 0 &&
           a->port == b->port;
}

static bool same_endpoint(const struct endpoint *a, const struct endpoint *b)
{
    return ip_equal(&a->ip, &b->ip) && a->port == b->port;
}

/* --- list --- */

static json_t *forward_json(const struct forward *f)
{
    char at[ENDPOINT_TEXT];

    return json_pack("{s:s, s:s, s:i, s:s}", "endpoint", endpoint_format(&f->at, at), "instance",
                     f->instance.s, "port", f->port, "transport", transport_name(f->transport));
}

static int print_list(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const columns[] = { "ENDPOINT", "TRANSPORT", "INSTANCE", "PORT", NULL };
    struct table *t;
    size_t i;
    json_t *row;

    if (!json_array_size(tree)) {
        puts("none");
        return 0;
    }
    t = table_new(c, columns, true);
    json_array_foreach(tree, i, row)
    {
        char port[24];
        snprintf(port, sizeof port, "%lld", (long long)out_number(row, "port"));
        const char *cells[] = { out_text(row, "endpoint"), out_text(row, "transport"),
                                out_text(row, "instance"), port };
        table_row(t, TINT_NONE, cells);
    }
    return table_print(t, e);
}

int run_forward_list(struct cli *c, const struct args *a, struct err *e)
{
    struct network n;
    json_t *list;

    if (network_def_get(c, a->operand[0], &n, e) < 0)
        return -1;
    list = json_array();
    for (int i = 0; i < n.n_forwards; i++)
        json_array_append_new(list, forward_json(&n.forwards[i]));
    return out_tree(c, list, print_list, e);
}

/* --- changes --- */

/* A network that is down publishes nothing yet; one that is up is changing by now. */
static bool is_down(struct cli *c, const struct network *n)
{
    auto_free char *path = path_network(n->name.s, "");
    json_t *row = path ? client_get(cli_client(c, NULL), path, NULL) : NULL;
    bool down = strcmp(out_text(row, "state"), "down") == 0;

    json_decref(row);
    return down;
}

/* What now stands; `stands`: or what does not any more. Other forms get the answer as it is. */
static int tell(struct cli *c, json_t *answer, const struct network *n, const struct forward *f,
                bool stands, struct err *e)
{
    bool changed = json_is_true(json_object_get(answer, "changed"));
    char at[ENDPOINT_TEXT];

    if (!answer || c->output != OUTPUT_TABLE)
        return out_tree(c, answer, NULL, e);
    print_warnings(answer);
    json_decref(answer);
    printf("%s: %s %s -> %s:%u%s", n->name.s, transport_name(f->transport),
           endpoint_format(&f->at, at), f->instance.s, (unsigned)f->port,
           !stands    ? " is published no more"
           : !changed ? " is published already; nothing changed"
                      : "");
    if (stands && is_down(c, n))
        printf("; to come with: roost network up %s", n->name.s);
    putchar('\n');
    return out_flush(e);
}

static int add(struct network *n, const struct forward *f, struct err *e)
{
    char old[FORWARD_TEXT];
    int at = 0;

    for (int i = 0; i < n->n_forwards; i++) {
        if (same(&n->forwards[i], f))
            return 0;
        if (forward_clashes(&n->forwards[i], f))
            return err_set(e, ERR_CONFLICT,
                           "network %s publishes \"%s\" there already; roost network forward "
                           "remove it first",
                           n->name.s, forward_format(&n->forwards[i], old));
    }
    if (n->kind != NETWORK_SHARED)
        return err_set(e, ERR_INVALID, "network %s is %s, but only shared networks publish ports%s",
                       n->name.s, network_kind_name(n->kind),
                       n->kind == NETWORK_BRIDGED ? ": guests on it can be reached as they are"
                       : n->kind == NETWORK_USER
                           ? ": there each guest has its own, see roost instance modify --forward"
                           : "");
    if (n->n_forwards == NETWORK_FORWARDS_MAX)
        return err_set(e, ERR_TOO_BIG, "network %s publishes %d ports already, more it cannot",
                       n->name.s, NETWORK_FORWARDS_MAX);
    while (at < n->n_forwards && forward_compare(&n->forwards[at], f) < 0)
        at++;
    memmove(&n->forwards[at + 1], &n->forwards[at], sizeof *f * (size_t)(n->n_forwards++ - at));
    n->forwards[at] = *f;
    return 0;
}

int run_forward_add(struct cli *c, const struct args *a, struct err *e)
{
    struct network n;
    struct forward f;
    const char *word;

    if (parse(a->operand[1], a->operand[2], &f, e) < 0 ||
        network_def_get(c, a->operand[0], &n, e) < 0 || add(&n, &f, e) < 0)
        return -1;
    if (network_check(&n, &word, e) < 0)
        return err_wrap(e, "network %s: %s", n.name.s, word);
    return tell(c, network_def_apply(c, &n, false, e), &n, &f, true, e);
}

/* Which one is meant; without a target one transport has to be all that is published there. */
static int find(const struct network *n, const struct forward *f, bool target, struct err *e)
{
    char at[ENDPOINT_TEXT], one[FORWARD_TEXT], two[FORWARD_TEXT];
    int found = -1;

    for (int i = 0; i < n->n_forwards; i++) {
        const struct forward *is = &n->forwards[i];
        if (target ? !same(is, f) : !same_endpoint(&is->at, &f->at))
            continue;
        if (found >= 0)
            return err_set(e, ERR_INVALID, "say which of them: \"%s\" or \"%s\"",
                           forward_format(&n->forwards[found], one), forward_format(is, two));
        found = i;
    }
    if (found < 0)
        return err_set(e, ERR_NOT_FOUND,
                       "network %s does not publish \"%s\"; see roost network forward list %s",
                       n->name.s, target ? forward_format(f, one) : endpoint_format(&f->at, at),
                       n->name.s);
    return found;
}

int run_forward_remove(struct cli *c, const struct args *a, struct err *e)
{
    bool target = a->n == 3;
    struct network n;
    struct forward f;
    int at;

    if (parse(a->operand[1], target ? a->operand[2] : "any:1", &f, e) < 0 ||
        network_def_get(c, a->operand[0], &n, e) < 0 || (at = find(&n, &f, target, e)) < 0)
        return -1;
    f = n.forwards[at];
    memmove(&n.forwards[at], &n.forwards[at + 1], sizeof f * (size_t)(--n.n_forwards - at));
    return tell(c, network_def_apply(c, &n, false, e), &n, &f, false, e);
}
