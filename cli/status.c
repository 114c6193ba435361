/* roost status, check, paths. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/out.h"

static void put(struct table *t, enum tint tint, const char *left, const char *right)
{
    const char *cells[] = { left, right };

    table_row(t, tint, cells);
}

static void put_instances(struct table *t, const json_t *tree)
{
    auto_buf struct buf b = BUF_INIT;
    const char *state, *comma = ": ";
    json_t *n;

    buf_printf(&b, "%lld", (long long)out_number(tree, "instances"));
    json_object_foreach(json_object_get(tree, "by-state"), state, n)
    {
        buf_printf(&b, "%s%lld %s", comma, (long long)json_integer_value(n), state);
        comma = ", ";
    }
    put(t, TINT_NONE, "instances", buf_str(&b));
}

static void put_autostart(struct table *t, const json_t *autostart)
{
    auto_buf struct buf b = BUF_INIT;
    int64_t waiting = out_number(autostart, "waiting");

    if (!waiting)
        return;
    buf_printf(&b, "%lld wait%s for %s turn to start, %lld boot%s", (long long)waiting,
               waiting == 1 ? "s" : "", waiting == 1 ? "its" : "their",
               (long long)out_number(autostart, "booting"),
               out_number(autostart, "booting") == 1 ? "s" : "");
    put(t, TINT_WARN, "autostart", buf_str(&b));
}

static void put_accelerator(struct table *t, const json_t *accel)
{
    auto_buf struct buf b = BUF_INIT;

    buf_puts(&b, out_text(accel, "name"));
    if (*out_text(accel, "reason"))
        buf_printf(&b, ": %s", out_text(accel, "reason"));
    if (*out_text(accel, "qemu"))
        buf_printf(&b, " (QEMU %s)", out_text(accel, "qemu"));
    put(t, TINT_NONE, "accelerator", buf_str(&b));
}

static void put_memory(struct table *t, const json_t *memory)
{
    char guests[24], limit[24], available[24];
    auto_buf struct buf b = BUF_INIT;

    if (!json_is_object(memory))
        return;
    buf_printf(&b, "guests have %s of %s, %s are free",
               format_size((uint64_t)out_number(memory, "guests"), guests),
               format_size((uint64_t)out_number(memory, "limit"), limit),
               format_size((uint64_t)out_number(memory, "available"), available));
    put(t, TINT_NONE, "memory", buf_str(&b));
}

static void put_trash(struct table *t, const json_t *trash)
{
    auto_buf struct buf b = BUF_INIT;
    int64_t n = out_number(trash, "instances");
    char size[24];

    if (!n)
        return;
    buf_printf(&b, "%lld instance%s with %s; roost instance trash list", (long long)n,
               n == 1 ? "" : "s", format_size((uint64_t)out_number(trash, "bytes"), size));
    put(t, TINT_NONE, "trash", buf_str(&b));
}

static void put_troubles(struct table *t, const json_t *tree)
{
    size_t i;
    json_t *row;

    json_array_foreach(json_object_get(tree, "overdue"), i, row)
    {
        auto_buf struct buf b = BUF_INIT;
        buf_printf(&b, "%s: %s", out_text(row, "name"), out_text(row, "note"));
        put(t, TINT_BAD, i ? "" : "overdue", buf_str(&b));
    }
    json_array_foreach(json_object_get(tree, "unknown-callers"), i, row)
    {
        auto_buf struct buf b = BUF_INIT;
        int64_t n = out_number(row, "count");
        buf_printf(&b, "%s from %s, %lld time%s: %s", out_text(row, "tag"), out_text(row, "peer"),
                   (long long)n, n == 1 ? "" : "s", out_text(row, "advice"));
        put(t, TINT_WARN, i ? "" : "unknown callers", buf_str(&b));
    }
    json_array_foreach(json_object_get(tree, "faults"), i, row)
        put(t, TINT_BAD, i ? "" : "faults", json_string_value(row));
}

static int print_status(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const columns[] = { "", "", NULL };
    auto_buf struct buf head = BUF_INIT, seed = BUF_INIT;
    struct table *t = table_new(c, columns, false);

    if (t) {
        buf_printf(&head, "%s, %s", out_text(tree, "version"), out_text(tree, "mode"));
        buf_printf(&seed, "%s, for guests %s", out_text(tree, "seed-address"),
                   out_text(tree, "base-url"));
        put(t, TINT_NONE, "roost", buf_str(&head));
        put(t, TINT_NONE, "state directory", out_text(tree, "state-directory"));
        put(t, TINT_NONE, "control socket", out_text(tree, "control-socket"));
        put(t, TINT_NONE, "seeds", buf_str(&seed));
        put_accelerator(t, json_object_get(tree, "accelerator"));
        put_memory(t, json_object_get(tree, "memory"));
        put_instances(t, tree);
        put_autostart(t, json_object_get(tree, "autostart"));
        put_trash(t, json_object_get(tree, "trash"));
        put_troubles(t, tree);
    }
    return table_print(t, e);
}

int run_status(struct cli *c, const struct args *a, struct err *e)
{
    (void)a;
    return out_tree(c, client_get(cli_client(c, e), "/v1/status", e), print_status, e);
}

/* --- check --- */

enum tint tint_of_level(const char *level)
{
    if (strcmp(level, "ok") == 0)
        return TINT_GOOD;
    return strcmp(level, "warn") == 0 ? TINT_WARN : TINT_BAD;
}

static int print_check(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const columns[] = { "CHECK", "RESULT", "DETAIL", "MEND", NULL };
    struct table *t = table_new(c, columns, true);
    size_t i;
    json_t *row;

    json_array_foreach(json_object_get(tree, "checks"), i, row)
    {
        const char *level = out_text(row, "level");
        const char *cells[] = { out_text(row, "name"), level, out_text(row, "detail"),
                                out_text(row, "mend") };
        table_row(t, tint_of_level(level), cells);
    }
    return table_print(t, e);
}

/* Exit code 1 when something has to be mended, in every form of output. */
int run_check(struct cli *c, const struct args *a, struct err *e)
{
    json_t *tree = client_get(cli_client(c, e), "/v1/check", e), *row;
    bool bad = false;
    size_t i;

    (void)a;
    json_array_foreach(json_object_get(tree, "checks"), i, row) bad =
        bad || strcmp(out_text(row, "level"), "error") == 0;
    return out_tree(c, tree, print_check, e) < 0 ? -1 : bad;
}

/* --- paths --- */

static int print_paths(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const columns[] = { "", "", NULL };
    struct table *t = table_new(c, columns, false);
    const char *name;
    json_t *path;

    json_object_foreach((json_t *)(uintptr_t)tree, name, path)
        put(t, TINT_NONE, name, json_string_value(path));
    return table_print(t, e);
}

int run_paths(struct cli *c, const struct args *a, struct err *e)
{
    (void)a;
    return out_tree(c, client_get(cli_client(c, e), "/v1/paths", e), print_paths, e);
}
