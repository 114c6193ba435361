#include "ansible/outcome.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/utf8.h"

#define COUNTS 7

/* A host while its lines come in. */
struct row {
    struct outcome_host seen;
    int64_t first_ms, last_ms; /* since the run began; -1: none */
    unsigned play;             /* the last one that it had a part in; 0 none */
    bool settled;              /* the final counts came */
    bool cut_off;              /* an early end of its play */
};

struct outcomes {
    struct row *rows; /* by name */
    int n;
    struct buf line; /* the piece of one that is here */
    bool overlong;   /* the line under way is passed over */
    bool begun, complete;
    unsigned play, refused;
};

static const char *const names[OUTCOMES] = {
    [OUTCOME_NONE] = "unknown",    [OUTCOME_OK] = "ok",
    [OUTCOME_CHANGED] = "changed", [OUTCOME_UNREACHABLE] = "unreachable",
    [OUTCOME_FAILED] = "failed",   [OUTCOME_SKIPPED] = "skipped",
};

const char *outcome_name(enum outcome_state s)
{
    return names[s];
}

int outcome_from_name(const char *name)
{
    for (int i = 0; i < OUTCOMES; i++)
        if (!strcmp(names[i], name))
            return i;
    return -1;
}

/* ---- life ---- */

static int by_name(const void *a, const void *b)
{
    return strcmp(((const struct row *)a)->seen.host.s, ((const struct row *)b)->seen.host.s);
}

struct outcomes *outcomes_new(const struct name *hosts, int n, struct err *e)
{
    struct outcomes *o = calloc(1, sizeof(*o));

    if (!o || !(o->rows = calloc((size_t)n + 1, sizeof(*o->rows)))) {
        err_set(e, ERR_INTERNAL, "out of memory");
        free(o);
        return NULL;
    }
    o->n = n;
    o->line.cap = OUTCOME_LINE_MAX;
    for (int i = 0; i < n; i++) {
        o->rows[i].seen.host = hosts[i];
        o->rows[i].first_ms = o->rows[i].last_ms = -1;
    }
    qsort(o->rows, (size_t)n, sizeof(*o->rows), by_name);
    return o;
}

void outcomes_free(struct outcomes *o)
{
    if (!o)
        return;
    buf_done(&o->line);
    free(o->rows);
    free(o);
}

static struct row *find(struct outcomes *o, const char *host)
{
    struct row key;

    if ((size_t)snprintf(key.seen.host.s, sizeof(key.seen.host.s), "%s", host) >=
        sizeof(key.seen.host.s))
        return NULL;
    return bsearch(&key, o->rows, (size_t)o->n, sizeof(*o->rows), by_name);
}

/* ---- what the lines say ---- */

/* Cut between characters, nothing in it that could forge a line. */
static void put_text(char *to, size_t size, const json_t *text)
{
    const char *s = json_is_string(text) ? json_string_value(text) : "";
    size_t len = 0, one;

    while ((one = utf8_next(s + len, strlen(s + len), NULL)) && len + one < size)
        len += one;
    memcpy(to, s, len);
    to[len] = '\0';
    control_mask(to);
}

static void put_time(struct row *r, const json_t *line)
{
    json_int_t ms = json_integer_value(json_object_get(line, "t"));

    if (ms < 0 || ms < r->last_ms)
        return;
    if (r->first_ms < 0)
        r->first_ms = ms;
    r->last_ms = ms;
    r->seen.duration_ms = r->last_ms - r->first_ms;
}

static bool is_decided(const struct row *r)
{
    return r->seen.state == OUTCOME_FAILED || r->seen.state == OUTCOME_UNREACHABLE;
}

static void on_start(struct outcomes *o, struct row *r, const json_t *line)
{
    (void)r;
    (void)line;
    o->begun = true;
}

static void on_play(struct outcomes *o, struct row *r, const json_t *line)
{
    (void)r;
    (void)line;
    o->play++;
}

static void on_begin(struct outcomes *o, struct row *r, const json_t *line)
{
    r->play = o->play;
    put_time(r, line);
    if (!is_decided(r))
        put_text(r->seen.task, sizeof(r->seen.task), json_object_get(line, "k"));
}

static void on_result(struct outcomes *o, struct row *r, const json_t *line)
{
    r->play = o->play;
    put_time(r, line);
}

static void decide(struct outcomes *o, struct row *r, const json_t *line, enum outcome_state to)
{
    on_result(o, r, line);
    if (is_decided(r))
        return; /* the first one counts */
    r->seen.state = to;
    put_text(r->seen.task, sizeof(r->seen.task), json_object_get(line, "k"));
    put_text(r->seen.message, sizeof(r->seen.message), json_object_get(line, "m"));
}

static void on_failed(struct outcomes *o, struct row *r, const json_t *line)
{
    decide(o, r, line, OUTCOME_FAILED);
}

static void on_unreachable(struct outcomes *o, struct row *r, const json_t *line)
{
    decide(o, r, line, OUTCOME_UNREACHABLE);
}

static void on_abort(struct outcomes *o, struct row *r, const json_t *line)
{
    bool rest = json_is_true(json_object_get(line, "rest"));

    (void)r;
    for (int i = 0; i < o->n; i++)
        o->rows[i].cut_off |= rest || o->rows[i].play == o->play;
}

static void on_stats(struct outcomes *o, struct row *r, const json_t *line)
{
    const json_t *c = json_object_get(line, "c");
    struct outcome_counts *n = &r->seen.counts;
    uint32_t *const to[COUNTS] = { &n->ok,      &n->changed, &n->unreachable, &n->failed,
                                   &n->skipped, &n->rescued, &n->ignored };

    (void)o;
    r->settled = true;
    for (size_t i = 0; i < COUNTS; i++) {
        json_int_t v = json_integer_value(json_array_get(c, i));
        *to[i] = v < 0 ? 0 : v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
    }
}

static void on_end(struct outcomes *o, struct row *r, const json_t *line)
{
    (void)r;
    (void)line;
    o->complete = true;
}

static const struct kind {
    const char *name;
    bool of_host;
    void (*take)(struct outcomes *o, struct row *r, const json_t *line);
} kinds[] = {
    { "start", false, on_start },   { "play", false, on_play },
    { "begin", true, on_begin },    { "ok", true, on_result },
    { "changed", true, on_result }, { "skipped", true, on_result },
    { "ignored", true, on_result }, { "rescued", true, on_result },
    { "failed", true, on_failed },  { "unreachable", true, on_unreachable },
    { "abort", false, on_abort },   { "stats", true, on_stats },
    { "end", false, on_end },
};

/* ---- lines ---- */

static int take(struct outcomes *o, const json_t *line, struct err *e)
{
    const char *kind = json_string_value(json_object_get(line, "e"));
    const char *host = json_string_value(json_object_get(line, "h"));
    const struct kind *k = NULL;
    struct row *r = NULL;

    for (size_t i = 0; kind && i < ARRAY_SIZE(kinds); i++)
        if (!strcmp(kinds[i].name, kind))
            k = &kinds[i];
    if (!k)
        return err_set(e, ERR_INVALID, "outcome: a line of no kind that is known");
    if (k->of_host && (!host || !(r = find(o, host))))
        return err_set(e, ERR_INVALID, "outcome: a line about no host of this run");
    k->take(o, r, line);
    return 0;
}

static int take_line(struct outcomes *o, const char *line, size_t len, struct err *e)
{
    json_error_t why;
    json_t *j;
    int r;

    if (len > OUTCOME_LINE_MAX)
        return err_set(e, ERR_TOO_BIG, "outcome: a line of %zu bytes, at most %d are allowed", len,
                       OUTCOME_LINE_MAX);
    if (!(j = json_loadb(line, len, JSON_REJECT_DUPLICATES, &why)))
        return err_set(e, ERR_INVALID, "outcome: %s", why.text);
    r = take(o, j, e);
    json_decref(j);
    return r;
}

int outcomes_line(struct outcomes *o, const char *line, size_t len, struct err *e)
{
    int r = take_line(o, line, len, e);

    o->refused += r < 0;
    return r;
}

/* The rest of a line; what of it came before is in o->line. */
static void end_line(struct outcomes *o, const char *s, size_t len)
{
    if (!o->overlong && o->line.len == 0) {
        outcomes_line(o, s, len, NULL);
        return;
    }
    buf_put(&o->line, s, len);
    if (o->overlong || o->line.failed)
        o->refused++;
    else
        outcomes_line(o, buf_str(&o->line), o->line.len, NULL);
    buf_clear(&o->line);
    o->overlong = false;
}

void outcomes_put(struct outcomes *o, const void *data, size_t len)
{
    const char *s = data, *end = s + len, *at;

    for (; (at = memchr(s, '\n', (size_t)(end - s))); s = at + 1)
        end_line(o, s, (size_t)(at - s));
    if (s == end || o->overlong)
        return;
    buf_put(&o->line, s, (size_t)(end - s));
    o->overlong = o->line.failed;
}

/* ---- the end ---- */

static void say(struct outcome_host *h, enum outcome_state to, const char *message)
{
    h->state = to;
    if (to != OUTCOME_NONE)
        h->task[0] = '\0';
    snprintf(h->message, sizeof(h->message), "%s", message);
}

/* In a run that went to its end: Ansible's own counts decide. A failure that they do not hold was
 * rescued in a way that the plugin did not see. */
static void settle(struct row *r)
{
    const struct outcome_counts *c = &r->seen.counts;

    if (is_decided(r) && (c->failed || c->unreachable || !r->settled))
        return;
    if (c->failed || c->unreachable)
        say(&r->seen, c->failed ? OUTCOME_FAILED : OUTCOME_UNREACHABLE, "");
    else if (r->cut_off)
        say(&r->seen, OUTCOME_NONE, "the play was ended early by failures on other hosts");
    else if (!c->ok)
        say(&r->seen, OUTCOME_SKIPPED, r->settled ? "every task was skipped" : "no play is for it");
    else
        say(&r->seen, c->changed ? OUTCOME_CHANGED : OUTCOME_OK, "");
}

void outcomes_finish(struct outcomes *o)
{
    o->refused += o->overlong || o->line.len > 0;
    o->overlong = false;
    buf_clear(&o->line);
    for (int i = 0; i < o->n && o->complete; i++)
        settle(&o->rows[i]);
}

int outcomes_count(const struct outcomes *o)
{
    return o->n;
}

const struct outcome_host *outcomes_get(const struct outcomes *o, int i)
{
    return &o->rows[i].seen;
}

bool outcomes_begun(const struct outcomes *o)
{
    return o->begun;
}

bool outcomes_complete(const struct outcomes *o)
{
    return o->complete;
}

unsigned outcomes_refused(const struct outcomes *o)
{
    return o->refused;
}
