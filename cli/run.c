/* roost run, runs, run show, run cancel: Ansible's runs. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/out.h"

#define LIMIT     20
#define LIMIT_MAX 1000
#define AGAIN_MS  250

/* --- lists --- */

static enum tint tint_of_outcome(const char *outcome)
{
    static const struct {
        const char *outcome;
        enum tint tint;
    } table[] = { { "ok", TINT_GOOD },      { "changed", TINT_GOOD },  { "skipped", TINT_GOOD },
                  { "", TINT_NONE },        { "done", TINT_NONE },     { "running", TINT_WARN },
                  { "pending", TINT_NONE }, { "cancelled", TINT_WARN } };

    for (size_t i = 0; i < ARRAY_SIZE(table); i++)
        if (strcmp(table[i].outcome, outcome) == 0)
            return table[i].tint;
    return TINT_BAD;
}

static bool has_ended(const json_t *run)
{
    return strcmp(out_text(run, "state"), "done") == 0;
}

static int print_runs(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const columns[] = { "ID",   "STATE", "HOSTS",  "PLAYBOOK", "BY",
                                           "WHEN", "TOOK",  "REASON", NULL };
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
        const char *state = out_text(row, has_ended(row) ? "how" : "state");
        char id[24], hosts[24], when[40], took[24];
        snprintf(id, sizeof id, "%lld", (long long)out_number(row, "id"));
        snprintf(hosts, sizeof hosts, "%lld", (long long)out_number(row, "hosts"));
        const char *cells[] = { id,
                                state,
                                hosts,
                                out_text(row, "playbook"),
                                out_text(row, "actor"),
                                when_ago(out_text(row, "asked"), when),
                                format_duration(out_number(row, "took-ms"), took),
                                out_text(row, "reason") };
        table_row(t, tint_of_outcome(state), cells);
    }
    return table_print(t, e);
}

int run_runs(struct cli *c, const struct args *a, struct err *e)
{
    auto_buf struct buf path = BUF_INIT;
    uint64_t limit;

    if (args_number(a, "limit", 1, LIMIT_MAX, LIMIT, &limit, e) < 0)
        return -1;
    buf_printf(&path, "/v1/runs?limit=%llu", (unsigned long long)limit);
    if (a->n) {
        buf_puts(&path, "&instance=");
        buf_percent(&path, a->operand[0]);
    }
    return out_tree(c, client_get(cli_client(c, e), buf_str(&path), e), print_runs, e);
}

/* --- one --- */

static void print_head(const json_t *run)
{
    char took[24];
    const char *reason = out_text(run, "reason");

    printf("run %lld: %s, %s on %lld guest%s, %s%s%s\n", (long long)out_number(run, "id"),
           out_text(run, has_ended(run) ? "how" : "state"), out_text(run, "playbook"),
           (long long)out_number(run, "hosts"), out_number(run, "hosts") == 1 ? "" : "s",
           format_duration(out_number(run, "took-ms"), took), *reason ? ": " : "", reason);
}

static int print_run(struct cli *c, const json_t *tree, struct err *e)
{
    static const char *const columns[] = { "NAME", "OUTCOME", "TOOK", "TASK", "MESSAGE", NULL };
    struct table *t;
    size_t i;
    json_t *row;

    print_head(tree);
    t = table_new(c, columns, true);
    json_array_foreach(json_object_get(tree, "of"), i, row)
    {
        const char *outcome = out_text(row, "outcome");
        char took[24];
        const char *cells[] = { out_text(row, "name"), outcome,
                                format_duration(out_number(row, "duration-ms"), took),
                                out_text(row, "task"), out_text(row, "message") };
        table_row(t, tint_of_outcome(outcome), cells);
    }
    return table_print(t, e);
}

static void pause_a_little(void)
{
    const struct timespec pause = { .tv_nsec = AGAIN_MS * 1000000L };

    nanosleep(&pause, NULL);
}

/* Prints what is behind *from. 1: the run has ended and all was told, 0, -1. */
static int print_log(struct cli *c, const char *id, int64_t *from, struct err *e)
{
    char rest[48];

    for (;;) {
        snprintf(rest, sizeof rest, "/log?from=%lld", (long long)*from);
        auto_free char *path = path_run(id, rest);
        json_t *part = client_get(cli_client(c, e), path, e);
        if (!part)
            return -1;
        int64_t next = out_number(part, "next");
        bool over = has_ended(part), more = next != *from;
        fputs(out_text(part, "text"), stdout);
        *from = next;
        json_decref(part);
        if (!more)
            return out_flush(e) < 0 ? -1 : over;
    }
}

static int follow_log(struct cli *c, const char *id, bool follow, struct err *e)
{
    int64_t from = 0;
    int r;

    while ((r = print_log(c, id, &from, e)) == 0 && follow)
        pause_a_little();
    return r < 0 ? -1 : 0;
}

/* Its row once it has ended; while roost restarts it is asked again. */
static json_t *wait_for(struct cli *c, const char *id, struct err *e)
{
    auto_free char *path = path_run(id, "");

    for (;;) {
        json_t *run = client_get(cli_client(c, e), path, e);
        if (run && has_ended(run))
            return run;
        if (!run && e->kind != ERR_BUSY)
            return NULL;
        json_decref(run);
        pause_a_little();
    }
}

int run_run_show(struct cli *c, const struct args *a, struct err *e)
{
    bool follow = args_option(a, "follow") != NULL;
    auto_free char *path = path_run(a->operand[0], "");

    if (args_option(a, "log"))
        return follow_log(c, a->operand[0], follow, e);
    return out_tree(c,
                    follow ? wait_for(c, a->operand[0], e) : client_get(cli_client(c, e), path, e),
                    print_run, e);
}

/* --- doing --- */

static json_t *list_of(const char *const *values, int n)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_string(values[i]));
    return list;
}

static json_t *body_of(const struct args *a)
{
    const char *tags[ARGS_SAID_MAX], *group = args_option(a, "group"),
                                     *playbook = args_option(a, "playbook");
    int n = args_list(a, "tags", tags);
    json_t *body =
        json_pack("{s:o, s:o, s:b}", "names", list_of((const char *const *)a->operand, a->n),
                  "tags", list_of(tags, n), "check", args_option(a, "check") != NULL);

    if (group)
        json_object_set_new(body, "group", json_string(group));
    if (playbook)
        json_object_set_new(body, "playbook", json_string(playbook));
    return body;
}

static void tell_left_out(const json_t *begun)
{
    auto_buf struct buf names = BUF_INIT;

    out_list(json_object_get(begun, "left-out"), &names);
    if (names.len)
        fprintf(stderr, "roost: not home, so left out: %s\n", buf_str(&names));
}

static int print_begun(struct cli *c, const json_t *tree, struct err *e)
{
    (void)c;
    (void)e;
    printf("run %lld\n", (long long)out_number(tree, "id"));
    return 0;
}

/* The first that did not go well decides the exit code. */
static int judge(const json_t *run, struct err *e)
{
    size_t i, bad = 0;
    json_t *row;

    if (strcmp(out_text(run, "how"), "done") != 0)
        return err_set(e, ERR_IO, "run %lld: %s: %s", (long long)out_number(run, "id"),
                       out_text(run, "how"), out_text(run, "reason"));
    json_array_foreach(json_object_get(run, "of"), i, row) bad +=
        tint_of_outcome(out_text(row, "outcome")) == TINT_BAD;
    return bad ? err_set(e, ERR_IO, "run %lld did not go well on %zu of %zu guests",
                         (long long)out_number(run, "id"), bad, i)
               : 0;
}

int run_run(struct cli *c, const struct args *a, struct err *e)
{
    json_t *body = body_of(a), *begun, *run;
    char id[24];
    int r;

    begun = client_send(cli_client(c, e), "POST", "/v1/runs", body, e);
    json_decref(body);
    if (!begun)
        return -1;
    tell_left_out(begun);
    if (args_option(a, "detach"))
        return out_tree(c, begun, print_begun, e);
    snprintf(id, sizeof id, "%lld", (long long)out_number(begun, "id"));
    json_decref(begun);
    if (!(run = wait_for(c, id, e)))
        return -1;
    json_incref(run);
    r = out_tree(c, run, print_run, e);
    if (r == 0)
        r = judge(run, e);
    json_decref(run);
    return r;
}

int run_run_cancel(struct cli *c, const struct args *a, struct err *e)
{
    for (int i = 0; i < a->n; i++) {
        auto_free char *path = path_run(a->operand[i], "/cancel");
        json_t *done = client_send(cli_client(c, e), "POST", path, NULL, e);
        if (!done)
            return -1;
        json_decref(done);
        if (c->output == OUTPUT_TABLE)
            printf("run %s cancelled\n", a->operand[i]);
    }
    return 0;
}
