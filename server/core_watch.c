/* Followers: who waits for the next event. */
#include "server/core_priv.h"

#define WATCHES_MAX 64
#define SETTLE_MS   1000 /* at most: the commit is at the end of this turn */

struct core_watch {
    struct core_watch *next;
    struct core *c;
    int64_t after;
    core_watch_fn *fn;
    void *arg;
    bool due;
    struct loop_timer *limit;
};

static void call(struct core_watch *w)
{
    core_watch_fn *fn = w->fn;
    void *arg = w->arg;

    core_unwatch(w);
    fn(arg);
}

static void over(void *arg)
{
    call(arg);
}

static struct core_watch *watch(struct core *c, int64_t after, int64_t limit_ms, core_watch_fn *fn,
                                void *arg, struct err *e)
{
    struct core_watch *w;

    if (c->n_watches >= WATCHES_MAX) {
        err_set(e, ERR_BUSY, "%d followers already; try again later", WATCHES_MAX);
        return NULL;
    }
    if (!(w = calloc(1, sizeof *w))) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    *w = (struct core_watch){ .next = c->watches, .c = c, .after = after, .fn = fn, .arg = arg };
    if (!(w->limit = loop_timer_new(c->loop, over, w, e))) {
        free(w);
        return NULL;
    }
    loop_timer_set(w->limit, limit_ms);
    c->watches = w;
    c->n_watches++;
    return w;
}

struct core_watch *core_watch(struct core *c, int64_t after, int64_t limit_ms, core_watch_fn *fn,
                              void *arg, struct err *e)
{
    return watch(c, after, store_last_event(c->store) > after ? 0 : limit_ms, fn, arg, e);
}

bool core_settled(const struct core *c)
{
    return !store_in_transaction(c->store);
}

/* The commit wakes every watch that is behind the last event, and so this one. */
struct core_watch *core_settle(struct core *c, core_watch_fn *fn, void *arg, struct err *e)
{
    c->commit_due = true;
    return watch(c, -1, SETTLE_MS, fn, arg, e);
}

void core_unwatch(struct core_watch *w)
{
    struct core_watch **at;

    if (!w)
        return;
    for (at = &w->c->watches; *at != w; at = &(*at)->next)
        ;
    *at = w->next;
    w->c->n_watches--;
    loop_timer_free(w->limit);
    free(w);
}

void watches_wake(struct core *c)
{
    struct core_watch *w;
    int64_t last;

    if (!c->watches)
        return;
    last = store_last_event(c->store);
    for (w = c->watches; w; w = w->next)
        w->due = w->after < last;
    /* From the start again after each: what is called may end other watches and begin new ones. */
    do {
        for (w = c->watches; w && !w->due; w = w->next)
            ;
        if (w)
            call(w);
    } while (w);
}

void watches_free(struct core *c)
{
    while (c->watches)
        core_unwatch(c->watches);
}
