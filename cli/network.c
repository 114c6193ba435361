/* roost network list, show, plan, export. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/out.h"

static enum tint tint_of_network(const char *state)
{
    static const struct {
        const char *state;
        enum tint tint;
    } table[] = { { "up", TINT_GOOD }, { "changing", TINT_WARN }, { "failed", TINT_BAD } };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (strcmp(table[i].state, state) == 0)
            return table[i].tint;
    return TINT_NONE;
}

static int print_list(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const columns[] = { "NAME",   "KIND",   "STATE", "BRIDGE", "CIDR",
                                           "DOMAIN", "POLICY", "NOTE",  NULL };
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
        const char *state = out_text(row, "state");
        const char *cells[] = {
            out_text(row, "name"),   out_text(row, "kind"), state,
            out_text(row, "bridge"), out_text(row, "cidr"), out_text(row, "domain"),
            out_text(row, "policy"), out_text(row, "note")
        };
        table_row(t, tint_of_network(state), cells);
    }
    return table_print(t, e);
}

int run_network_list(struct cli *c, const struct args *a, struct err *e)
{
    (void)a;
    return out_tree(c, client_get(cli_client(c, e), "/v1/networks", e), print_list, e);
}

/* --- show --- */

static void put_value(const json_t *v, struct buf *out)
{
    if (json_is_string(v))
        buf_puts(out, json_string_value(v));
    else if (json_is_integer(v))
        buf_printf(out, "%lld", (long long)json_integer_value(v));
    else if (json_is_boolean(v))
        buf_puts(out, json_is_true(v) ? "yes" : "no");
    else if (json_is_array(v))
        out_list(v, out);
}

static int print_facts(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const columns[] = { "", "", NULL };
    static const char *const keys[] = {
        "name",    "kind",  "state",       "note",      "bridge",   "cidr",      "host-address",
        "gateway", "dhcp",  "nameservers", "domain",    "parent",   "vlan",      "mtu",
        "policy",  "allow", "advertise",   "autostart", "forwards", "instances", "files",
    };
    struct table *t = table_new(c, columns, false);

    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        auto_buf struct buf b = BUF_INIT;
        put_value(json_object_get(tree, keys[i]), &b);
        const char *cells[] = { keys[i], buf_str(&b) };
        if (b.len)
            table_row(t, i == 2 ? tint_of_network(buf_str(&b)) : TINT_NONE, cells);
    }
    return table_print(t, e);
}

static int print_show(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const columns[] = { "INSTANCE", "ADDRESS", "MAC", NULL };
    const json_t *list = json_object_get(tree, "reservations");
    int64_t left = out_number(tree, "reserved") - (int64_t)json_array_size(list);
    struct table *t;
    size_t i;
    json_t *row;

    if (print_facts(c, tree, e) < 0)
        return -1;
    if (!json_array_size(list))
        return 0;
    putchar('\n');
    t = table_new(c, columns, true);
    json_array_foreach(list, i, row)
    {
        const char *cells[] = { out_text(row, "instance"), out_text(row, "address"),
                                out_text(row, "mac") };
        table_row(t, TINT_NONE, cells);
    }
    if (table_print(t, e) < 0)
        return -1;
    if (left > 0)
        printf("and %lld more\n", (long long)left);
    return 0;
}

int run_network_show(struct cli *c, const struct args *a, struct err *e)
{
    auto_free char *path = path_network(a->operand[0], "");

    return out_tree(c, client_get(cli_client(c, e), path, e), print_show, e);
}

/* --- plan --- */

static void put_steps(struct table *t, const json_t *steps, const char *undone)
{
    size_t i;
    json_t *step;

    json_array_foreach(steps, i, step)
    {
        bool done = json_is_true(json_object_get(step, "done"));
        const char *cells[] = { undone ? undone : done ? "done" : "to do", out_text(step, "do") };
        table_row(t, done ? TINT_GOOD : TINT_NONE, cells);
    }
}

static int print_plan(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const columns[] = { "STATE", "STEP", NULL };
    const char *warning = out_text(tree, "warning");
    struct table *t = table_new(c, columns, true);

    if (*warning)
        fprintf(stderr, "warning: %s\n", warning);
    put_steps(t, json_object_get(tree, "leftover"), "take back");
    put_steps(t, json_object_get(tree, "steps"), NULL);
    return table_print(t, e);
}

int run_network_plan(struct cli *c, const struct args *a, struct err *e)
{
    auto_free char *path = path_network(a->operand[0], "/plan");

    return out_tree(c, client_get(cli_client(c, e), path, e), print_plan, e);
}

/* --- export --- */

static int print_text(struct cli *c, const json_t *tree, struct err *e)
{
    (void)c;
    (void)e;
    fputs(out_text(tree, "text"), stdout);
    return 0;
}

int run_network_export(struct cli *c, const struct args *a, struct err *e)
{
    const char *format = args_option(a, "format");
    auto_buf struct buf rest = BUF_INIT, text = { .cap = (size_t)1 << 30 };
    json_t *tree;

    if (!format)
        return err_set(e, ERR_INVALID,
                       "network export: say which --format: dnsmasq, ip, networkd, ifcfg, "
                       "iptables, sysctl, qemu-ifup or qemu-ifdown");
    buf_puts(&rest, "/export?format=");
    buf_percent(&rest, format);
    auto_free char *path = path_network(a->operand[0], buf_str(&rest));
    if (client_text(cli_client(c, e), path, &text, e) < 0)
        return -1;
    if (!(tree = json_pack("{s:s%}", "text", buf_str(&text), text.len)))
        err_set(e, ERR_INTERNAL, "%s: not UTF-8", path);
    return out_tree(c, tree, print_text, e);
}
