/* Help, made from the command table. */
#include <stdio.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/out.h"

static json_t *options_json(const struct option *o)
{
    json_t *list = json_array();

    for (; o && o->name; o++) {
        char letter[2] = { o->letter, '\0' };
        json_array_append_new(list, json_pack("{s:s, s:s, s:s?, s:s}", "name", o->name, "letter",
                                              letter, "value", o->value, "help", o->help));
    }
    return list;
}

static json_t *command_json(const struct command *k)
{
    auto_buf struct buf usage = BUF_INIT;

    command_usage(k, &usage);
    return json_pack("{s:s, s:s, s:b, s:b, s:s, s:o}", "words", k->words, "usage", buf_str(&usage),
                     "read", (k->flags & COMMAND_READ) != 0, "raw", (k->flags & COMMAND_RAW) != 0,
                     "help", k->help, "options", options_json(k->options));
}

/* Is the row meant by the operands: all of its words, or the first of them? */
static bool is_meant(const struct command *k, const struct args *a)
{
    const char *at = k->words;

    for (int i = 0; i < a->n; i++) {
        size_t len = strlen(a->operand[i]);
        if (!*at || strncmp(at, a->operand[i], len) != 0 || (at[len] && at[len] != ' '))
            return false;
        at += at[len] ? len + 1 : len;
    }
    return true;
}

static void put_options(const json_t *options)
{
    size_t i;
    json_t *o;

    json_array_foreach(options, i, o)
    {
        const char *letter = out_text(o, "letter"), *value = out_text(o, "value");
        char left[80];
        snprintf(left, sizeof left, "%s%s--%s%s%s", *letter ? "-" : "", letter, out_text(o, "name"),
                 *value ? " " : "", value);
        if (*letter)
            snprintf(left, sizeof left, "-%s, --%s%s%s", letter, out_text(o, "name"),
                     *value ? " " : "", value);
        /* printf() counts bytes: "…" has two more than it is wide. */
        printf("    %-*s %s\n", strstr(left, "…") ? 28 : 26, left, out_text(o, "help"));
    }
}

static int print_help(struct cli *c, const json_t *tree, struct err *e)
{
    const json_t *list = json_object_get(tree, "commands");
    bool one = json_array_size(list) == 1;
    size_t i;
    json_t *k;

    (void)c;
    (void)e;
    if (!one)
        puts("usage: roost [OPTIONS] COMMAND …\n");
    json_array_foreach(list, i, k)
    {
        if (one)
            printf("usage: roost %s\n\n%s\n", out_text(k, "usage"), out_text(k, "help"));
        else
            printf("  %-22s %s\n", out_text(k, "words"), out_text(k, "help"));
        if (one && json_array_size(json_object_get(k, "options"))) {
            puts("\noptions:");
            put_options(json_object_get(k, "options"));
        }
    }
    puts(one ? "\noptions of all commands:" : "\noptions:");
    put_options(json_object_get(tree, "options"));
    if (!one)
        puts("\nroost help COMMAND says more of one; roost(1) has the rest.");
    return 0;
}

int run_help(struct cli *c, const struct args *a, struct err *e)
{
    json_t *list = json_array(), *tree;
    size_t n;
    const struct command *rows = commands(&n);

    for (size_t i = 0; i < n; i++)
        if (is_meant(&rows[i], a))
            json_array_append_new(list, command_json(&rows[i]));
    if (!json_array_size(list)) {
        json_decref(list);
        return err_set(e, ERR_INVALID, "there is no command \"%s%s%s%s%s\": see roost help",
                       a->operand[0], a->n > 1 ? " " : "", a->n > 1 ? a->operand[1] : "",
                       a->n > 2 ? " " : "", a->n > 2 ? a->operand[2] : "");
    }
    tree = json_pack("{s:o, s:o}", "commands", list, "options", options_json(global_options()));
    return out_tree(c, tree, print_help, e);
}

static int print_version(struct cli *c, const json_t *tree, struct err *e)
{
    (void)c;
    (void)e;
    printf("roost %s\n", out_text(tree, "version"));
    return 0;
}

int run_version(struct cli *c, const struct args *a, struct err *e)
{
    (void)a;
    return out_tree(c, json_pack("{s:s}", "version", ROOST_VERSION), print_version, e);
}
