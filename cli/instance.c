/* roost instance show. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/instance.h"
#include "cli/out.h"

/* A value as people read it; false: there is nothing to show. */
bool put_value(const json_t *v, enum form form, struct buf *out)
{
    char text[40];

    if (json_is_string(v) && form == FORM_AGO)
        buf_printf(out, "%s (%s)", when_ago(json_string_value(v), text), json_string_value(v));
    else if (json_is_string(v))
        buf_puts(out, json_string_value(v));
    else if (json_is_integer(v) && form == FORM_SIZE)
        buf_puts(out, format_size((uint64_t)json_integer_value(v), text));
    else if (json_is_integer(v))
        buf_printf(out, "%lld", (long long)json_integer_value(v));
    else if (json_is_array(v))
        out_list(v, out);
    else if (json_is_boolean(v))
        buf_puts(out, json_is_true(v) ? "yes" : "no");
    return out->len > 0;
}

/* What a guest that somebody else launched has none of here. */
static bool is_elsewhere(const char *key)
{
    static const char *const keys[] = { "cpus", "memory", "disk", "autostart", "boot",
                                        "bootstrapper", "console-log", "console-socket", "vm-sh",
                                        NULL };
    size_t i = 0;

    while (keys[i] && strcmp(keys[i], key) != 0)
        i++;
    return keys[i] != NULL;
}

static void put_facts(struct table *t, const json_t *tree, bool here)
{
    static const struct {
        const char *key;
        enum form form;
    } rows[] = {
        { "name", FORM_TEXT },        { "state", FORM_TEXT },       { "since", FORM_AGO },
        { "note", FORM_TEXT },        { "address", FORM_TEXT },     { "user", FORM_TEXT },
        { "addresses", FORM_LIST },
        { "last-sign", FORM_TEXT },   { "last-sign-at", FORM_AGO }, { "launcher", FORM_TEXT },
        { "image", FORM_TEXT },       { "network", FORM_TEXT },     { "groups", FORM_LIST },
        { "identities", FORM_LIST },  { "ansible-user", FORM_TEXT }, { "cpus", FORM_NUMBER },
        { "memory", FORM_SIZE },
        { "disk", FORM_SIZE },        { "autostart", FORM_BOOL },   { "boot", FORM_TEXT },
        { "cdrom", FORM_TEXT },       { "bootstrapper", FORM_TEXT }, { "tag", FORM_TEXT },
        { "instance-id", FORM_TEXT }, { "uuid", FORM_TEXT },        { "mac", FORM_TEXT },
        { "boots", FORM_NUMBER },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        auto_buf struct buf b = BUF_INIT;
        if ((!here && is_elsewhere(rows[i].key)) ||
            !put_value(json_object_get(tree, rows[i].key), rows[i].form, &b))
            continue;
        const char *cells[] = { rows[i].key, buf_str(&b) };
        table_row(t, strcmp(rows[i].key, "state") == 0 ? tint_of_state(buf_str(&b)) : TINT_NONE,
                  cells);
    }
}

/* "data 20.0 GiB nvme", "scratch /srv/a.img read-only": what there is to a disk. */
static void put_disk(const json_t *d, struct buf *b)
{
    static const char *const flags[] = { "read-only", "volatile" };
    const char *const texts[] = { out_text(d, "bus"), out_text(d, "cache") };
    const json_t *size = json_object_get(d, "size");
    char text[24];

    buf_puts(b, out_text(d, "serial"));
    if (size)
        buf_printf(b, " %s", format_size((uint64_t)json_integer_value(size), text));
    else
        buf_printf(b, " %s", out_text(d, "file"));
    for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
        buf_printf(b, "%s%s", *texts[i] ? " " : "", texts[i]);
    for (size_t i = 0; i < ARRAY_SIZE(flags); i++)
        if (json_is_true(json_object_get(d, flags[i])))
            buf_printf(b, " %s", flags[i]);
}

/* The root disk where more than its size was said, and the others. */
static void put_disks(struct table *t, const json_t *tree)
{
    const json_t *root = json_object_get(json_object_get(tree, "spec"), "disk");
    json_t *list = json_object_get(tree, "disks"), *d;
    size_t i;

    if (json_is_object(root)) {
        auto_buf struct buf b = BUF_INIT;
        put_disk(root, &b);
        const char *cells[] = { "root-disk", buf_str(&b) + (*buf_str(&b) == ' ') };
        table_row(t, TINT_NONE, cells);
    }
    json_array_foreach(list, i, d)
    {
        auto_buf struct buf b = BUF_INIT;
        put_disk(d, &b);
        const char *cells[] = { i ? "" : "disks", buf_str(&b) };
        table_row(t, TINT_NONE, cells);
    }
}

static void put_nics(struct table *t, const json_t *nics)
{
    size_t i;
    json_t *nic;

    json_array_foreach(nics, i, nic)
    {
        auto_buf struct buf b = BUF_INIT;
        buf_printf(&b, "%s %s %s", out_text(nic, "network"), out_text(nic, "mac"),
                   out_text(nic, "address"));
        const char *cells[] = { i ? "" : "nics", buf_str(&b) };
        table_row(t, TINT_NONE, cells);
    }
}

static void put_forwards(struct table *t, const json_t *forwards)
{
    size_t i;
    json_t *forward;

    json_array_foreach(forwards, i, forward)
    {
        const char *cells[] = { i ? "" : "forwards", json_string_value(forward) };
        table_row(t, TINT_NONE, cells);
    }
}

static void put_keys(struct table *t, const json_t *keys)
{
    size_t i;
    json_t *key;

    json_array_foreach(keys, i, key)
    {
        const char *cells[] = { i ? "" : "host-keys", out_text(key, "fingerprint") };
        table_row(t, TINT_NONE, cells);
    }
}

static void put_paths(struct table *t, const json_t *paths, bool here)
{
    const char *name;
    json_t *path;

    json_object_foreach((json_t *)(uintptr_t)paths, name, path)
    {
        const char *cells[] = { name, json_string_value(path) };
        if (here || !is_elsewhere(name))
            table_row(t, TINT_NONE, cells);
    }
}

static int print_timeline(struct cli *c, const json_t *timeline, struct err *e)
{
    static const char *const columns[] = { "STAGE", "START", "TOOK", "RESULT", NULL };
    struct table *t;
    size_t i;
    json_t *row;

    if (!json_array_size(timeline))
        return 0;
    putchar('\n');
    t = table_new(c, columns, true);
    json_array_foreach(timeline, i, row)
    {
        char start[40], took[24] = "";
        int64_t from = when_parse(out_text(row, "start")), to = when_parse(out_text(row, "end"));
        if (from >= 0 && to >= from)
            format_duration(to - from, took);
        const char *cells[] = { out_text(row, "name"), when_ago(out_text(row, "start"), start),
                                took, out_text(row, "result") };
        table_row(t, TINT_NONE, cells);
    }
    return table_print(t, e);
}

static int print_show(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const columns[] = { "", "", NULL };
    bool here = strcmp(out_text(tree, "launcher"), "external") != 0;
    struct table *t = table_new(c, columns, false);

    if (t) {
        put_facts(t, tree, here);
        put_disks(t, tree);
        put_nics(t, json_object_get(tree, "nics"));
        put_forwards(t, json_object_get(tree, "forwards"));
        put_keys(t, json_object_get(tree, "host-keys"));
        put_paths(t, json_object_get(tree, "paths"), here);
    }
    if (table_print(t, e) < 0 || print_timeline(c, json_object_get(tree, "timeline"), e) < 0)
        return -1;
    putchar('\n');
    return print_events(c, json_object_get(tree, "recent-events"), e);
}

int run_instance_show(struct cli *c, const struct args *a, struct err *e)
{
    auto_free char *path = path_instance(a->operand[0], "");

    return out_tree(c, client_get(cli_client(c, e), path, e), print_show, e);
}
