/* roost network create: a fleet of one network, from options. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/network_def.h"
#include "cli/out.h"
#include "cli/told.h"

/* What an option becomes in the network's definition. NULL: its form is wrong. */
typedef json_t *convert_fn(const struct args *a, const char *option, struct err *e);

static json_t *text(const struct args *a, const char *option, struct err *e)
{
    (void)e;
    return json_string(args_option(a, option));
}

static json_t *number(const struct args *a, const char *option, struct err *e)
{
    (void)e;
    return args_whole(a, option);
}

static json_t *sure(const struct args *a, const char *option, struct err *e)
{
    (void)a, (void)option, (void)e;
    return json_true();
}

static json_t *list(const struct args *a, const char *option, struct err *e)
{
    const char *said[ARGS_SAID_MAX];
    int n = args_list(a, option, said);
    json_t *l = json_array();

    (void)e;
    for (int i = 0; i < n; i++)
        json_array_append_new(l, json_string(said[i]));
    return l;
}

/* yes, no or FIRST-LAST. */
static json_t *range(const struct args *a, const char *option, struct err *e)
{
    const char *s = args_option(a, option);

    (void)e;
    if (strcmp(s, "yes") == 0 || strcmp(s, "no") == 0)
        return json_boolean(*s == 'y');
    return json_string(s);
}

static const struct {
    const char *option, *word; /* in the fleet file */
    convert_fn *convert;
} table[] = {
    { "kind", "kind", text },
    { "cidr", "cidr", text },
    { "dhcp", "dhcp", range },
    { "domain", "domain", text },
    { "parent", "parent", text },
    { "vlan", "vlan", number },
    { "host-address", "host-address", text },
    { "gateway", "gateway", text },
    { "nameserver", "nameservers", list },
    { "mtu", "mtu", number },
    { "policy", "policy", text },
    { "advertise", "advertise", text },
    { "allow", "allow", list },
    { "autostart", "autostart", sure },
};

static const char *option_of(const char *place)
{
    size_t n = strcspn(place, "/");

    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (strlen(table[i].word) == n && strncmp(table[i].word, place, n) == 0)
            return table[i].option;
    return NULL;
}

static int from_options(const struct args *a, struct network *ret, struct err *e)
{
    const char *name = a->operand[0];
    json_t *words = json_object();
    int r = 0;

    if (!args_option(a, "kind"))
        r = err_set(e, ERR_INVALID,
                    "network create: say which --kind: user, host-only, shared or bridged");
    else if (strcmp(args_option(a, "kind"), "bridged") == 0 && !args_option(a, "parent"))
        r = err_set(e, ERR_INVALID,
                    "network create: say --parent DEVICE too: an interface or a bridge of the host, "
                    "such as eth0");
    for (size_t i = 0; i < ARRAY_SIZE(table) && r == 0; i++) {
        json_t *v = NULL;
        if (!args_option(a, table[i].option))
            continue;
        if (!(v = table[i].convert(a, table[i].option, e)))
            r = e->kind == ERR_NONE ? err_set(e, ERR_INVALID, "--%s: not UTF-8", table[i].option)
                                    : -1;
        else
            json_object_set_new(words, table[i].word, v);
    }
    if (r == 0 && network_from_json(name, words, ret, e) < 0)
        r = told(a->command->words, "network", name, option_of, e);
    json_decref(words);
    return r;
}

/* Names of the words in which they differ. */
static void put_difference(const struct network *a, const struct network *b, struct buf *out)
{
    json_t *x = network_to_json(a), *y = network_to_json(b), *v;
    const char *key;

    json_object_foreach(x, key, v) if (!json_equal(v, json_object_get(y, key)))
        buf_printf(out, "%s%s", out->len ? ", " : "", key);
    json_object_foreach(y, key, v) if (!json_object_get(x, key))
        buf_printf(out, "%s%s", out->len ? ", " : "", key);
    json_decref(x);
    json_decref(y);
}

/* One that is there already as said is fine, and keeps its published ports, which cannot be said
 * here. */
static int check_new(struct cli *c, struct network *n, struct err *e)
{
    auto_buf struct buf words = BUF_INIT;
    struct network is;

    if (network_def_get(c, n->name.s, &is, e) < 0) {
        bool absent = e->kind == ERR_NOT_FOUND;
        return absent ? 0 : -1;
    }
    memcpy(n->forwards, is.forwards, sizeof n->forwards);
    n->n_forwards = is.n_forwards;
    put_difference(n, &is, &words);
    if (!words.len)
        return 0;
    return err_set(e, ERR_CONFLICT,
                   "network %s is there with another %s; change it in a fleet file and with roost "
                   "apply -f, or roost network remove %s first",
                   n->name.s, buf_str(&words), n->name.s);
}

static int print_created(struct cli *c, const json_t *tree, struct err *e)
{
    const json_t *row = json_array_get(json_object_get(tree, "plan"), 0);
    const char *name = out_text(row, "name");

    (void)c;
    (void)e;
    print_warnings(tree);
    if (json_is_true(json_object_get(tree, "changed")))
        printf("network %s is defined\n", name);
    else
        printf("network %s is there as said; nothing changed\n", name);
    return 0;
}

static int print_checked(struct cli *c, const json_t *tree, struct err *e)
{
    (void)c;
    (void)e;
    print_warnings(tree);
    printf("network %s: %s; nothing was changed (--dry-run)\n",
           out_text(json_array_get(json_object_get(tree, "plan"), 0), "name"),
           json_is_true(json_object_get(tree, "changed")) ? "would be defined"
                                                          : "is there as said");
    return 0;
}

int run_network_create(struct cli *c, const struct args *a, struct err *e)
{
    bool dry_run = args_option(a, "dry-run") != NULL;
    struct network n;

    if (from_options(a, &n, e) < 0 || check_new(c, &n, e) < 0)
        return -1;
    return out_tree(c, network_def_apply(c, &n, dry_run, e),
                    dry_run ? print_checked : print_created, e);
}
