/* Help, made from the command table. */
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/wrap.h"

#define NARROWEST 24 /* that words beside a name are wrapped to */

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

/* --- for people: wrapped where a terminal is narrower --- */

static size_t terminal_columns(void)
{
    struct winsize size;

    if (!isatty(STDOUT_FILENO) || ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) < 0 || !size.ws_col)
        return SIZE_MAX;
    return size.ws_col;
}

static void put_wrapped(const char *s, size_t indent)
{
    auto_buf struct buf b = BUF_INIT;
    size_t columns = terminal_columns();

    wrap_text(s, columns < indent + NARROWEST ? SIZE_MAX : columns, indent, &b);
    puts(buf_str(&b));
}

/* A name, blanks up to a column, and from there on what there is to say of it. */
static void put_entry(const char *left, size_t indent, const char *right)
{
    auto_buf struct buf b = BUF_INIT;
    size_t width = wrap_width(left);

    buf_printf(&b, "%s%*s%s", left, (int)(width < indent ? indent - width : 1), "", right);
    put_wrapped(buf_str(&b), indent);
}

static void put_options(const json_t *options)
{
    size_t i;
    json_t *o;

    json_array_foreach(options, i, o)
    {
        const char *letter = out_text(o, "letter"), *value = out_text(o, "value");
        char left[80];
        snprintf(left, sizeof left, "    %s%s%s--%s%s%s", *letter ? "-" : "", letter,
                 *letter ? ", " : "", out_text(o, "name"), *value ? " " : "", value);
        put_entry(left, 31, out_text(o, "help"));
    }
}

static void put_one(const json_t *k)
{
    auto_buf struct buf usage = BUF_INIT;
    size_t n;
    const struct command *rows = commands(&n);

    buf_puts(&usage, "usage: roost ");
    for (size_t i = 0; i < n; i++)
        if (strcmp(rows[i].words, out_text(k, "words")) == 0)
            command_synopsis(&rows[i], &usage);
    put_wrapped(buf_str(&usage), strlen("usage: roost "));
    puts("");
    put_wrapped(out_text(k, "help"), 0);
    if (json_array_size(json_object_get(k, "options"))) {
        puts("\noptions:");
        put_options(json_object_get(k, "options"));
    }
    puts("\noptions of all commands:");
}

static size_t word_len(const json_t *k)
{
    return strcspn(out_text(k, "words"), " ");
}

static bool same_object(const json_t *a, const json_t *b)
{
    return a && b && word_len(a) == word_len(b) &&
           strncmp(out_text(a, "words"), out_text(b, "words"), word_len(a)) == 0;
}

/* Objects stand apart from one another, commands without one together. */
static void put_all(const json_t *list)
{
    bool was_object = false;

    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *k = json_array_get(list, i), *before = i ? json_array_get(list, i - 1) : NULL;
        bool joins = same_object(k, before);
        bool is_object = joins || same_object(k, json_array_get(list, i + 1));
        char left[64];
        if (before && !joins && (is_object || was_object))
            puts("");
        was_object = is_object;
        snprintf(left, sizeof left, "  %s", out_text(k, "words"));
        put_entry(left, 25, out_text(k, "help"));
    }
}

static int print_help(struct cli *c, const json_t *tree, struct err *e)
{
    const json_t *list = json_object_get(tree, "commands");
    bool one = json_array_size(list) == 1;

    (void)c;
    (void)e;
    if (one) {
        put_one(json_array_get(list, 0));
    } else {
        puts("usage: roost [OPTION…] COMMAND …\n");
        put_all(list);
        puts("\noptions:");
    }
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
        return command_unknown(a->operand, a->n, e);
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
