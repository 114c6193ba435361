/* roost apply: a fleet file is read, checked here with line numbers, and sent. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/yaml.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/inline.h"
#include "cli/out.h"
#include "cli/prune.h"
#include "model/fleet.h"

#define FLEET_FILE_MAX (32u << 20)

struct source {
    const char *file; /* for messages */
    char dir[PATH_SIZE];
    json_t *tree;
    struct yaml_map *map;
};

static void source_done(struct source *s)
{
    json_decref(s->tree);
    yaml_map_free(s->map);
}

static int read_stdin(struct buf *b, struct err *e)
{
    char chunk[65536];
    ssize_t n;

    b->cap = FLEET_FILE_MAX;
    while ((n = read(STDIN_FILENO, chunk, sizeof chunk)) > 0)
        buf_put(b, chunk, (size_t)n);
    return n < 0 ? err_sys(e, "standard input") : buf_check(b, e);
}

/* What the paths in the file are relative to: the file's own directory, as an absolute path. */
static int directory_of(const char *file, char ret[PATH_SIZE], struct err *e)
{
    const char *slash = file ? strrchr(file, '/') : NULL;
    auto_free char *dir = slash == file ? strdup("/")
                          : slash       ? strndup(file, (size_t)(slash - file))
                                        : strdup(".");
    auto_free char *full = dir ? realpath(dir, NULL) : NULL;

    if (!full || snprintf(ret, PATH_SIZE, "%s", full) >= PATH_SIZE)
        return err_sys(e, "directory of %s", file ? file : "the fleet");
    return 0;
}

static int load(const char *file, struct source *s, struct err *e)
{
    auto_buf struct buf b = BUF_INIT;
    bool is_stdin = strcmp(file, "-") == 0;
    struct stat st;

    s->file = is_stdin ? "(standard input)" : file;
    if (!is_stdin && stat(file, &st) == 0 && !S_ISREG(st.st_mode) && !S_ISDIR(st.st_mode))
        return err_set(e, ERR_INVALID, "%s is not a regular file: what comes from elsewhere is read from "
                       "the standard input, apply -f - <%s", file, file);
    if ((is_stdin ? read_stdin(&b, e) : file_read(AT_FDCWD, file, FLEET_FILE_MAX, &b, e)) < 0 ||
        directory_of(is_stdin ? NULL : file, s->dir, e) < 0)
        return -1;
    return yaml_read(buf_str(&b), b.len, s->file, &s->tree, &s->map, e);
}

/* The server's defaults are not known here, and none of them can make a right file wrong. */
static int check(const struct source *s, struct err *e)
{
    const struct spec_defaults d = {
        .cpus = 1, .memory = 1u << 30, .disk = 0, .network = { "user" }
    };
    struct fleet f;

    if (fleet_parse(s->tree, s->file, s->map, &d, &f, e) < 0)
        return -1;
    fleet_done(&f);
    return 0;
}

/* Length of the word and its ": " at s; 0: there is none. */
static size_t field_len(const char *s)
{
    size_t len = strspn(s, "abcdefghijklmnopqrstuvwxyz-");

    return len && s[len] == ':' ? len : 0;
}

/* What a message of the server is about, as a JSON pointer: it begins with one, or with "instance
 * web: ", or even "instance web: cpu: ". */
static bool pointer_of(const char *message, char *out, size_t size)
{
    static const struct {
        const char *word, *section;
    } table[] = {
        { "/", "/" },
        { "instance ", "/instances/" },
        { "image ", "/images/" },
        { "network ", "/networks/" },
        { "identity ", "/identities/" },
        { "group ", "/groups/" },
    };
    size_t len = (size_t)(strchrnul(message, ':') - message);

    for (size_t i = 0; i < ARRAY_SIZE(table); i++) {
        size_t word = strlen(table[i].word);
        if (len <= word || strncmp(message, table[i].word, word) != 0)
            continue;
        const char *rest = message[len] && message[len + 1] == ' ' ? message + len + 2 : "";
        size_t field = field_len(rest);
        return snprintf(out, size, "%s%.*s%s%.*s", table[i].section, (int)(len - word),
                        message + word, field ? "/" : "", (int)field, rest) < (int)size;
    }
    return false;
}

/* The line of that is known here alone; 0: it is about nothing in the file. */
static int place_of(const struct source *s, const char *message, int *ret_column)
{
    char pointer[256];

    *ret_column = 0;
    return pointer_of(message, pointer, sizeof pointer) ? yaml_map_line(s->map, pointer, ret_column)
                                                        : 0;
}

static void add_place(const struct source *s, struct err *e)
{
    int column, line = place_of(s, e->text, &column);

    if (line)
        err_wrap(e, "%s:%d:%d", s->file, line, column);
}

static void add_places(const struct source *s, json_t *warnings)
{
    size_t i;
    json_t *w;

    json_array_foreach(warnings, i, w)
    {
        const char *text = json_string_value(w);
        int column, line = text ? place_of(s, text, &column) : 0;
        if (line)
            json_array_set_new(warnings, i,
                               json_sprintf("%s:%d:%d: %s", s->file, line, column, text));
    }
}

/* --- the plan --- */

struct tally {
    const char *action;
    int n;
};

static void count(struct tally *t, size_t max, const char *action)
{
    for (size_t i = 0; i < max; i++) {
        if (!t[i].action)
            t[i].action = action;
        if (strcmp(t[i].action, action) == 0) {
            t[i].n++;
            return;
        }
    }
}

static void put_summary(const struct tally *t, size_t max, const char *what)
{
    for (size_t i = 0; i < max && t[i].action; i++)
        printf("%s%d %s", i ? ", " : "", t[i].n, t[i].action);
    printf("%s%s\n", t[0].action ? "; " : "", what);
}

void print_warnings(const json_t *answer)
{
    size_t i;
    json_t *row;

    json_array_foreach(json_object_get(answer, "warnings"), i, row)
        fprintf(stderr, "warning: %s\n", json_string_value(row) ? json_string_value(row) : "?");
}

json_t *plan_answer(const struct cli *c, json_t *answer)
{
    json_t *plan;

    if (!answer || (c->output != OUTPUT_CSV && c->output != OUTPUT_NAME))
        return answer;
    print_warnings(answer);
    plan = json_incref(json_object_get(answer, "plan"));
    json_decref(answer);
    return plan;
}

static int print_plan(struct cli *c, const json_t *tree, const char *done, struct err *e)
{
    static const char *const columns[] = { "OBJECT", "NAME", "ACTION", "CLASS", "FIELDS", NULL };
    struct table *t = table_new(c, columns, true);
    struct tally tally[8] = { { NULL, 0 } };
    size_t i, shown = 0;
    json_t *row;

    print_warnings(tree);
    json_array_foreach(json_object_get(tree, "plan"), i, row)
    {
        auto_buf struct buf fields = BUF_INIT;
        const char *action = out_text(row, "action");
        count(tally, ARRAY_SIZE(tally), action);
        if (strcmp(action, "unchanged") == 0)
            continue;
        out_list(json_object_get(row, "fields"), &fields);
        const char *cells[] = { out_text(row, "object"), out_text(row, "name"), action,
                                out_text(row, "class"), buf_str(&fields) };
        table_row(t, TINT_NONE, cells);
        shown++;
    }
    if (!shown)
        table_free(t);
    else if (table_print(t, e) < 0)
        return -1;
    put_summary(tally, ARRAY_SIZE(tally),
                json_is_true(json_object_get(tree, "changed")) ? done : "nothing changed");
    return 0;
}

static int print_applied(struct cli *c, const json_t *tree, struct err *e)
{
    return print_plan(c, tree, "applied", e);
}

static int print_planned(struct cli *c, const json_t *tree, struct err *e)
{
    return print_plan(c, tree, "nothing was changed (--dry-run)", e);
}

static json_t *send(struct cli *c, struct source *s, bool dry_run, struct err *e)
{
    json_t *body = json_pack("{s:O, s:b}", "fleet", s->tree, "dry-run", dry_run), *result = NULL;
    struct client *client = cli_client(c, e);

    if (client && !(result = client_send(client, "POST", "/v1/apply", body, e)))
        add_place(s, e);
    add_places(s, json_object_get(result, "warnings"));
    json_decref(body);
    return result;
}

/* With what the file does not have: planned first, asked for, and removed when the rest is done. */
static json_t *send_and_prune(struct cli *c, const struct args *a, struct source *s, bool dry_run,
                              int *ret, struct err *e)
{
    bool destroy = args_option(a, "destroy-disks") != NULL;
    json_t *result = send(c, s, true, e), *rows;

    if (!result)
        return NULL;
    rows = prune_plan(c, json_object_get(result, "plan"), destroy, e);
    if (!rows || (!dry_run && prune_confirm(c, a, rows, e) < 0)) {
        json_decref(rows);
        json_decref(result);
        return NULL;
    }
    if (!dry_run) {
        json_decref(result);
        if ((result = send(c, s, false, e)))
            *ret = prune_do(c, rows, destroy, e);
    }
    if (result && json_array_size(rows)) {
        json_array_extend(json_object_get(result, "plan"), rows);
        json_object_set_new(result, "changed", json_true());
    }
    json_decref(rows);
    return result;
}

int run_apply(struct cli *c, const struct args *a, struct err *e)
{
    const char *file = args_option(a, "file");
    bool dry_run = args_option(a, "dry-run") != NULL, prune = args_option(a, "prune") != NULL;
    struct source s = { NULL };
    json_t *result = NULL;
    struct err why;
    int r = 0;

    if (!file)
        return err_set(e, ERR_INVALID, "apply: say which file: roost apply -f fleet.yaml");
    if (args_option(a, "destroy-disks") && !prune)
        return err_set(e, ERR_INVALID, "apply: --destroy-disks is for --prune");
    if (load(file, &s, e) == 0 && fleet_inline(s.tree, s.file, s.map, s.dir, e) == 0 &&
        check(&s, e) == 0)
        result = prune ? send_and_prune(c, a, &s, dry_run, &r, e) : send(c, &s, dry_run, e);
    source_done(&s);
    if (out_tree(c, plan_answer(c, result), dry_run ? print_planned : print_applied, r < 0 ? &why : e) < 0)
        return -1;
    return r;
}
