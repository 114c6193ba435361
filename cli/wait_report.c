/* How a wait has ended: who arrived, who did not and why, the sum of it. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "base/utf8.h"
#include "cli/client.h"
#include "cli/out.h"
#include "cli/wait_priv.h"

#define CONSOLE_LINES "15"

/* Of the configuration of a guest that is home: words of the API. */
static const struct {
    const char *word, *why;
} unconfigured[] = {
    { "failed", "its configuration failed" },
    { "nothing", "it has no playbook; see: roost ansible init" },
    { "late", "it was home before it had a playbook; see: roost run" },
    { "manual", "it is configured by hand alone; see: roost run" },
    { "off", "Ansible is switched off ([ansible] enabled = no)" },
};

const char *unconfigured_why(const char *configuration)
{
    for (size_t i = 0; configuration && i < ARRAY_SIZE(unconfigured); i++)
        if (strcmp(unconfigured[i].word, configuration) == 0)
            return unconfigured[i].why;
    return NULL;
}

/* What is told of each way not to arrive, in the order of their gravity. */
static const struct {
    enum arrival arrival;
    const char *sum; /* "2 of 3 homed, 1 lost" */
} missed[] = {
    { ARRIVAL_GONE, "removed" },
    { ARRIVAL_LOST, "stopped or failed" },
    { ARRIVAL_UNCONFIGURED, "not to be configured" },
    { ARRIVAL_OVERDUE, "overdue" },
    { ARRIVAL_NOT_YET, "not in time" },
};

static void show_console(struct waiting *w, const struct awaited *g)
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

/* "it came to seeded, 4m ago", "it was never started", "it is not started yet". */
static void came_to(const struct awaited *g, char *out, size_t size)
{
    const char *phase = out_text(g->row, "phase");
    char ago[40];

    if (waits_for_turn(g->row))
        snprintf(out, size, "it is not started yet");
    else if (strcmp(phase, phase_name(PHASE_DEFINED)) == 0)
        snprintf(out, size, "it was never started");
    else
        snprintf(out, size, "it came to %s, %s", phase, when_ago(out_text(g->row, "since"), ago));
}

static void last_sign(const struct awaited *g, char *out, size_t size)
{
    char ago[40];

    *out = '\0';
    if (waits_for_turn(g->row)) /* what was heard was heard before the host booted */
        return;
    if (*out_text(g->row, "last-sign"))
        snprintf(out, size, "; last sign of life: %.90s, %s", out_text(g->row, "last-sign"),
                 when_ago(out_text(g->row, "last-sign-at"), ago));
    else
        snprintf(out, size, "; no sign of life from it");
}

static int complain(const struct waiting *w, const struct awaited *g, struct err *e)
{
    const char *note = out_text(g->row, "note"), *phase = out_text(g->row, "phase");
    const char *colon = *note ? ": " : "", *goal = phase_name(w->goal);
    char ago[40], took[24], sign[160], came[80];

    came_to(g, came, sizeof came);
    last_sign(g, sign, sizeof sign);
    switch (g->arrival) {
    case ARRIVAL_GONE:
        return err_set(e, ERR_NOT_FOUND, "%s was removed meanwhile", g->name);
    case ARRIVAL_LOST:
        return err_set(e, ERR_CONFLICT, "%s is not %s: it %s %s%s%s%s", g->name, goal, phase,
                       when_ago(out_text(g->row, "since"), ago), colon, note, sign);
    case ARRIVAL_UNCONFIGURED:
        return err_set(e, ERR_CONFLICT, "%s will not be %s by itself: %s%s%s", g->name, goal,
                       unconfigured_why(out_text(g->row, "configuration")), colon, note);
    case ARRIVAL_OVERDUE:
        return err_set(e, ERR_TIMEOUT, "%s is overdue on its way to %s: %s%s%s%s", g->name, goal,
                       came, colon, note, sign);
    default:
        return err_set(e, ERR_TIMEOUT, "%s is not %s after %s: %s%s%s%s", g->name, goal,
                       format_duration(w->limit_ms, took), came, colon, note, sign);
    }
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
        const struct awaited *g = &w->guests[i];
        json_t *row = json_pack("{s:s, s:s, s:b}", "name", g->name, "for", phase_name(w->goal),
                                "reached", g->arrival == ARRIVAL_REACHED);
        for (size_t k = 0; k < ARRAY_SIZE(words); k++)
            json_object_set(row, words[k], json_object_get(g->row, words[k]));
        json_array_append_new(list, row);
    }
    return list;
}

static int count(const struct waiting *w, enum arrival arrival)
{
    int n = 0;

    for (int i = 0; i < w->n; i++)
        n += w->guests[i].arrival == arrival;
    return n;
}

/* "2 of 3 homed, 1 overdue". */
static void sum_up(const struct waiting *w)
{
    fprintf(stderr, "roost: %d of %d %s", count(w, ARRIVAL_REACHED), w->n, phase_name(w->goal));
    for (size_t i = 0; i < ARRAY_SIZE(missed); i++) {
        int n = count(w, missed[i].arrival);
        if (n)
            fprintf(stderr, ", %d %s", n, missed[i].sum);
    }
    fputc('\n', stderr);
}

/* The one whose failure is the command's: the first of the gravest kind. */
static const struct awaited *gravest(const struct waiting *w)
{
    for (size_t k = 0; k < ARRAY_SIZE(missed); k++)
        for (int i = 0; i < w->n; i++)
            if (w->guests[i].arrival == missed[k].arrival)
                return &w->guests[i];
    return NULL;
}

int wait_report(struct waiting *w, struct err *e)
{
    const struct awaited *worst = gravest(w);
    struct err why;

    if (out_tree(w->c, verdicts(w), print_arrived, e) < 0)
        return -1;
    for (int i = 0; i < w->n; i++) {
        const struct awaited *g = &w->guests[i];
        if (g->arrival == ARRIVAL_REACHED)
            continue;
        if (g->arrival != ARRIVAL_GONE && g->arrival != ARRIVAL_UNCONFIGURED &&
            !waits_for_turn(g->row))
            show_console(w, g);
        complain(w, g, &why);
        if (g != worst)
            fprintf(stderr, "roost: %s\n", why.text);
    }
    if (w->n > 1 && (worst || w->tell))
        sum_up(w);
    return worst ? complain(w, worst, e) : 0;
}
