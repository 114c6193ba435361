#include "server/core_hook.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"

#define META_HOOKS    "hooks" /* {NAME: {cursor, given-up, fault}} */
#define META_SIZE     16384
#define SETTLE_MS     20   /* events come in swarms */
#define EVENTS_A_TURN 128  /* some ms at most: guests wait for no hook */
#define CURSOR_APART  512  /* events that concern nobody and may be looked at again after a crash */
#define BUSY_MS       5000 /* roostd takes no message, the store no row */
#define WAIT_MAX_MS   3600000

struct hook_state {
    struct core *c;
    const struct hook *h;
    struct loop_timer *timer;
    int64_t cursor, saved; /* events up to here are behind it */
    bool has;              /* ev is to be delivered */
    struct event ev;
    unsigned attempt;
    uint32_t request; /* under way; 0 none */
    uint64_t delivered, given_up;
    char fault[400]; /* the last one could not be delivered; "" it was */
};

struct core_hooks {
    struct hook_state list[HOOKS_MAX];
    int n;
};

static void trouble(struct hook_state *s, const struct err *e)
{
    core_fault(s->c, "hook %s: %s", s->h->name.s, e->text);
    loop_timer_set(s->timer, BUSY_MS);
}

/* ---- what is on record ---- */

static json_t *state_json(const struct core_hooks *k)
{
    json_t *all = json_object();

    for (int i = 0; i < k->n; i++)
        json_object_set_new(all, k->list[i].h->name.s,
                            json_pack("{s:I, s:I, s:s}", "cursor", (json_int_t)k->list[i].cursor,
                                      "given-up", (json_int_t)k->list[i].given_up, "fault",
                                      k->list[i].fault));
    return all;
}

/* One row for all: a section that is gone is gone from it with the next write. */
static int save(struct core *c, struct err *e)
{
    json_t *all = state_json(c->hooks);
    auto_free char *text = json_dumps(all, JSON_COMPACT | JSON_SORT_KEYS);

    json_decref(all);
    if (!text)
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (core_write(c, false, e) < 0 || store_meta_set(c->store, META_HOOKS, text, e) < 0)
        return -1;
    for (int i = 0; i < c->hooks->n; i++)
        c->hooks->list[i].saved = c->hooks->list[i].cursor;
    return 0;
}

/* A hook that is new hears what happens from now on. */
static void load(struct core *c)
{
    auto_free char *text = calloc(1, META_SIZE);
    int64_t last = store_last_event(c->store);
    json_t *all = NULL;

    if (text && store_meta_get(c->store, META_HOOKS, text, META_SIZE, NULL) == 0)
        all = json_loads(text, 0, NULL);
    for (int i = 0; i < c->hooks->n; i++) {
        struct hook_state *s = &c->hooks->list[i];
        const json_t *was = json_object_get(all, s->h->name.s);
        const char *fault = json_string_value(json_object_get(was, "fault"));
        s->cursor = was ? json_integer_value(json_object_get(was, "cursor")) : last;
        s->given_up = (uint64_t)json_integer_value(json_object_get(was, "given-up"));
        snprintf(s->fault, sizeof s->fault, "%s", fault ? fault : "");
    }
    json_decref(all);
}

/* ---- finding what it is to hear ---- */

static bool in_groups(struct hook_state *s, const struct event *ev)
{
    struct instance i = { 0 };
    struct guest g;
    bool is = false;

    if (!s->h->groups[0])
        return hook_hears(s->h, ev, NULL, 0);
    if (store_guest_by_name(s->c->store, ev->instance.s, &g, NULL) == 0 &&
        store_instance_get(s->c->store, g.id, &i, NULL) == 0)
        is = hook_hears(s->h, ev, i.spec.groups, i.spec.n_groups);
    instance_done(&i);
    return is;
}

/* What hooks themselves cause is not told to hooks: it would go round for ever. */
static bool of_hooks(const struct event *ev)
{
    return ev->kind == EV_FAULT && !strncmp(ev->detail, "hook ", 5);
}

struct search {
    struct hook_state *s;
    int n;
};

static int look(const struct event *ev, void *arg)
{
    struct search *f = arg;
    struct hook_state *s = f->s;

    f->n++;
    if (s->h->events >> ev->kind & 1 && !of_hooks(ev) && in_groups(s, ev)) {
        s->ev = *ev;
        s->has = true;
        s->attempt = 0;
        return 1;
    }
    s->cursor = ev->seq;
    return 0;
}

/* ---- the way out ---- */

static void send(struct hook_state *s)
{
    struct core *c = s->c;
    auto_buf struct buf json = BUF_INIT, b = BUF_INIT;
    struct hook_run m = { .hook = s->h->name };
    uint32_t id = chan_next_id(c->roostd);
    struct err e;

    if (core_hook_text(c, s->h, &s->ev, s->attempt + 1, &json, &e) < 0) {
        trouble(s, &e);
        return;
    }
    m.json = json.data;
    m.len = json.len;
    hook_run_encode(&m, &b);
    if (proto_send(c->roostd, P_HOOK_RUN, id, &b, NULL, 0, &e) < 0) {
        trouble(s, &e);
        return;
    }
    s->request = id;
    s->attempt++;
}

static void due(void *arg)
{
    struct hook_state *s = arg;
    struct search f = { s, 0 };
    struct err e;

    if (s->request || s->c->ending)
        return;
    if (!s->has &&
        store_events(s->c->store, 0, s->cursor, EVENTS_A_TURN, false, look, &f, &e) < 0) {
        trouble(s, &e);
        return;
    }
    if (s->cursor - s->saved >= CURSOR_APART && save(s->c, &e) < 0)
        trouble(s, &e);
    if (s->has)
        send(s);
    else if (f.n == EVENTS_A_TURN)
        loop_timer_set(s->timer, 0);
}

/* ---- what became of it ---- */

static int64_t wait_ms(const struct hook_state *s)
{
    int64_t wait = s->h->retry_first;

    for (unsigned i = 1; i < s->attempt && wait < WAIT_MAX_MS; i++)
        wait *= 2;
    return wait < WAIT_MAX_MS ? wait : WAIT_MAX_MS;
}

/* The last line that says something: where programs put their reason. */
static void last_line(const char *s, size_t len, char *out, size_t size)
{
    size_t begin;

    while (len && (s[len - 1] == '\n' || s[len - 1] == ' '))
        len--;
    for (begin = len; begin && s[begin - 1] != '\n'; begin--)
        ;
    len -= begin;
    snprintf(out, size, "%.*s", (int)(len < size ? len : size - 1), s + begin);
    control_mask(out);
}

static void give_up(struct hook_state *s, const struct hook_done *m)
{
    char line[160];

    last_line(m->output, m->len, line, sizeof line);
    s->given_up++;
    snprintf(s->fault, sizeof s->fault,
             "gave up on event %lld (%s%s%.63s) after %u attempt%s: %.120s%s%s",
             (long long)s->ev.seq, event_kind_name(s->ev.kind), s->ev.instance.s[0] ? " of " : "",
             s->ev.instance.s, s->attempt, s->attempt == 1 ? "" : "s", m->how, *line ? ": " : "",
             line);
    core_fault(s->c, "hook %s: %s", s->h->name.s, s->fault);
}

static void settle(struct hook_state *s)
{
    struct err e;

    s->cursor = s->ev.seq;
    s->has = false;
    if (save(s->c, &e) < 0)
        trouble(s, &e);
    loop_timer_set(s->timer, 0);
}

void core_hook_done(struct core *c, uint32_t id, const struct hook_done *m)
{
    struct hook_state *s = NULL;

    for (int i = 0; c->hooks && i < c->hooks->n; i++)
        if (c->hooks->list[i].request == id && !strcmp(c->hooks->list[i].h->name.s, m->hook.s))
            s = &c->hooks->list[i];
    if (!s || c->ending)
        return;
    s->request = 0;
    core_hook_log(c, s->h, &s->ev, s->attempt, m);
    if (m->ok) {
        s->delivered++;
        s->fault[0] = '\0';
        settle(s);
    } else if (s->attempt > s->h->retries) {
        give_up(s, m);
        settle(s);
    } else {
        log_info("hook %s: event %lld, attempt %u: %s", s->h->name.s, (long long)s->ev.seq,
                 s->attempt, m->how);
        loop_timer_set(s->timer, wait_ms(s));
    }
}

/* ---- what wakes it ---- */

/* A fleet without hooks pays nothing for its events. */
void core_hooks_committed(struct core *c)
{
    int64_t last = c->hooks && c->ready ? store_last_event(c->store) : 0;

    for (int i = 0; last && i < c->hooks->n; i++) {
        struct hook_state *s = &c->hooks->list[i];
        if (!s->has && !s->request && last > s->cursor && !loop_timer_armed(s->timer))
            loop_timer_set(s->timer, SETTLE_MS);
    }
}

void core_hooks_begin(struct core *c)
{
    core_hooks_committed(c);
}

/* ---- what people see ---- */

static json_t *one_json(struct core *c, const struct hook_state *s, int64_t last)
{
    char log[PATH_SIZE + 96];

    core_hook_log_path(&c->config, s->h, log);
    return json_pack("{s:s, s:s, s:I, s:b, s:i, s:I, s:I, s:s, s:s}", "name", s->h->name.s,
                     "command", s->h->command, "behind", (json_int_t)(last - s->cursor), "running",
                     s->request != 0, "attempt", s->has ? (int)s->attempt : 0, "delivered",
                     (json_int_t)s->delivered, "given-up", (json_int_t)s->given_up, "fault",
                     s->fault, "log", log);
}

json_t *core_hooks_json(struct core *c)
{
    json_t *list = json_array();
    int64_t last = c->hooks ? store_last_event(c->store) : 0;

    for (int i = 0; c->hooks && i < c->hooks->n; i++)
        json_array_append_new(list, one_json(c, &c->hooks->list[i], last));
    return list;
}

void core_hooks_each(struct core *c, void (*fn)(const struct hook *h, const char *fault, void *arg),
                     void *arg)
{
    for (int i = 0; c->hooks && i < c->hooks->n; i++)
        fn(c->hooks->list[i].h, c->hooks->list[i].fault, arg);
}

static void list_fault(const struct hook *h, const char *fault, void *arg)
{
    if (*fault)
        json_array_append_new(arg, json_sprintf("hook %s %s", h->name.s, fault));
}

void core_hooks_faults(struct core *c, json_t *list)
{
    core_hooks_each(c, list_fault, list);
}

/* ---- life ---- */

int core_hooks_new(struct core *c, struct err *e)
{
    char was[8];
    struct err why = { 0 };

    if (!c->config.n_hooks) { /* what there was begins anew one day */
        if (store_meta_get(c->store, META_HOOKS, was, sizeof was, &why) < 0 &&
            why.kind == ERR_NOT_FOUND)
            return 0;
        return core_write(c, false, e) < 0 ? -1 : store_meta_remove(c->store, META_HOOKS, e);
    }
    if (!(c->hooks = calloc(1, sizeof *c->hooks)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    for (; c->hooks->n < c->config.n_hooks; c->hooks->n++) {
        struct hook_state *s = &c->hooks->list[c->hooks->n];
        s->c = c;
        s->h = &c->config.hooks[c->hooks->n];
        if (!(s->timer = loop_timer_new(c->loop, due, s, e)))
            return -1;
    }
    load(c);
    return save(c, e);
}

void core_hooks_free(struct core *c)
{
    if (!c->hooks)
        return;
    for (int i = 0; i < c->hooks->n; i++)
        loop_timer_free(c->hooks->list[i].timer);
    free(c->hooks);
    c->hooks = NULL;
}
