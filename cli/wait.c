/* roost wait: follows the events until instances are where they should be. */
#include "cli/wait.h"

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
#include "model/words.h"

#define TIMEOUT_MS    300000
#define POLL_S        30  /* of one long poll */
#define RETRY_MS      250 /* while roost restarts */
#define CONSOLE_LINES "15"

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

/* One instance on its way. */
struct guest {
    const char *name;
    json_t *row;
    enum arrival arrival;
    char shown[32]; /* the state that was told last */
};

struct waiting {
    struct cli *c;
    enum phase goal;
    int64_t limit_ms, start_ms;
    int64_t last; /* event */
    bool tell, live, till_overdue;
    struct guest *guests;
    int n;
};

static int64_t left_ms(const struct waiting *w)
{
    return w->start_ms + w->limit_ms - clock_now().boot_ms;
}

/* --- looking --- */

static void tell(struct waiting *w, struct guest *g)
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

static int look(struct waiting *w, struct err *e)
{
    for (int i = 0; i < w->n; i++) {
        struct guest *g = &w->guests[i];
        auto_free char *path = path_instance(g->name, "");
        json_t *row;
        int phase;
        if (g->arrival != ARRIVAL_NOT_YET)
            continue;
        if (!(row = client_get(w->c->client, path, e)))
            return -1;
        json_decref(g->row);
        g->row = row;
        phase = phase_from_name(out_text(row, "phase"));
        g->arrival = phase < 0 ? ARRIVAL_NOT_YET : arrival_of((enum phase)phase, w->goal);
        if (w->till_overdue && g->arrival == ARRIVAL_NOT_YET &&
            json_is_true(json_object_get(row, "overdue")))
            g->arrival = ARRIVAL_OVERDUE;
        tell(w, g);
    }
    return 0;
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

/* --- the verdict --- */

static void show_console(struct waiting *w, const struct guest *g)
{
    auto_free char *path = path_instance(g->name, "/console?lines=" CONSOLE_LINES);
    json_t *reply = client_get(w->c->client, path, NULL), *line;
    const json_t *lines = json_object_get(reply, "lines");
    size_t i;

    if (json_array_size(lines))
        fprintf(stderr, "the last lines of %s's console:\n", g->name);
    json_array_foreach(lines, i, line)
    {
        auto_free char *text = strdup(json_string_value(line) ? json_string_value(line) : "");
        if (text)
            control_mask(text);
        fprintf(stderr, "    %s\n", text ? text : "");
    }
    json_decref(reply);
}

static int complain(const struct waiting *w, const struct guest *g, struct err *e)
{
    char ago[40], sign[40], took[24], last[160] = "", came[80];
    const char *note = out_text(g->row, "note"), *phase = out_text(g->row, "phase");

    when_ago(out_text(g->row, "since"), ago);
    if (strcmp(phase, phase_name(PHASE_DEFINED)) == 0)
        snprintf(came, sizeof came, "it was never started");
    else
        snprintf(came, sizeof came, "it came to %s, %s", phase, ago);
    if (*out_text(g->row, "last-sign"))
        snprintf(last, sizeof last, "; last sign of life: %.90s, %s", out_text(g->row, "last-sign"),
                 when_ago(out_text(g->row, "last-sign-at"), sign));
    else
        snprintf(last, sizeof last, "; no sign of life from it");
    if (g->arrival == ARRIVAL_LOST)
        return err_set(e, ERR_CONFLICT, "%s is not %s: it %s %s%s%s%s", g->name,
                       phase_name(w->goal), phase, ago, *note ? ": " : "", note, last);
    if (g->arrival == ARRIVAL_OVERDUE)
        return err_set(e, ERR_TIMEOUT, "%s is overdue on its way to %s: %s%s%s%s", g->name,
                       phase_name(w->goal), came, *note ? ": " : "", note, last);
    return err_set(e, ERR_TIMEOUT, "%s is not %s after %s: %s%s%s%s", g->name, phase_name(w->goal),
                   format_duration(w->limit_ms, took), came, *note ? ": " : "", note, last);
}

static int print_arrived(struct cli *c, const json_t *tree, struct err *e)
{
    size_t i;
    json_t *row;

    (void)c;
    (void)e;
    json_array_foreach(tree, i, row)
    {
        const char *address = out_text(row, "address");
        if (json_is_true(json_object_get(row, "reached")))
            printf("%s is %s%s%s\n", out_text(row, "name"), out_text(row, "phase"),
                   *address ? " at " : "", address);
    }
    return 0;
}

static json_t *verdicts(const struct waiting *w)
{
    static const char *const words[] = {
        "phase", "state", "since", "note", "address", "last-sign"
    };
    json_t *list = json_array();

    for (int i = 0; i < w->n; i++) {
        const struct guest *g = &w->guests[i];
        json_t *row = json_pack("{s:s, s:s, s:b}", "name", g->name, "for", phase_name(w->goal),
                                "reached", g->arrival == ARRIVAL_REACHED);
        for (size_t k = 0; k < ARRAY_SIZE(words); k++)
            json_object_set(row, words[k], json_object_get(g->row, words[k]));
        json_array_append_new(list, row);
    }
    return list;
}

/* The first one that did not arrive decides the exit code; each is told. */
static int report(struct waiting *w, struct err *e)
{
    struct err first = { .kind = ERR_NONE }, why;

    if (out_tree(w->c, verdicts(w), print_arrived, e) < 0)
        return -1;
    for (int i = 0; i < w->n; i++) {
        if (w->guests[i].arrival == ARRIVAL_REACHED)
            continue;
        show_console(w, &w->guests[i]);
        complain(w, &w->guests[i], &why);
        if (first.kind == ERR_NONE)
            first = why;
        else
            fprintf(stderr, "roost: %s\n", why.text);
    }
    if (first.kind == ERR_NONE)
        return 0;
    *e = first;
    return -1;
}

int run_wait(struct cli *c, const struct args *a, struct err *e)
{
    const char *goal = args_option(a, "for");
    struct waiting w = { .c = c, .goal = PHASE_HOMED, .start_ms = clock_now().boot_ms, .n = a->n };
    int ret;

    if ((goal && goal_parse(goal, &w.goal, e) < 0) ||
        args_duration(a, "timeout", TIMEOUT_MS, &w.limit_ms, e) < 0)
        return -1;
    w.till_overdue = args_option(a, "overdue") != NULL;
    w.tell = c->output == OUTPUT_TABLE && !args_option(a, "quiet");
    w.live = w.tell && isatty(STDERR_FILENO);
    w.guests = calloc((size_t)a->n, sizeof *w.guests);
    if (!w.guests)
        return err_set(e, ERR_INTERNAL, "out of memory");
    for (int i = 0; i < a->n; i++)
        w.guests[i].name = a->operand[i];
    ret = follow(&w, e) < 0 ? -1 : report(&w, e);
    for (int i = 0; i < a->n; i++)
        json_decref(w.guests[i].row);
    free(w.guests);
    return ret;
}
