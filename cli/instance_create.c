/* roost instance create, modify: a fleet of one instance (or of so many), from options. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/drive.h"
#include "cli/hostvar.h"
#include "cli/inline.h"
#include "cli/operate.h"
#include "cli/out.h"
#include "cli/told.h"
#include "model/fleet.h"
#include "model/words.h"

/* What an option becomes in the instance's definition; NULL: its form is wrong. */
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

static json_t *external(const struct args *a, const char *option, struct err *e)
{
    (void)a, (void)option, (void)e;
    return json_string(launcher_name(LAUNCHER_EXTERNAL));
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

/* "network=lab,address=10.0.0.5,mac=52:54:00:…", one for each. */
static json_t *nic_of(const char *said, struct err *e)
{
    json_t *nic = json_object();

    for (const char *p = said; nic;) {
        size_t len = strcspn(p, ","), eq = strcspn(p, "=");
        char key[16];
        if (eq >= len || eq >= sizeof key || eq == 0) {
            json_decref(nic);
            err_set(e, ERR_INVALID,
                    "--nic %.80s: expected network=NAME[,address=ADDRESS][,mac=MAC]", said);
            return NULL;
        }
        snprintf(key, sizeof key, "%.*s", (int)eq, p);
        json_object_set_new(nic, key, json_stringn(p + eq + 1, len - eq - 1));
        if (!p[len])
            return nic;
        p += len + 1;
    }
    return NULL;
}

static json_t *nics(const struct args *a, const char *option, struct err *e)
{
    const char *said[ARGS_SAID_MAX];
    int n = args_list(a, option, said);
    json_t *l = json_array(), *one;

    for (int i = 0; i < n; i++) {
        if (!(one = nic_of(said[i], e))) {
            json_decref(l);
            return NULL;
        }
        json_array_append_new(l, one);
    }
    return l;
}

/* "0" is a number in the fleet file: a size has a unit. */
static json_t *size(const struct args *a, const char *option, struct err *e)
{
    const char *s = args_option(a, option);
    uint64_t n;

    (void)e;
    return parse_u64(s, 0, INT64_MAX, &n, NULL) == 0 ? json_integer((json_int_t)n) : json_string(s);
}

static const struct {
    const char *option, *word; /* in the fleet file */
    convert_fn *convert;
} table[] = {
    { "external", "launcher", external },
    { "tag", "tag", text },
    { "uuid", "uuid", text },
    { "serial", "serial", text },
    { "mac", "mac", text },
    { "image", "image", text },
    { "network", "network", text },
    { "identity", "identities", list },
    { "group", "groups", list },
    { "address", "address", text },
    { "nic", "nics", nics },
    { "forward", "forwards", list },
    { "cpus", "cpus", number },
    { "memory", "memory", size },
    { "cpu", "cpu", text },
    { "machine", "machine", text },
    { "firmware", "firmware", text },
    { "firmware-code", "firmware-code", text },
    { "firmware-vars", "firmware-vars", text },
    { "display", "display", text },
    { "keymap", "keymap", text },
    { "qemu-argument", "qemu-arguments", list },
    { "host-device", "host-devices", list },
    { "bootstrapper", "bootstrapper", text },
    { "cdrom", "cdrom", text },
    { "boot", "boot", text },
    { "user-data", "user-data", text },
    { "vendor-data", "vendor-data", text },
    { "domain", "domain", text },
    { "autostart", "autostart", sure },
    { "autostart-order", "autostart-order", number },
    { "var", "vars", hostvars_said },
    { "playbook", "playbook", text },
    { "needs", "needs", list },
    { "count", "count", number },
};

static const char *option_of(const char *place)
{
    const char *disk = drive_option(place);
    size_t n = strcspn(place, "/");

    for (size_t i = 0; i < ARRAY_SIZE(table) && !disk; i++)
        if (table[i].convert != external && strlen(table[i].word) == n &&
            strncmp(table[i].word, place, n) == 0)
            return table[i].option;
    return disk;
}

static int in_options(const struct args *a, struct err *e)
{
    return told(a->command->words, "instance", a->operand[0], option_of, e);
}

static int words_of(const struct args *a, json_t *words, struct err *e)
{
    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        json_t *v = NULL;
        if (!args_option(a, table[i].option))
            continue;
        *e = (struct err){ .kind = ERR_NONE };
        if (!(v = table[i].convert(a, table[i].option, e)))
            return e->kind == ERR_NONE ? err_set(e, ERR_INVALID, "--%s: not UTF-8", table[i].option)
                                       : -1;
        json_object_set_new(words, table[i].word, v);
    }
    return 0;
}

/* The server's defaults are not known here, and none of them can make a right word wrong. */
static int check(const json_t *tree, struct err *e)
{
    const struct spec_defaults d = {
        .cpus = 1, .memory = 1u << 30, .disk = 0, .network = { "user" }
    };
    struct fleet f;

    if (fleet_parse(tree, NULL, NULL, &d, &f, e) < 0)
        return -1;
    fleet_done(&f);
    return 0;
}

/* The fleet that the command line describes. New reference. */
static json_t *fleet_of(const struct args *a, struct err *e)
{
    json_t *words = json_object(),
           *tree = json_pack("{s:{s:o}}", "instances", a->operand[0], words);
    char dir[PATH_SIZE];

    if (!tree)
        err_set(e, ERR_INTERNAL, "out of memory");
    else if (!getcwd(dir, sizeof dir))
        err_sys(e, "the working directory");
    else if (words_of(a, words, e) == 0 && drives_said(a, NULL, words, e) == 0 &&
             fleet_inline(tree, NULL, NULL, dir, e) == 0 && check(tree, e) == 0)
        return tree;
    json_decref(tree);
    in_options(a, e);
    return NULL;
}

static int print(const json_t *tree, const char *done)
{
    size_t i;
    json_t *row;

    print_warnings(tree);
    json_array_foreach(json_object_get(tree, "plan"), i, row)
        printf("instance %s %s\n", out_text(row, "name"), done);
    return 0;
}

static int print_created(struct cli *c, const json_t *tree, struct err *e)
{
    (void)c, (void)e;
    return print(tree, "is defined");
}

static int print_checked(struct cli *c, const json_t *tree, struct err *e)
{
    (void)c, (void)e;
    return print(tree, "would be defined; nothing was changed (--dry-run)");
}

/* Those that were made. */
static int start(struct cli *c, const struct args *a, const json_t *answer, struct err *e)
{
    const json_t *plan = json_object_get(answer, "plan");
    auto_free char **names = calloc(json_array_size(plan) + 1, sizeof *names);
    json_t *row;
    size_t i;

    if (!names)
        return err_set(e, ERR_INTERNAL, "out of memory");
    json_array_foreach(plan, i, row) names[i] = (char *)(uintptr_t)out_text(row, "name");
    return start_named(c, a, names, (int)json_array_size(plan), e);
}

int run_instance_create(struct cli *c, const struct args *a, struct err *e)
{
    bool dry_run = args_option(a, "dry-run") != NULL;
    bool starts = !dry_run && (args_option(a, "start") || args_option(a, "wait"));
    json_t *tree, *body, *answer;
    int r = 0;

    if (starts && args_option(a, "external"))
        return err_set(e, ERR_INVALID,
                       "%s: --start and --wait: what is --external is launched by somebody else",
                       a->command->words);
    if (!args_option(a, "image") && !args_option(a, "disk") && !args_option(a, "external"))
        return err_set(e, ERR_INVALID,
                       "%s: say --image IMAGE (roost image list has them), --disk FILE for a disk that "
                       "is there, or --external for what others launch",
                       a->command->words);
    if (!(tree = fleet_of(a, e)))
        return -1;
    body = json_pack("{s:o, s:b, s:b}", "fleet", tree, "dry-run", dry_run, "create", true);
    answer = client_send(cli_client(c, e), "POST", "/v1/apply", body, e);
    json_decref(body);
    if (!answer)
        return in_options(a, e);
    if (!starts)
        return out_tree(c, plan_answer(c, answer), dry_run ? print_checked : print_created, e);
    if (c->output == OUTPUT_TABLE)
        r = out_tree(c, json_incref(answer), print_created, e);
    if (r == 0)
        r = start(c, a, answer, e);
    json_decref(answer);
    return r;
}

/* --- modify --- */

static bool has_option(const struct args *a, const char *name)
{
    for (const struct option *o = a->command->options; o->name; o++)
        if (strcmp(o->name, name) == 0)
            return true;
    return false;
}

static int no_such_option(const struct args *a, const char *said, struct err *e)
{
    const char *names[ARRAY_SIZE(table)], *near;
    size_t n = 0;

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        if (strcmp(table[i].option, said) == 0)
            return err_set(e, ERR_INVALID, "--unset %s: it is said at creation and never changes",
                           said);
        if (has_option(a, table[i].option))
            names[n++] = table[i].option;
    }
    near = nearest_name(said, names, n);
    return err_set(e, ERR_INVALID, "--unset: there is no option \"%.40s\"%s%s%s", said,
                   near ? ": did you mean " : " (without its dashes, such as memory)",
                   near ? near : "", near ? "?" : "");
}

static int unset(const struct args *a, json_t *spec, struct err *e)
{
    const char *said[ARGS_SAID_MAX];
    int n = args_list(a, "unset", said);

    for (int i = 0; i < n; i++) {
        size_t k = 0;
        int disk = drive_unset(spec, said[i]);
        if (disk > 0)
            continue;
        while (k < ARRAY_SIZE(table) && strcmp(table[k].option, said[i]) != 0)
            k++;
        if (disk < 0 && (k == ARRAY_SIZE(table) || !has_option(a, said[i])))
            return no_such_option(a, said[i], e);
        if (k == ARRAY_SIZE(table) || json_object_del(spec, table[k].word) < 0)
            return err_set(e, ERR_INVALID, "--unset %.40s: it is not set", said[i]);
    }
    return 0;
}

/* Taken back are its image, or the file that was its disk, and nothing is said in their place. */
static int starts_from(const struct args *a, const json_t *spec, struct err *e)
{
    const json_t *disk = json_object_get(spec, "disk");

    if (!args_option(a, "unset") || json_object_get(spec, "image") ||
        json_object_get(disk, "file") || json_is_string(disk) ||
        strcmp(out_text(spec, "launcher"), launcher_name(LAUNCHER_EXTERNAL)) == 0)
        return 0;
    return err_set(e, ERR_INVALID,
                   "--unset: that leaves nothing to start from: say --image IMAGE (roost image list has "
                   "them) or --disk FILE with it");
}

/* Is there anything that is to be another way? */
static bool says_change(const struct args *a)
{
    for (const struct option *o = a->command->options; o->name; o++)
        if (strcmp(o->name, "dry-run") != 0 && args_option(a, o->name))
            return true;
    return false;
}

/* What is on record with the words of the command line over it. New reference. */
static json_t *changed(struct cli *c, const struct args *a, struct err *e)
{
    auto_free char *path = path_instance(a->operand[0], "");
    json_t *row = path ? client_get(cli_client(c, e), path, e) : NULL, *words, *tree, *ret = NULL;
    json_t *spec = json_object_get(row, "spec");
    char dir[PATH_SIZE];

    if (!row)
        return NULL;
    words = json_object();
    tree = json_pack("{s:{s:o}}", "instances", a->operand[0], words);
    if (!getcwd(dir, sizeof dir))
        err_sys(e, "the working directory");
    else if (words_of(a, words, e) == 0 && unset(a, spec, e) == 0 &&
             drives_said(a, spec, words, e) == 0 &&
             fleet_inline(tree, NULL, NULL, dir, e) == 0) {
        /* Variables are merged, as those of defaults are; the rest takes the place of what was. */
        json_object_update_missing(json_object_get(words, "vars"), json_object_get(spec, "vars"));
        json_object_update(spec, words);
        if (starts_from(a, spec, e) == 0)
            ret = json_pack("{s:{s:O}}", "instances", a->operand[0], spec);
    }
    json_decref(tree);
    json_decref(row);
    return ret;
}

static int print_modified(struct cli *c, const json_t *tree, struct err *e)
{
    const json_t *row = json_array_get(json_object_get(tree, "plan"), 0);
    const char *name = out_text(row, "name"), *class = out_text(row, "class");
    auto_buf struct buf fields = BUF_INIT;

    (void)c, (void)e;
    print_warnings(tree);
    if (!json_is_true(json_object_get(tree, "changed"))) {
        printf("instance %s is as said; nothing changed\n", name);
        return 0;
    }
    out_list(json_object_get(row, "fields"), &fields);
    printf("instance %s: %s%s%s%s\n", name, buf_str(&fields), *class ? " (" : "", class,
           *class ? ")" : "");
    return 0;
}

int run_instance_modify(struct cli *c, const struct args *a, struct err *e)
{
    bool dry_run = args_option(a, "dry-run") != NULL;
    json_t *tree, *body, *answer = NULL;

    if (!says_change(a))
        return err_set(e, ERR_INVALID, "%s: say what to change; roost help %s", a->command->words,
                       a->command->words);
    tree = changed(c, a, e);
    if (tree && check(tree, e) == 0) {
        body = json_pack("{s:O, s:b}", "fleet", tree, "dry-run", dry_run);
        answer = client_send(cli_client(c, e), "POST", "/v1/apply", body, e);
        json_decref(body);
    }
    json_decref(tree);
    return answer ? out_tree(c, plan_answer(c, answer), print_modified, e) : in_options(a, e);
}
