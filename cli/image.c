/* roost image create, show, gc. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/inline.h"
#include "cli/out.h"
#include "cli/task.h"
#include "cli/told.h"
#include "model/image.h"

/* --- create --- */

/* Options and the words of the fleet file that they are. */
static const struct {
    const char *option, *word;
    bool number;
} table[] = {
    { "predefined", "predefined", false },
    { "url", "url", false },
    { "file", "file", false },
    { "kernel", "kernel", false },
    { "initrd", "initrd", false },
    { "cmdline", "cmdline", false },
    { "checksum", "checksum", false },
    { "arch", "arch", false },
    { "firmware", "firmware", false },
    { "default-user", "default-user", false },
    { "min-cpu", "min-cpus", true },
    { "min-ram", "min-memory", false },
    { "min-disk", "min-disk", false },
};

static int set_words(const struct args *a, json_t *words, struct err *e)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        const char *s = args_option(a, table[i].option);
        if (!s)
            continue;
        if (json_object_set_new(words, table[i].word,
                                table[i].number ? args_whole(a, table[i].option) : json_string(s)))
            return err_set(e, ERR_INVALID, "--%s: not UTF-8", table[i].option);
    }
    return 0;
}

static const char *option_of(const char *place)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (strcmp(table[i].word, place) == 0)
            return table[i].option;
    return NULL;
}

/* Paths become absolute, and what is wrong is said in the words that were typed. */
static int check(const char *name, json_t *words, struct err *e)
{
    json_t *tree = json_pack("{s:{s:O}}", "images", name, words);
    auto_free char *here = getcwd(NULL, 0);
    struct image_source source;
    struct image image;
    int r;

    if (!here)
        r = err_sys(e, "current directory");
    else if ((r = fleet_inline(tree, NULL, NULL, here, e)) == 0 &&
             (r = image_from_json(name, words, &image, &source, e)) == 0)
        image_source_done(&source);
    json_decref(tree);
    return r < 0 ? told("image create", "image", name, option_of, e) : 0;
}

static int print_created(struct cli *c, const json_t *tree, struct err *e)
{
    (void)c;
    (void)e;
    printf("image %s is made\n", out_text(tree, "object"));
    return 0;
}

static int print_begun(struct cli *c, const json_t *tree, struct err *e)
{
    (void)c;
    (void)e;
    printf("image %s is being made: roost task wait %" PRId64 "\n", out_text(tree, "object"),
           out_number(tree, "id"));
    return 0;
}

/* Where its bytes come from: one of them. */
static int check_source(const struct args *a, struct err *e)
{
    static const char *const sources[] = { "predefined", "url", "file" };
    const char *first = NULL;

    for (size_t i = 0; i < ARRAY_SIZE(sources); i++) {
        if (!args_option(a, sources[i]))
            continue;
        if (first)
            return err_set(e, ERR_INVALID, "image create: --%s and --%s: one of them is enough",
                           first, sources[i]);
        first = sources[i];
    }
    if (first || args_option(a, "kernel"))
        return 0;
    return err_set(e, ERR_INVALID,
                   "image create: say where from: --predefined NAME (roost image catalogue has them), "
                   "--url URL or --file FILE");
}

static json_t *create(struct cli *c, const struct args *a, struct err *e)
{
    const char *name = a->operand[0];
    json_t *words, *task = NULL;
    struct client *client;

    if (check_source(a, e) < 0)
        return NULL;
    words = json_object();
    if (set_words(a, words, e) == 0 && check(name, words, e) == 0 && (client = cli_client(c, e))) {
        json_object_set_new(words, "name", json_string(name));
        task = client_send(client, "POST", "/v1/images", words, e);
    }
    json_decref(words);
    return task;
}

int run_image_create(struct cli *c, const struct args *a, struct err *e)
{
    bool quiet = args_option(a, "quiet") != NULL || c->output != OUTPUT_TABLE;
    json_t *task = create(c, a, e), *end;

    if (!task)
        return -1;
    print_warnings(task);
    json_object_del(task, "warnings");
    if (args_option(a, "no-wait"))
        return out_tree(c, task, print_begun, e);
    end = task_follow(c, task, quiet, e);
    json_decref(task);
    return out_tree(c, end, print_created, e);
}

/* --- show --- */

static void put_value(const char *key, const json_t *v, struct buf *out)
{
    static const char *const sizes[] = { "virtual-size", "size-on-disk", "min-memory", "min-disk" };
    char size[24];

    if (json_is_string(v))
        buf_puts(out, json_string_value(v));
    else if (json_is_boolean(v))
        buf_puts(out, json_is_true(v) ? "yes" : "no");
    else if (json_is_integer(v)) {
        for (size_t i = 0; i < ARRAY_SIZE(sizes); i++)
            if (strcmp(sizes[i], key) == 0) {
                buf_puts(out, format_size((uint64_t)json_integer_value(v), size));
                return;
            }
        buf_printf(out, "%" JSON_INTEGER_FORMAT, json_integer_value(v));
    }
}

static int print_show(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const columns[] = { "", "", NULL };
    static const char *const keys[] = { "name",     "format",    "virtual-size", "size-on-disk",
                                        "arch",     "firmware",  "default-user", "kernel",
                                        "initrd",   "cmdline",   "min-cpus",     "min-memory",
                                        "min-disk", "instances", "sha256",       "path" };
    const json_t *source = json_object_get(tree, "source");
    struct table *t = table_new(c, columns, false);
    const char *key;
    json_t *v;

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        auto_buf struct buf b = BUF_INIT;
        put_value(keys[i], json_object_get(tree, keys[i]), &b);
        const char *cells[] = { keys[i], buf_str(&b) };
        if (b.len)
            table_row(t, TINT_NONE, cells);
    }
    json_object_foreach((json_t *)source, key, v)
    {
        char from[64];
        snprintf(from, sizeof from, "from %s", key);
        if (json_is_string(v))
            table_row(t, TINT_NONE, (const char *[]){ from, json_string_value(v) });
    }
    return table_print(t, e);
}

int run_image_show(struct cli *c, const struct args *a, struct err *e)
{
    auto_free char *path = path_image(a->operand[0], "");

    return out_tree(c, client_get(cli_client(c, e), path, e), print_show, e);
}

/* --- catalogue --- */

static int print_catalogue(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const columns[] = { "NAME", "TITLE", "ARCH", "FIRMWARE", "USER", NULL };
    struct table *t = table_new(c, columns, true);
    size_t i;
    json_t *row;

    json_array_foreach(tree, i, row)
    {
        bool amd64 = json_object_get(row, "amd64"), arm64 = json_object_get(row, "arm64");
        const char *cells[] = { out_text(row, "name"), out_text(row, "title"),
                                amd64 && arm64 ? "amd64, arm64"
                                : amd64        ? "amd64"
                                               : "arm64",
                                out_text(row, "firmware"), out_text(row, "default-user") };
        table_row(t, TINT_NONE, cells);
    }
    return table_print(t, e);
}

int run_image_catalogue(struct cli *c, const struct args *a, struct err *e)
{
    (void)a;
    return out_tree(c, client_get(cli_client(c, e), "/v1/catalogue", e), print_catalogue, e);
}

/* --- gc --- */

static int put_gc(const json_t *tree, const char *did)
{
    static const char *const words[] = { "leftovers", "images" };
    json_t *name;
    size_t n = 0, k;

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        json_array_foreach(json_object_get(tree, words[i]), k, name)
        {
            printf("%s%s%s\n", json_string_value(name), i ? "" : " (left of an image)", did);
            n++;
        }
    if (!n)
        puts("nothing to remove");
    return 0;
}

static int print_gc(struct cli *c, const json_t *tree, struct err *e)
{
    (void)c;
    (void)e;
    return put_gc(tree, " removed");
}

static int print_gc_checked(struct cli *c, const json_t *tree, struct err *e)
{
    (void)c;
    (void)e;
    return put_gc(tree, " would be removed; nothing was changed (--dry-run)");
}

int run_image_gc(struct cli *c, const struct args *a, struct err *e)
{
    struct client *client = cli_client(c, e);
    json_t *body = json_pack("{s:b, s:b}", "unused", args_option(a, "unused") != NULL, "dry-run",
                             args_option(a, "dry-run") != NULL);
    json_t *result = client ? client_send(client, "POST", "/v1/image-gc", body, e) : NULL;

    json_decref(body);
    return out_tree(c, result, args_option(a, "dry-run") ? print_gc_checked : print_gc, e);
}
