#include "cli/select.h"

#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/out.h"
#include "model/lifecycle.h"
#include "model/words.h"

#define NAMES_SHOWN 8

static int check_state(const char *state, struct err *e)
{
    const char *names[PHASES + 2], *near;

    if (!state || !strcmp(state, "overdue") || !strcmp(state, "queued") ||
        phase_from_name(state) >= 0)
        return 0;
    for (int p = 0; p < PHASES; p++)
        names[p] = phase_name((enum phase)p);
    names[PHASES] = "overdue";
    names[PHASES + 1] = "queued";
    near = nearest_name(state, names, ARRAY_SIZE(names));
    if (strchr(state, '/'))
        return err_set(e, ERR_INVALID,
                       "--state: there is no state \"%.80s\"; a state directory is said before the "
                       "command: roost --state DIR …",
                       state);
    if (near)
        return err_set(e, ERR_INVALID, "--state: there is no state \"%.40s\": did you mean %s?", state,
                       near);
    auto_buf struct buf list = BUF_INIT;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++)
        buf_printf(&list, "%s%s", i ? ", " : "", names[i]);
    return err_set(e, ERR_INVALID, "--state: there is no state \"%.40s\": there are %s", state,
                   buf_str(&list));
}

static bool has_text(const json_t *list, const char *text)
{
    size_t i;
    json_t *v;

    json_array_foreach(list, i,
                       v) if (json_is_string(v) && !strcmp(json_string_value(v), text)) return true;
    return false;
}

static bool is_named(const char *name, const struct args *a)
{
    for (int i = 0; i < a->n; i++)
        if (fnmatch(a->operand[i], name, 0) == 0)
            return true;
    return a->n == 0;
}

static bool fits(const json_t *row, const struct args *a)
{
    const char *group = args_option(a, "group"), *state = args_option(a, "state");

    return is_named(out_text(row, "name"), a) &&
           (!group || has_text(json_object_get(row, "groups"), group)) &&
           (!state || !strcmp(out_text(row, "state"), state) ||
            !strcmp(out_text(row, "phase"), state));
}

/* What was named in full has to be there, and to fit. */
static int check_named(const json_t *found, const struct args *a, struct err *e)
{
    for (int i = 0; i < a->n; i++) {
        bool there = false;
        size_t k;
        json_t *row;
        json_array_foreach(found, k, row) there =
            there || fnmatch(a->operand[i], out_text(row, "name"), 0) == 0;
        if (!there)
            return err_set(e, ERR_NOT_FOUND, "no instance %s %s%s; see: roost instance list",
                           operand_is_pattern(a->operand[i]) ? "is like" : "is called", a->operand[i],
                           args_option(a, "group") || args_option(a, "state")
                               ? " and is in that group or state"
                               : "");
    }
    return 0;
}

json_t *select_rows(const json_t *rows, const struct args *a, struct err *e)
{
    json_t *found, *row;
    size_t i;

    if (check_state(args_option(a, "state"), e) < 0)
        return NULL;
    found = json_array();
    json_array_foreach(rows, i, row) if (fits(row, a)) json_array_append(found, row);
    if (check_named(found, a, e) == 0)
        return found;
    json_decref(found);
    return NULL;
}

/* --- for commands that do something to them --- */

void selection_done(struct selection *s)
{
    for (int i = 0; s->name && i < s->n; i++)
        free(s->name[i]);
    free(s->name);
    *s = (struct selection){ 0 };
}

static int add(struct selection *s, const char *name, struct err *e)
{
    if (!(s->name[s->n] = strdup(name)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    s->n++;
    return 0;
}

static int take_names(const struct args *a, struct selection *ret, struct err *e)
{
    ret->by_name = true;
    if (!(ret->name = calloc((size_t)a->n + 1, sizeof *ret->name)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    for (int i = 0; i < a->n; i++)
        if (add(ret, a->operand[i], e) < 0)
            return -1;
    return 0;
}

static int look_up(struct cli *c, const struct args *a, struct selection *ret, struct err *e)
{
    json_t *rows = client_get(cli_client(c, e), "/v1/instances", e), *row;
    json_t *found = rows ? select_rows(rows, a, e) : NULL;
    int r = found ? 0 : -1;
    size_t i;

    json_decref(rows);
    if (found && !json_array_size(found))
        r = err_set(e, ERR_NOT_FOUND, "no instance is selected; see: roost instance list");
    if (r == 0 && !(ret->name = calloc(json_array_size(found) + 1, sizeof *ret->name)))
        r = err_set(e, ERR_INTERNAL, "out of memory");
    json_array_foreach(found, i, row) if (r == 0) r = add(ret, out_text(row, "name"), e);
    json_decref(found);
    return r;
}

int select_instances(struct cli *c, const struct args *a, struct selection *ret, struct err *e)
{
    bool narrowed = args_option(a, "group") || args_option(a, "state");
    bool all = args_option(a, "all") != NULL, patterns = false;
    int r;

    *ret = (struct selection){ 0 };
    for (int i = 0; i < a->n; i++)
        patterns = patterns || operand_is_pattern(a->operand[i]);
    if (all && a->n)
        return err_set(e, ERR_INVALID, "%s: --all or names, not both", a->command->words);
    if (!a->n && !all && !narrowed)
        return err_set(e, ERR_INVALID, "%s: say which: names, patterns, --group, --state or --all",
                       a->command->words);
    r = a->n && !narrowed && !patterns ? take_names(a, ret, e) : look_up(c, a, ret, e);
    if (r < 0)
        selection_done(ret);
    return r;
}

/* --- before something is destroyed --- */

static int ask(const struct selection *s, const char *what, struct err *e)
{
    char line[16];

    fprintf(stderr, "This is going to %s %d instance%s:", what, s->n, s->n == 1 ? "" : "s");
    for (int i = 0; i < s->n && i < NAMES_SHOWN; i++)
        fprintf(stderr, " %s", s->name[i]);
    fprintf(stderr, "%s\nGo on? [y/N] ", s->n > NAMES_SHOWN ? " …" : "");
    fflush(stderr);
    if (fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y'))
        return 0;
    return err_set(e, ERR_DENIED, "nothing was done");
}

int select_confirm(const struct selection *s, const struct args *a, const char *what, struct err *e)
{
    if (args_option(a, "yes"))
        return 0;
    if (isatty(STDIN_FILENO) && isatty(STDERR_FILENO))
        return ask(s, what, e);
    if (s->by_name)
        return 0;
    return err_set(e, ERR_DENIED,
                   "%s would %s %d instance%s that %s not named one by one: say --yes too",
                   a->command->words, what, s->n, s->n == 1 ? "" : "s", s->n == 1 ? "is" : "are");
}
