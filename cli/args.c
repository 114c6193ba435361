/* Command lines, read by the command table. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/parse.h"
#include "cli/commands.h"
#include "cli/select.h"
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

/* --- which command --- */

/* How many words of a row the line begins with; all of them, or 0. */
static int fits(const char *words, char *const *argv, int argc)
{
    int n = 0;

    for (;; n++, words++) {
        size_t len = strcspn(words, " ");
        if (n == argc || strncmp(words, argv[n], len) != 0 || argv[n][len])
            return 0;
        words += len;
        if (!*words)
            return n + 1;
    }
}

static const struct command *find(char *const *argv, int argc, int *ret_words)
{
    size_t n;
    const struct command *rows = commands(&n);

    for (size_t i = 0; i < n; i++)
        if ((*ret_words = fits(rows[i].words, argv, argc)))
            return &rows[i];
    return NULL;
}

/* What follows a group's words ("" all rows) in a row; NULL: the row is not of the group. */
static const char *behind(const char *words, const char *group)
{
    size_t len = strlen(group);

    if (!len)
        return words;
    return strncmp(words, group, len) == 0 && words[len] == ' ' ? words + len + 1 : NULL;
}

#define WORDS_MAX 64
/* The words that may stand behind a group's, each once. */
static size_t words_of(const char *group, char store[WORDS_MAX][32], const char *ret[WORDS_MAX])
{
    size_t n, found = 0;
    const struct command *rows = commands(&n);

    for (size_t i = 0; i < n && found < WORDS_MAX; i++) {
        const char *w = behind(rows[i].words, group);
        if (!w)
            continue;
        snprintf(store[found], sizeof store[found], "%.*s", (int)strcspn(w, " "), w);
        if (found && strcmp(store[found - 1], store[found]) == 0)
            continue;
        ret[found] = store[found];
        found++;
    }
    return found;
}

#define GROUP_SIZE 64
/* The words of the line up to which there are rows: "network", "network forward". Their number. */
static int group_of(char *const *argv, int argc, char ret[GROUP_SIZE])
{
    char store[WORDS_MAX][32], longer[GROUP_SIZE];
    const char *words[WORDS_MAX];
    int n = 0;

    for (ret[0] = '\0'; n < argc; n++) {
        if (!*argv[n] ||
            snprintf(longer, sizeof longer, "%s%s%s", ret, n ? " " : "", argv[n]) >= GROUP_SIZE ||
            !words_of(longer, store, words))
            break;
        memcpy(ret, longer, sizeof longer);
    }
    return n;
}

/* A verb whose object was left out: "start" for "instance start". How many rows end in it. */
static int objects_of(const char *verb, struct buf *ret)
{
    size_t n;
    const struct command *rows = commands(&n);
    int found = 0;

    for (size_t i = 0; i < n; i++) {
        const char *last = strrchr(rows[i].words, ' ');
        if (last && strcmp(last + 1, verb) == 0)
            buf_printf(ret, "%s\"%s\"", found++ ? ", " : "", rows[i].words);
    }
    return found;
}

static int no_such_word(const char *typed, const char *near, struct err *e)
{
    auto_buf struct buf list = BUF_INIT;
    int n = objects_of(typed, &list);

    if (n == 1 || (n == 0 && near))
        return err_set(e, ERR_INVALID, "there is no command \"%.40s\": did you mean %s%s%s?", typed,
                       n ? "" : "\"", n ? buf_str(&list) : near, n ? "" : "\"");
    if (n)
        return err_set(e, ERR_INVALID, "there is no command \"%.40s\": there are %s", typed,
                       buf_str(&list));
    return err_set(e, ERR_INVALID, "there is no command \"%.40s\": see roost help", typed);
}

static int no_such_command(char *const *argv, int argc, struct err *e)
{
    char store[WORDS_MAX][32], group[GROUP_SIZE];
    const char *words[WORDS_MAX], *near;
    auto_buf struct buf list = BUF_INIT;
    int depth = group_of(argv, argc, group);
    const char *typed = depth < argc ? argv[depth] : NULL;
    size_t n = words_of(group, store, words);

    near = typed ? nearest_name(typed, words, n) : NULL;
    if (!depth)
        return no_such_word(typed, near, e);
    if (near)
        return err_set(e, ERR_INVALID, "there is no command \"%s %.40s\": did you mean \"%s %s\"?",
                       group, typed, group, near);
    for (size_t i = 0; i < n; i++)
        buf_printf(&list, "%s%s", i ? ", " : "", words[i]);
    return err_set(e, ERR_INVALID, "%s wants one of: %s", group, buf_str(&list));
}

/* --- options --- */

static const struct option *named(const struct option *o, const char *name, size_t len)
{
    for (; o && o->name; o++)
        if (strncmp(o->name, name, len) == 0 && !o->name[len])
            return o;
    return NULL;
}

static const struct option *lettered(const struct option *o, char letter)
{
    for (; o && o->name; o++)
        if (o->letter && o->letter == letter)
            return o;
    return NULL;
}

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
        if (!(o = named(own, arg + 2, len)))
            o = named(global_options(), arg + 2, len);
        value = arg[2 + len] ? arg + 3 + len : NULL;
    } else {
        if (!(o = lettered(own, arg[1])))
            o = lettered(global_options(), arg[1]);
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
    if (!named(own, o->name, strlen(o->name)))
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
            if (!((a->command->flags & COMMAND_MANY) && is_pattern(a->operand[i])) &&
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
    char group[GROUP_SIZE];

    r->out->command = find(argv, argc, &words);
    if (!r->out->command && r->help) /* "roost --help instance" */
        return 0;
    depth = r->out->command ? 0 : group_of(argv, argc, group);
    if (depth && depth < argc && strcmp(argv[depth], "--help") == 0) {
        r->help = true;
        return 0;
    }
    if (!r->out->command)
        return no_such_command(argv, argc, e);
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

    return find(argv, 1, &words);
}

/* help about what was meant: its words become the operands. */
static void turn_into_help(struct reading *r)
{
    static char about[GROUP_SIZE];
    char *save = NULL;

    about[0] = '\0';
    if (r->out->command)
        snprintf(about, sizeof about, "%s", r->out->command->words);
    else if (r->at < r->argc && !group_of(r->argv + r->at, r->argc - r->at, about))
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

/* --- values --- */

const char *args_option(const struct args *a, const char *name)
{
    const struct option *o = named(a->command->options, name, strlen(name));

    return o ? a->value[o - a->command->options] : NULL;
}

int args_list(const struct args *a, const char *name, const char *ret[ARGS_SAID_MAX])
{
    int n = 0;

    for (int i = 0; i < a->n_said; i++)
        if (strcmp(a->said[i].option->name, name) == 0)
            ret[n++] = a->said[i].value;
    return n;
}

int args_duration(const struct args *a, const char *name, int64_t none, int64_t *ret, struct err *e)
{
    const char *s = args_option(a, name);

    *ret = none;
    if (s && parse_duration(s, ret, e) < 0)
        return err_wrap(e, "--%s", name);
    return 0;
}

int args_number(const struct args *a, const char *name, uint64_t min, uint64_t max, uint64_t none,
                uint64_t *ret, struct err *e)
{
    const char *s = args_option(a, name);

    *ret = none;
    if (s && parse_u64(s, min, max, ret, e) < 0)
        return err_wrap(e, "--%s", name);
    return 0;
}
