/* Command lines, read by the command table. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "cli/cli.h"
#include "model/identity.h"
#include "model/name.h"
#include "model/words.h"

struct reading {
    struct cli *c;
    int argc, at;
    char **argv;
    struct args *out;
    bool help, version;
};

/* --- options --- */

static int set_output(struct cli *c, const char *value, struct err *e)
{
    static const char *const names[] = {
        [OUTPUT_TABLE] = "table", [OUTPUT_JSON] = "json", [OUTPUT_YAML] = "yaml",
        [OUTPUT_CSV] = "csv",     [OUTPUT_NAME] = "name",
    };

    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        if (strcmp(names[i], value) == 0) {
            c->output = (enum output)i;
            return 0;
        }
    return err_set(e, ERR_INVALID, "--output: \"%.40s\" is none of table, json, yaml, csv, name",
                   value);
}

static int set_global(struct reading *r, const struct option *o, const char *value, struct err *e)
{
    if (strcmp(o->name, "output") == 0)
        return set_output(r->c, value, e);
    if (strcmp(o->name, "socket") == 0)
        r->c->socket = value;
    else if (strcmp(o->name, "state") == 0)
        r->c->state = value;
    else if (strcmp(o->name, "help") == 0)
        r->help = true;
    else
        r->version = true;
    return 0;
}

static int no_such_option(const struct reading *r, const char *arg, struct err *e)
{
    const char *names[2 * ARGS_OPTIONS_MAX];
    const struct option *own = r->out->command ? r->out->command->options : NULL;
    size_t n = 0, len = strcspn(arg, "=");
    char name[64];

    for (const struct option *o = own; o && o->name; o++)
        names[n++] = o->name;
    for (const struct option *o = global_options(); o->name; o++)
        names[n++] = o->name;
    snprintf(name, sizeof name, "%.*s", (int)(len < 60 ? len : 60), arg);
    const char *near = strncmp(name, "--", 2) == 0 ? nearest_name(name + 2, names, n) : NULL;
    return err_set(e, ERR_INVALID, "%s%sunknown option %s%s%s%s",
                   r->out->command ? r->out->command->words : "", r->out->command ? ": " : "", name,
                   near ? ": did you mean --" : "", near ? near : "", near ? "?" : "");
}

static bool is_list(const struct option *o)
{
    return o->value && strstr(o->value, "…");
}

static int set_own(struct reading *r, const struct option *o, const char *value, struct err *e)
{
    struct args *a = r->out;

    a->value[o - a->command->options] = value;
    if (!is_list(o))
        return 0;
    if (a->n_said == ARGS_SAID_MAX)
        return err_set(e, ERR_INVALID, "--%s: more than %d of its kind", o->name, ARGS_SAID_MAX);
    a->said[a->n_said++] = (struct said){ o, value };
    return 0;
}

/* argv[at] begins with `-`. */
static int read_option(struct reading *r, struct err *e)
{
    const char *arg = r->argv[r->at], *value = NULL;
    const struct option *own = r->out->command ? r->out->command->options : NULL, *o;
    bool is_long = arg[1] == '-';
    size_t len = is_long ? strcspn(arg + 2, "=") : 1;

    if (is_long) {
        if (!(o = option_named(own, arg + 2, len)))
            o = option_named(global_options(), arg + 2, len);
        value = arg[2 + len] ? arg + 3 + len : NULL;
    } else {
        if (!(o = option_lettered(own, arg[1])))
            o = option_lettered(global_options(), arg[1]);
        value = arg[2] ? arg + 2 : NULL;
    }
    if (!o)
        return no_such_option(r, arg, e);
    if (!o->value && value)
        return err_set(e, ERR_INVALID, "--%s takes no value", o->name);
    if (o->value && !value && ++r->at < r->argc)
        value = r->argv[r->at];
    if (o->value && !value)
        return err_set(e, ERR_INVALID, "--%s wants %s: %s", o->name, o->value, o->help);
    if (!option_named(own, o->name, strlen(o->name)))
        return set_global(r, o, value, e);
    return set_own(r, o, value ? value : "", e);
}

/* --- the whole line --- */

static int network_name_parse(const char *s, struct name *ret, struct err *e)
{
    return name_parse(s, "network name", ret, e);
}

static int image_name_parse(const char *s, struct name *ret, struct err *e)
{
    return name_parse(s, "image name", ret, e);
}

/* Operands that the table calls NAME are names of instances, NETWORK of networks, IDENTITY of
 * identities, IMAGE of images; further ones only where it says NAME…. */
static int check_names(const struct args *a, struct err *e)
{
    static const struct {
        const char *form;
        int (*parse)(const char *s, struct name *ret, struct err *e);
    } kinds[] = { { "NAME", instance_name_parse },
                  { "NETWORK", network_name_parse },
                  { "IDENTITY", identity_name_parse },
                  { "IMAGE", image_name_parse } };
    const char *form = a->command->args + (*a->command->args == '[');
    struct name name;

    for (size_t k = 0; k < ARRAY_SIZE(kinds); k++) {
        size_t len = strlen(kinds[k].form);
        if (strncmp(form, kinds[k].form, len) != 0)
            continue;
        int n = strncmp(form + len, "…", strlen("…")) == 0 ? a->n : 1;
        for (int i = 0; i < n && i < a->n; i++)
            if (!((a->command->flags & COMMAND_MANY) && operand_is_pattern(a->operand[i])) &&
                kinds[k].parse(a->operand[i], &name, e) < 0)
                return err_wrap(e, "%s", a->command->words);
    }
    return 0;
}

/* Before anything is done: a command may come to its times late, or never. */
static int check_times(const struct args *a, struct err *e)
{
    int64_t ms;

    for (const struct option *o = a->command->options; o && o->name; o++)
        if (o->value && strcmp(o->value, "TIME") == 0 &&
            args_duration(a, o->name, 0, &ms, e) < 0)
            return err_wrap(e, "%s", a->command->words);
    return 0;
}

static int check_operands(const struct args *a, struct err *e)
{
    auto_buf struct buf usage = BUF_INIT;

    if (a->n >= a->command->min && (a->command->max < 0 || a->n <= a->command->max))
        return check_names(a, e);
    command_synopsis(a->command, &usage);
    return err_set(e, ERR_INVALID, "%s: too %s operands; usage: roost %s", a->command->words,
                   a->n < a->command->min ? "few" : "many", buf_str(&usage));
}

/* Options up to the command's words: global ones. */
static int read_command(struct reading *r, struct err *e)
{
    int words;

    for (; r->at < r->argc && r->argv[r->at][0] == '-' && r->argv[r->at][1]; r->at++)
        if (read_option(r, e) < 0)
            return -1;
    if (r->at >= r->argc || r->version)
        return 0;
    char *const *argv = r->argv + r->at;
    int argc = r->argc - r->at, depth;
    char group[COMMAND_GROUP];

    r->out->command = command_find(argv, argc, &words);
    if (!r->out->command && r->help) /* "roost --help instance" */
        return 0;
    depth = r->out->command ? 0 : command_group(argv, argc, group);
    if (depth && depth < argc && strcmp(argv[depth], "--help") == 0) {
        r->help = true;
        return 0;
    }
    if (!r->out->command)
        return command_unknown(argv, argc, e);
    r->at += words;
    return 0;
}

static int read_rest(struct reading *r, struct err *e)
{
    bool options = true;
    unsigned flags = r->out->command->flags;

    for (; r->at < r->argc; r->at++) {
        char *arg = r->argv[r->at];
        if (options && strcmp(arg, "--") == 0) {
            options = false;
        } else if (options && arg[0] == '-' && arg[1]) {
            if (read_option(r, e) < 0)
                return -1;
        } else {
            r->argv[r->out->n++] = arg;
            options = options && !(flags & COMMAND_TAIL);
        }
    }
    return 0;
}

static const struct command *builtin(const char *word)
{
    char *argv[] = { (char *)(uintptr_t)word };
    int words;

    return command_find(argv, 1, &words);
}

/* help about what was meant: its words become the operands. */
static void turn_into_help(struct reading *r)
{
    static char about[COMMAND_GROUP];
    char *save = NULL;

    about[0] = '\0';
    if (r->out->command)
        snprintf(about, sizeof about, "%s", r->out->command->words);
    else if (r->at < r->argc && !command_group(r->argv + r->at, r->argc - r->at, about))
        snprintf(about, sizeof about, "%s", r->argv[r->at]);
    r->out->n = 0;
    for (char *w = strtok_r(about, " ", &save); w; w = strtok_r(NULL, " ", &save))
        r->argv[r->out->n++] = w;
    r->out->command = builtin("help");
}

int args_parse(struct cli *c, int argc, char **argv, struct args *ret, struct err *e)
{
    struct reading r = { .c = c, .argc = argc, .argv = argv, .out = ret };

    *ret = (struct args){ .operand = argv };
    if (read_command(&r, e) < 0)
        return -1;
    if (ret->command && !r.help && read_rest(&r, e) < 0)
        return -1;
    if (r.version) {
        ret->command = builtin("version");
        ret->n = 0;
        return 0;
    }
    if (r.help || !ret->command) {
        turn_into_help(&r);
        return 0;
    }
    if ((ret->command->flags & COMMAND_RAW) && c->output != OUTPUT_TABLE)
        return err_set(e, ERR_INVALID, "%s: --output has no meaning here", ret->command->words);
    return check_operands(ret, e) < 0 ? -1 : check_times(ret, e);
}
