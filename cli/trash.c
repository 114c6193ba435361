/* roost instance trash list, restore, empty. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/out.h"

static json_t *get(struct cli *c, struct err *e)
{
    return client_get(cli_client(c, e), "/v1/trash", e);
}

/* --- list --- */

static int print_trash(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const columns[] = { "NUMBER", "NAME", "SIZE", "REMOVED", "UNTIL", "BY", NULL };
    struct table *t = table_new(c, columns, true);
    json_t *row;
    size_t i;

    json_array_foreach(tree, i, row)
    {
        char number[24], size[24], removed[40];
        snprintf(number, sizeof number, "%lld", (long long)out_number(row, "number"));
        const char *cells[] = { number,
                                out_text(row, "name"),
                                format_size((uint64_t)out_number(row, "size"), size),
                                when_ago(out_text(row, "removed"), removed),
                                out_text(row, "until"),
                                out_text(row, "by") };
        table_row(t, TINT_NONE, cells);
    }
    return table_print(t, e);
}

int run_trash_list(struct cli *c, const struct args *a, struct err *e)
{
    (void)a;
    return out_tree(c, get(c, e), print_trash, e);
}

/* --- restore --- */

static int print_restored(struct cli *c, const json_t *tree, struct err *e)
{
    (void)c, (void)e;
    printf("instance %s is back\n", out_text(tree, "name"));
    return 0;
}

int run_trash_restore(struct cli *c, const struct args *a, struct err *e)
{
    auto_free char *path = path_trash(a->operand[0], "/restore");
    const char *as = args_option(a, "as");
    json_t *body = as ? json_pack("{s:s}", "as", as) : json_object(), *answer;
    struct client *client = cli_client(c, e);

    answer = client && body ? client_send(client, "POST", path, body, e) : NULL;
    json_decref(body);
    return answer ? out_tree(c, answer, print_restored, e) : -1;
}

/* --- empty --- */

/* New reference: the numbers of all, or what was named. */
static json_t *chosen(struct cli *c, const struct args *a, struct err *e)
{
    json_t *list, *row, *ret = json_array();
    size_t i;

    for (int k = 0; k < a->n; k++)
        json_array_append_new(ret, json_string(a->operand[k]));
    if (a->n)
        return ret;
    if (!(list = get(c, e))) {
        json_decref(ret);
        return NULL;
    }
    json_array_foreach(list, i, row)
        json_array_append_new(ret, json_sprintf("%lld", (long long)out_number(row, "number")));
    json_decref(list);
    return ret;
}

static int ask(const struct args *a, size_t n, struct err *e)
{
    char line[16];

    if (args_option(a, "yes") || n == 0)
        return 0;
    if (!isatty(STDIN_FILENO) || !isatty(STDERR_FILENO))
        return a->n ? 0
                    : err_set(e, ERR_DENIED,
                              "%s would delete the disks of %zu instance%s for good: say --yes too",
                              a->command->words, n, n == 1 ? "" : "s");
    fprintf(stderr, "This is going to delete the disks of %zu instance%s for good.\nGo on? [y/N] ", n,
            n == 1 ? "" : "s");
    fflush(stderr);
    if (fgets(line, sizeof line, stdin) && (line[0] == 'y' || line[0] == 'Y'))
        return 0;
    return err_set(e, ERR_DENIED, "nothing was done");
}

static int print_emptied(struct cli *c, const json_t *tree, struct err *e)
{
    json_t *v;
    size_t i;

    (void)c, (void)e;
    json_array_foreach(tree, i, v) printf("%s is gone\n", json_string_value(v));
    return 0;
}

static int forget(struct cli *c, const json_t *which, json_t *gone, struct err *e)
{
    struct client *client = cli_client(c, e);
    struct err first = { .kind = ERR_NONE };
    json_t *v;
    size_t i;

    json_array_foreach(which, i, v)
    {
        auto_free char *path = path_trash(json_string_value(v), "");
        json_t *answer = client ? client_send(client, "DELETE", path, NULL, e) : NULL;
        if (answer)
            json_array_append(gone, v);
        else if (first.kind == ERR_NONE)
            first = *e;
        else
            fprintf(stderr, "roost: %s\n", e->text);
        json_decref(answer);
    }
    *e = first;
    return first.kind == ERR_NONE ? 0 : -1;
}

int run_trash_empty(struct cli *c, const struct args *a, struct err *e)
{
    json_t *which, *gone = json_array();
    struct err why;
    int r;

    if ((a->n != 0) == (args_option(a, "all") != NULL)) {
        json_decref(gone);
        return err_set(e, ERR_INVALID, "%s: say which, by number or name, or --all",
                       a->command->words);
    }
    if (!(which = chosen(c, a, e)) || ask(a, json_array_size(which), e) < 0) {
        json_decref(which);
        json_decref(gone);
        return -1;
    }
    r = forget(c, which, gone, e);
    json_decref(which);
    if (out_tree(c, gone, print_emptied, r < 0 ? &why : e) < 0)
        return -1;
    return r;
}
