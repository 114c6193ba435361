/* roost events: what happened, and what happens. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/out.h"

#define LIMIT     20
#define LIMIT_MAX 1000
#define WAIT_S    50
#define RETRY_MS  250

static enum tint tint_of_kind(const char *kind)
{
    static const char *const bad[] = { "failed", "launch-failed", "overdue", "key-mismatch",
                                       "fault" },
                             *const good[] = { "homed", "homed-again", "configured", "finished" };

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (strcmp(bad[i], kind) == 0)
            return TINT_BAD;
    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        if (strcmp(good[i], kind) == 0)
            return TINT_GOOD;
    return TINT_NONE;
}

int print_events(struct cli *c, const json_t *events, struct err *e)
{
    static const char *const columns[] = { "WHEN", "INSTANCE", "EVENT", "BY", "DETAIL", NULL };
    struct table *t;
    size_t i;
    json_t *row;

    if (!json_array_size(events)) {
        puts("no events");
        return 0;
    }
    t = table_new(c, columns, true);
    json_array_foreach(events, i, row)
    {
        char when[40];
        const char *kind = out_text(row, "kind"), *time = out_text(row, "time");
        const char *cells[] = { *time ? when_ago(time, when) : "undated", out_text(row, "instance"),
                                kind, out_text(row, "actor"), out_text(row, "detail") };
        table_row(t, tint_of_kind(kind), cells);
    }
    return table_print(t, e);
}

static int print_reply(struct cli *c, const json_t *tree, struct err *e)
{
    return print_events(c, json_object_get(tree, "events"), e);
}

static void query(struct buf *path, const struct args *a, const char *rest)
{
    buf_clear(path);
    buf_printf(path, "/v1/events?%s", rest);
    if (a->n) {
        buf_puts(path, "&instance=");
        buf_percent(path, a->operand[0]);
    }
}

/* Time by the clock: "4m ago" would not be true for long. */
static int put_followed(struct cli *c, const json_t *events, struct err *e)
{
    size_t i;
    json_t *row;

    json_array_foreach(events, i, row)
    {
        const char *name = out_text(row, "instance"), *detail = out_text(row, "detail");
        if (c->output != OUTPUT_TABLE) {
            if (out_document(c, row, e) < 0)
                return -1;
            continue;
        }
        const char *time = out_text(row, "time");
        printf("%s %s%s%s%s%s\n", *time ? time : "undated", name, *name ? " " : "",
               out_text(row, "kind"), *detail ? ": " : "", detail);
    }
    return out_flush(e);
}

/* What comes behind a number; while roost is away it is asked again, and goes on where it was. */
static json_t *next(struct cli *c, const char *path, struct err *e)
{
    const struct timespec pause = { .tv_nsec = RETRY_MS * 1000000L };
    bool told = false;
    json_t *reply;

    while (!(reply = client_get(c->client, path, e)) && e->kind == ERR_BUSY) {
        if (!told)
            fprintf(stderr, "roost: %s; waiting for it\n", e->text);
        told = true;
        nanosleep(&pause, NULL);
    }
    if (told && reply)
        fputs("roost: it is there again\n", stderr);
    return reply;
}

static int follow(struct cli *c, const struct args *a, json_t *reply, struct err *e)
{
    auto_buf struct buf path = BUF_INIT;

    while (reply) {
        char rest[96];
        int64_t last = out_number(reply, "last");
        int bad = put_followed(c, json_object_get(reply, "events"), e);
        json_decref(reply);
        if (bad)
            return -1;
        snprintf(rest, sizeof rest, "after=%lld&wait=%d", (long long)last, WAIT_S);
        query(&path, a, rest);
        reply = next(c, buf_str(&path), e);
    }
    return -1;
}

int run_events(struct cli *c, const struct args *a, struct err *e)
{
    auto_buf struct buf path = BUF_INIT;
    char rest[64];
    uint64_t limit;
    json_t *reply;

    if (args_number(a, "limit", 1, LIMIT_MAX, LIMIT, &limit, e) < 0)
        return -1;
    snprintf(rest, sizeof rest, "newest=1&limit=%llu", (unsigned long long)limit);
    query(&path, a, rest);
    reply = client_get(cli_client(c, e), buf_str(&path), e);
    if (reply)
        client_for_output(c->client);
    return args_option(a, "follow") ? follow(c, a, reply, e) : out_tree(c, reply, print_reply, e);
}
