/* roost wait: follows the events until instances are where they should be. */
#include "cli/wait_priv.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/clock.h"
#include "base/parse.h"
#include "cli/client.h"
#include "cli/commands.h"
#include "cli/out.h"
#include "cli/select.h"
#include "model/words.h"

#define TIMEOUT_MS    300000
#define POLL_S        30  /* of one long poll */
#define RETRY_MS      250 /* while roost restarts */
#define SINGLY_MAX    8   /* looked at one by one; more of them as the whole list */

enum arrival arrival_of(enum phase now, enum phase goal)
{
    if (goal == PHASE_STOPPED) {
        if (now == PHASE_FAILED)
            return ARRIVAL_LOST;
        return now == PHASE_STOPPED || now == PHASE_DEFINED ? ARRIVAL_REACHED : ARRIVAL_NOT_YET;
    }
    if (now == PHASE_STOPPED || now == PHASE_FAILED)
        return ARRIVAL_LOST;
    return now >= goal && now <= PHASE_CONFIGURED ? ARRIVAL_REACHED : ARRIVAL_NOT_YET;
}

int goal_parse(const char *s, enum phase *ret, struct err *e)
{
    static const enum phase goals[] = { PHASE_LAUNCHED, PHASE_SEEDED, PHASE_HOMED, PHASE_CONFIGURED,
                                        PHASE_STOPPED };
    const char *names[ARRAY_SIZE(goals)], *near;

    for (size_t i = 0; i < ARRAY_SIZE(goals); i++) {
        names[i] = phase_name(goals[i]);
        if (strcmp(names[i], s) == 0) {
            *ret = goals[i];
            return 0;
        }
    }
    near = nearest_name(s, names, ARRAY_SIZE(names));
    return err_set(e, ERR_INVALID,
                   "--for: \"%.40s\" is none of launched, seeded, homed, configured, stopped%s%s%s",
                   s, near ? "; did you mean " : "", near ? near : "", near ? "?" : "");
}

static int64_t left_ms(const struct waiting *w)
{
    return w->start_ms + w->limit_ms - clock_now().boot_ms;
}

/* --- looking --- */

static void tell(struct waiting *w, struct awaited *g)
{
    const char *state = out_text(g->row, "state"), *note = out_text(g->row, "note");
    bool news = strcmp(state, g->shown) != 0;

    if (!w->tell || (!news && !(w->live && w->n == 1)))
        return;
    if (w->live)
        fputs("\r\033[K", stderr);
    fprintf(stderr, "%s: %s%s%s%s", g->name, state, *note ? ": " : "", note,
            w->live && w->n == 1 ? "" : "\n");
    snprintf(g->shown, sizeof g->shown, "%s", state);
}

static struct awaited *awaited_of(const struct waiting *w, const char *name)
{
    for (int i = 0; i < w->n; i++)
        if (strcmp(w->guests[i].name, name) == 0)
            return &w->guests[i];
    return NULL;
}

/* Stages of cloud-init, by which no state changes. */
static void tell_stages(const struct waiting *w, const json_t *events)
{
    size_t i;
    json_t *row;

    json_array_foreach((json_t *)(uintptr_t)events, i, row)
    {
        const char *kind = out_text(row, "kind"), *name = out_text(row, "instance");
        const struct awaited *g;
        if (!w->tell || (strcmp(kind, "stage") != 0 && strcmp(kind, "module-failed") != 0))
            continue;
        if (!(g = awaited_of(w, name)) || g->arrival != ARRIVAL_NOT_YET)
            continue;
        fprintf(stderr, "%s%s: cloud-init: %s\n", w->live ? "\r\033[K" : "", name,
                out_text(row, "detail"));
    }
}

bool waits_for_turn(const json_t *row)
{
    return json_is_object(json_object_get(row, "turn"));
}

static enum arrival judge(const struct waiting *w, const json_t *row)
{
    int phase = phase_from_name(out_text(row, "phase"));
    enum arrival a = phase < 0 ? ARRIVAL_NOT_YET : arrival_of((enum phase)phase, w->goal);

    if (a == ARRIVAL_LOST && waits_for_turn(row))
        return ARRIVAL_NOT_YET;
    if (a != ARRIVAL_NOT_YET)
        return a;
    if (w->goal == PHASE_CONFIGURED && unconfigured_why(out_text(row, "configuration")))
        return ARRIVAL_UNCONFIGURED;
    return w->till_overdue && json_is_true(json_object_get(row, "overdue")) ? ARRIVAL_OVERDUE : a;
}

/* Takes the row; NULL: it is not there any more, or never was. */
static int see(struct waiting *w, struct awaited *g, json_t *row, struct err *e)
{
    if (!row && !g->row)
        return err_set(e, ERR_NOT_FOUND, "no instance %s; see: roost instance list", g->name);
    if (!row) {
        g->arrival = ARRIVAL_GONE;
        return 0;
    }
    json_decref(g->row);
    g->row = row;
    g->arrival = judge(w, row);
    tell(w, g);
    return 0;
}

static int look_singly(struct waiting *w, struct err *e)
{
    for (int i = 0; i < w->n; i++) {
        struct awaited *g = &w->guests[i];
        auto_free char *path = path_instance(g->name, "");
        json_t *row;
        if (g->arrival != ARRIVAL_NOT_YET)
            continue;
        row = client_get(w->c->client, path, e);
        if (!row && (e->kind != ERR_NOT_FOUND || !g->row))
            return -1;
        if (see(w, g, row, e) < 0)
            return -1;
    }
    return 0;
}

static int look_at_all(struct waiting *w, struct err *e)
{
    json_t *list = client_get(w->c->client, "/v1/instances", e), *by_name, *row;
    size_t i;
    int r = 0;

    if (!list)
        return -1;
    by_name = json_object();
    json_array_foreach(list, i, row) json_object_set(by_name, out_text(row, "name"), row);
    for (int k = 0; r == 0 && k < w->n; k++)
        if (w->guests[k].arrival == ARRIVAL_NOT_YET)
            r = see(w, &w->guests[k], json_incref(json_object_get(by_name, w->guests[k].name)), e);
    json_decref(by_name);
    json_decref(list);
    return r;
}

static int look(struct waiting *w, struct err *e)
{
    return w->n <= SINGLY_MAX ? look_singly(w, e) : look_at_all(w, e);
}

static bool on_the_way(const struct waiting *w)
{
    for (int i = 0; i < w->n; i++)
        if (w->guests[i].arrival == ARRIVAL_NOT_YET)
            return true;
    return false;
}

/* The next event, or a while without one. */
static int next_event(struct waiting *w, struct err *e)
{
    auto_buf struct buf path = BUF_INIT;
    int64_t left = left_ms(w), wait_s = (left + 999) / 1000;
    json_t *reply;

    if (wait_s > POLL_S)
        wait_s = POLL_S;
    if (w->live) /* the seconds on the terminal go on */
        wait_s = 1;
    buf_printf(&path, "/v1/events?after=%" PRId64 "&limit=1000&wait=%" PRId64, w->last, wait_s);
    if (w->n == 1) {
        buf_puts(&path, "&instance=");
        buf_percent(&path, w->guests[0].name);
    }
    if (!(reply = client_get(w->c->client, buf_str(&path), e)))
        return -1;
    w->last = out_number(reply, "last");
    tell_stages(w, json_object_get(reply, "events"));
    json_decref(reply);
    return 0;
}

/* roost restarts while we wait: it is asked again until the time is over. */
static int survive(const struct err *e)
{
    const struct timespec pause = { .tv_nsec = RETRY_MS * 1000000L };

    if (e->kind != ERR_BUSY)
        return -1;
    nanosleep(&pause, NULL);
    return 0;
}

static int follow(struct waiting *w, struct err *e)
{
    json_t *reply = client_get(cli_client(w->c, e), "/v1/events?newest=1&limit=1", e);

    if (!reply)
        return -1;
    w->last = out_number(reply, "last");
    json_decref(reply);
    if (look(w, e) < 0)
        return -1;
    while (on_the_way(w) && left_ms(w) > 0)
        if ((next_event(w, e) < 0 || look(w, e) < 0) && survive(e) < 0)
            return -1;
    if (w->live && w->n == 1 && w->tell)
        fputc('\n', stderr);
    return 0;
}

int wait_for(struct cli *c, const struct args *a, char *const *names, int n, enum phase goal,
             struct err *e)
{
    struct waiting w = { .c = c, .goal = goal, .start_ms = clock_now().boot_ms, .n = n };
    int ret;

    if (args_duration(a, "timeout", TIMEOUT_MS, &w.limit_ms, e) < 0)
        return -1;
    w.till_overdue = args_option(a, "overdue") != NULL;
    w.tell = c->output == OUTPUT_TABLE && !args_option(a, "quiet");
    w.live = w.tell && isatty(STDERR_FILENO);
    w.guests = calloc((size_t)n + 1, sizeof *w.guests);
    if (!w.guests)
        return err_set(e, ERR_INTERNAL, "out of memory");
    for (int i = 0; i < n; i++)
        w.guests[i].name = names[i];
    ret = follow(&w, e) < 0 ? -1 : wait_report(&w, e);
    for (int i = 0; i < n; i++)
        json_decref(w.guests[i].row);
    free(w.guests);
    return ret;
}

int run_wait(struct cli *c, const struct args *a, struct err *e)
{
    const char *goal = args_option(a, "for");
    enum phase until = PHASE_HOMED;
    struct selection s;
    int ret;

    if ((goal && goal_parse(goal, &until, e) < 0) || select_instances(c, a, &s, e) < 0)
        return -1;
    ret = wait_for(c, a, s.name, s.n, until, e);
    selection_done(&s);
    return ret;
}
