/* roost task list, show, wait, cancel. */
#include "cli/task.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/unfinished.h"

#define WAIT_MS    10000 /* of one request */
#define LINE_MS    5000  /* between lines where there is no terminal */
#define BAR_CELLS  24
#define LABEL_SIZE 64

struct shown {
    bool bar, quiet;
    int64_t last_ms;
    char last_step[160];
    int64_t last_percent;
};

static bool is_running(const json_t *task)
{
    return strcmp(out_text(task, "state"), "running") == 0;
}

static int64_t percent_of(const json_t *task)
{
    int64_t total = out_number(task, "total"), bytes = out_number(task, "bytes");

    return total > 0 ? bytes * 100 / total : -1;
}

static void put_amount(const json_t *task, char *out, size_t size)
{
    char bytes[24], total[24];
    int64_t all = out_number(task, "total");

    format_size((uint64_t)out_number(task, "bytes"), bytes);
    format_size((uint64_t)all, total);
    out[0] = '\0';
    if (out_number(task, "bytes") > 0)
        snprintf(out, size, "%s%s%s", bytes, all > 0 ? " of " : "", all > 0 ? total : "");
}

/* One line that is written over. */
static void show_bar(const json_t *task)
{
    int64_t percent = percent_of(task);
    char amount[80], cells[BAR_CELLS + 1] = "";
    int full = percent < 0 ? 0 : (int)(percent * BAR_CELLS / 100);

    for (int i = 0; i < BAR_CELLS && percent >= 0; i++)
        cells[i] = i < full ? '#' : '.';
    put_amount(task, amount, sizeof amount);
    fprintf(stderr, "\r\033[K%s: %.50s %s%s%s %s", out_text(task, "object"), out_text(task, "step"),
            percent >= 0 ? "[" : "", cells, percent >= 0 ? "]" : "", amount);
    fflush(stderr);
}

static void show_line(struct shown *s, const json_t *task)
{
    int64_t now = clock_now().boot_ms, percent = percent_of(task);
    const char *step = out_text(task, "step");
    char amount[80];

    if (strcmp(step, s->last_step) == 0 && now - s->last_ms < LINE_MS)
        return;
    snprintf(s->last_step, sizeof s->last_step, "%s", step);
    s->last_ms = now;
    put_amount(task, amount, sizeof amount);
    fprintf(stderr, "%s: %s%s%s", out_text(task, "object"), step, *amount ? " " : "", amount);
    if (percent >= 0)
        fprintf(stderr, " (%" PRId64 " %%)", percent);
    fputc('\n', stderr);
}

static void show(struct shown *s, const json_t *task)
{
    if (s->quiet)
        return;
    if (s->bar)
        show_bar(task);
    else
        show_line(s, task);
}

static json_t *ask(struct cli *c, int64_t id, int64_t seen, struct err *e)
{
    char path[96];

    snprintf(path, sizeof path, "/v1/tasks/%" PRId64 "?seen=%" PRId64 "&wait=%d", id, seen,
             WAIT_MS);
    return client_get(cli_client(c, e), path, e);
}

/* Its own words, in the kind that the server gave them. */
static int failed(const json_t *task, struct err *e)
{
    const json_t *why = json_object_get(task, "error");
    int kind = err_kind_from_name(out_text(why, "kind"));

    return err_set(e, kind < 0 ? ERR_INTERNAL : (enum err_kind)kind, "%s",
                   out_text(why, "message"));
}

json_t *task_follow(struct cli *c, const json_t *task, bool quiet, struct err *e)
{
    struct shown s = { .bar = isatty(STDERR_FILENO), .quiet = quiet };
    json_t *t = json_incref((json_t *)task), *next;
    int64_t id = out_number(task, "id");
    char words[160];

    snprintf(words, sizeof words,
             "%stask %" PRId64 " goes on without this command: roost task wait %" PRId64
             ", or roost task cancel %" PRId64 "\n",
             s.bar ? "\r\033[K" : "", id, id, id);
    if (!quiet)
        unfinished_elsewhere(words);
    while (t && is_running(t)) {
        show(&s, t);
        next = ask(c, id, out_number(t, "version"), e);
        json_decref(t);
        t = next;
    }
    if (!quiet)
        unfinished_over();
    if (s.bar && !quiet)
        fputs("\r\033[K", stderr);
    if (!t)
        err_wrap(e, "task %" PRId64, id);
    if (t && strcmp(out_text(t, "state"), "done") != 0) {
        failed(t, e);
        json_decref(t);
        t = NULL;
    }
    return t;
}

/* --- list, show --- */

static enum tint tint_of_task(const char *state)
{
    static const struct {
        const char *state;
        enum tint tint;
    } table[] = { { "running", TINT_WARN },
                  { "done", TINT_GOOD },
                  { "failed", TINT_BAD },
                  { "interrupted", TINT_BAD } };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (strcmp(table[i].state, state) == 0)
            return table[i].tint;
    return TINT_NONE;
}

static void put_note(const json_t *task, char *out, size_t size)
{
    const char *why = out_text(json_object_get(task, "error"), "message");
    int64_t percent = percent_of(task);

    snprintf(out, size, "%s", *why ? why : is_running(task) ? out_text(task, "step") : "");
    if (is_running(task) && percent >= 0)
        snprintf(out, size, "%s, %" PRId64 " %%", out_text(task, "step"), percent);
}

static int print_list(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const columns[] = {
        "TASK", "KIND", "OBJECT", "STATE", "BEGUN", "NOTE", NULL
    };
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
        char id[24], ago[40], note[512];
        snprintf(id, sizeof id, "%" PRId64, out_number(row, "id"));
        put_note(row, note, sizeof note);
        const char *cells[] = { id,
                                out_text(row, "kind"),
                                out_text(row, "object"),
                                out_text(row, "state"),
                                when_ago(out_text(row, "begun"), ago),
                                note };
        table_row(t, tint_of_task(cells[3]), cells);
    }
    return table_print(t, e);
}

int run_task_list(struct cli *c, const struct args *a, struct err *e)
{
    (void)a;
    return out_tree(c, client_get(cli_client(c, e), "/v1/tasks", e), print_list, e);
}

static int print_show(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const columns[] = { "", "", NULL };
    static const char *const keys[] = { "kind", "object", "what",  "state",
                                        "step", "by",     "begun", "ended" };
    struct table *t = table_new(c, columns, false);
    const char *why = out_text(json_object_get(tree, "error"), "message");
    char amount[80], id[24];

    snprintf(id, sizeof id, "%" PRId64, out_number(tree, "id"));
    table_row(t, TINT_NONE, (const char *[]){ "task", id });
    for (size_t i = 0; i < ARRAY_SIZE(keys); i++) {
        const char *cells[] = { keys[i], out_text(tree, keys[i]) };
        if (*cells[1])
            table_row(t, i == 3 ? tint_of_task(cells[1]) : TINT_NONE, cells);
    }
    put_amount(tree, amount, sizeof amount);
    if (*amount)
        table_row(t, TINT_NONE, (const char *[]){ "so far", amount });
    if (*why)
        table_row(t, TINT_BAD, (const char *[]){ "error", why });
    return table_print(t, e);
}

static json_t *get(struct cli *c, const char *id, struct err *e)
{
    auto_free char *path = path_task(id, "");

    return client_get(cli_client(c, e), path, e);
}

int run_task_show(struct cli *c, const struct args *a, struct err *e)
{
    return out_tree(c, get(c, a->operand[0], e), print_show, e);
}

/* --- wait, cancel --- */

static int print_ended(struct cli *c, const json_t *tree, struct err *e)
{
    (void)c;
    (void)e;
    printf("task %" PRId64 " (%s %s) is done\n", out_number(tree, "id"), out_text(tree, "kind"),
           out_text(tree, "object"));
    return 0;
}

int run_task_wait(struct cli *c, const struct args *a, struct err *e)
{
    bool quiet = args_option(a, "quiet") != NULL || c->output != OUTPUT_TABLE;
    json_t *task = get(c, a->operand[0], e), *end = task ? task_follow(c, task, quiet, e) : NULL;

    json_decref(task);
    return out_tree(c, end, print_ended, e);
}
