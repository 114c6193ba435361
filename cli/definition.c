/* roost identity, image, group list. */
#include <stdio.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/out.h"

static const char *text_of(const json_t *v, struct buf *b)
{
    if (json_is_array(v))
        buf_printf(b, "%zu", json_array_size(v));
    else if (json_is_string(v))
        buf_puts(b, json_string_value(v));
    else if (json_is_boolean(v))
        buf_puts(b, json_is_true(v) ? "yes" : "no");
    return buf_str(b);
}

/* One row per definition: its words of these names, lists by their length. */
static int print(struct cli *c, const json_t *tree, const char *const *heads,
                 const char *const *keys, struct err *e)
{
    struct table *t;
    size_t i;
    json_t *row;

    if (!json_array_size(tree)) {
        puts("none");
        return 0;
    }
    t = table_new(c, heads, true);
    json_array_foreach(tree, i, row)
    {
        struct buf b[8] = { BUF_INIT };
        const char *cells[8] = { NULL };
        for (size_t k = 0; keys[k]; k++)
            cells[k] = text_of(json_object_get(row, keys[k]), &b[k]);
        table_row(t, TINT_NONE, cells);
        for (size_t k = 0; keys[k]; k++)
            buf_done(&b[k]);
    }
    return table_print(t, e);
}

static int print_identities(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const heads[] = { "NAME", "KEYS", "PASSWORD", "SUDO", NULL },
                             *const keys[] = { "name", "public-keys", "password-hash", "sudo",
                                               NULL };

    return print(c, tree, heads, keys, e);
}

static int print_images(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const columns[] = { "NAME",     "FORMAT", "SIZE", "ARCH",
                                           "FIRMWARE", "USER",   NULL };
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
        int64_t bytes = out_number(row, "virtual-size");
        char size[24] = "";
        const char *cells[] = { out_text(row, "name"),
                                out_text(row, "format"),
                                bytes > 0 ? format_size((uint64_t)bytes, size) : "",
                                out_text(row, "arch"),
                                out_text(row, "firmware"),
                                out_text(row, "default-user") };
        table_row(t, TINT_NONE, cells);
    }
    return table_print(t, e);
}

int run_identity_list(struct cli *c, const struct args *a, struct err *e)
{
    (void)a;
    return out_tree(c, client_get(cli_client(c, e), "/v1/identities", e), print_identities, e);
}

static int print_groups(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const heads[] = { "NAME", "PLAYBOOK", "TRIGGER", "NEEDS", NULL };
    struct table *t;
    size_t i;
    json_t *row;

    if (!json_array_size(tree)) {
        puts("none");
        return 0;
    }
    t = table_new(c, heads, true);
    json_array_foreach(tree, i, row)
    {
        auto_buf struct buf needs = BUF_INIT;
        out_list(json_object_get(row, "needs"), &needs);
        const char *cells[] = { out_text(row, "name"), out_text(row, "playbook"),
                                out_text(row, "trigger"), buf_str(&needs) };
        table_row(t, TINT_NONE, cells);
    }
    return table_print(t, e);
}

int run_group_list(struct cli *c, const struct args *a, struct err *e)
{
    (void)a;
    return out_tree(c, client_get(cli_client(c, e), "/v1/groups", e), print_groups, e);
}

int run_image_list(struct cli *c, const struct args *a, struct err *e)
{
    (void)a;
    return out_tree(c, client_get(cli_client(c, e), "/v1/images", e), print_images, e);
}
