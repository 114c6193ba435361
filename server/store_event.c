/* Events: appended, read in order. Of one instance by its chain (store_event_add). */
#include "server/store_priv.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"

#define APPLIANCE_EVENTS "events-appliance" /* the appliance's chain, in meta: it has no row */

static int appliance_chain(struct store *s, struct chain *ret, struct err *e)
{
    char text[64];
    struct err own = { 0 };
    long long last;
    if (store_meta_get(s, APPLIANCE_EVENTS, text, sizeof(text), &own) < 0) {
        if (own.kind == ERR_NOT_FOUND)
            return 1;
        if (e)
            *e = own;
        return -1;
    }
    if (sscanf(text, "%lld %u", &last, &ret->n) != 2)
        return store_damaged(s, e, "events of the appliance");
    ret->last = last;
    return 1;
}

int store_chain_get(struct store *s, int64_t instance, struct chain *ret, struct err *e)
{
    sqlite3_stmt *st;
    *ret = (struct chain){ 0 };
    if (!instance)
        return appliance_chain(s, ret, e);
    int n = store_row(s, S_GUEST_CHAIN, &st, e, "i", instance);
    if (n == 1) {
        ret->last = sqlite3_column_int64(st, 0);
        ret->n = (uint32_t)sqlite3_column_int64(st, 1);
    }
    store_reset(s->stmt[S_GUEST_CHAIN]);
    return n;
}

int store_chain_set(struct store *s, int64_t instance, const struct chain *c, struct err *e)
{
    char text[64];
    int n;
    if (instance) {
        n = store_write(s, S_GUEST_CHAIN_SET, e, "iii", instance, c->last, (int64_t)c->n);
        return n < 0 ? -1 : 0;
    }
    snprintf(text, sizeof(text), "%lld %u", (long long)c->last, c->n);
    return store_meta_set(s, APPLIANCE_EVENTS, text, e);
}

int store_event_prev(struct store *s, int64_t seq, int64_t *ret, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_EVENT_PREV, &st, e, "i", seq);
    if (n == 1)
        *ret = sqlite3_column_int64(st, 0);
    store_reset(s->stmt[S_EVENT_PREV]);
    /* Backwards only: no walk goes in circles. */
    return n == 1 && *ret >= seq ? store_damaged(s, e, "chain of events") : n;
}

int store_event_add(struct store *s, struct guest *g, struct event *ev, struct err *e)
{
    struct chain c = { 0 };
    if (g)
        c = (struct chain){ g->last_event, g->events };
    else if (store_chain_get(s, 0, &c, e) < 0)
        return -1;
    if (store_write(s, S_EVENT_ADD, e, "iititti", ev->real_ms, g ? g->id : (int64_t)0,
                    ev->instance.s, (int64_t)ev->kind, ev->detail, ev->actor, c.last) < 0)
        return -1;
    c = (struct chain){ ev->seq = sqlite3_last_insert_rowid(s->db), c.n + 1 };
    s->mirror.event_added = ev->seq;
    if (!g)
        return store_chain_set(s, 0, &c, e);
    g->last_event = c.last;
    g->events = c.n;
    return 0;
}

int store_event_add_at(struct store *s, const struct event *ev, struct err *e)
{
    struct chain c = { 0 };
    if (store_chain_get(s, 0, &c, e) < 0 ||
        store_write(s, S_EVENT_ADD_AT, e, "iiitti", ev->seq, ev->real_ms, (int64_t)ev->kind,
                    ev->detail, ev->actor, c.last) < 0)
        return -1;
    c = (struct chain){ ev->seq, c.n + 1 };
    s->mirror.event_added = ev->seq;
    return store_chain_set(s, 0, &c, e);
}

static int event_read(struct store *s, sqlite3_stmt *st, struct event *ret, struct err *e)
{
    int kind = sqlite3_column_int(st, 3);
    ret->seq = sqlite3_column_int64(st, 0);
    ret->real_ms = sqlite3_column_int64(st, 1);
    ret->kind = (enum event_kind)kind;
    if (kind < 0 || kind >= EV_KINDS ||
        !store_text(st, 2, ret->instance.s, sizeof(ret->instance.s)) ||
        !store_text(st, 4, ret->detail, sizeof(ret->detail)) ||
        !store_text(st, 5, ret->actor, sizeof(ret->actor)))
        return store_damaged(s, e, "event");
    return 0;
}

/* The event that a statement found: fn's value, 0 none (*ret_seq stays), -1. */
static int show_found(struct store *s, enum stmt id, int n, sqlite3_stmt *st, int64_t *ret_seq,
                      store_event_fn *fn, void *arg, struct err *e)
{
    struct event ev;
    if (n == 1)
        n = event_read(s, st, &ev, e) < 0 ? -1 : 1;
    store_reset(s->stmt[id]);
    if (n <= 0)
        return n;
    *ret_seq = ev.seq;
    return fn(&ev, arg);
}

static int show(struct store *s, enum stmt id, int64_t key, int64_t *ret_seq, store_event_fn *fn,
                void *arg, struct err *e)
{
    sqlite3_stmt *st = NULL;
    int n = store_row(s, id, &st, e, "i", key);
    return show_found(s, id, n, st, ret_seq, fn, arg, e);
}

/* Moves *after so that at most `limit` events follow it. */
static int skip_to_newest(struct store *s, int64_t *after, int limit, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_EVENT_NEWEST, &st, e, "ii", *after, (int64_t)limit);
    if (n < 0)
        return -1;
    if (n == 1 && sqlite3_column_type(st, 0) != SQLITE_NULL)
        *after = sqlite3_column_int64(st, 0) - 1;
    store_reset(s->stmt[S_EVENT_NEWEST]);
    return 0;
}

static int all_events(struct store *s, int64_t after, int limit, store_event_fn *fn, void *arg,
                      struct err *e)
{
    for (int i = 0; i < limit; i++) {
        int64_t seq = 0;
        int r = show(s, S_EVENT_AFTER, after, &seq, fn, arg, e);
        if (r != 0 || !seq)
            return r;
        after = seq;
    }
    return 0;
}

/* Numbers of one instance's events behind `after`, newest first, in a ring of `limit` ones: how
 * many were seen, or -1. */
static int64_t collect(struct store *s, int64_t instance, int64_t after, int limit, bool newest,
                       int64_t *ring, struct err *e)
{
    struct chain c;
    int64_t n = 0, prev;
    int r = store_chain_get(s, instance, &c, e);
    for (int64_t seq = c.last; r == 1 && seq > after && !(newest && n == limit); seq = prev) {
        prev = 0;
        r = store_event_prev(s, seq, &prev, e);
        if (r == 1)
            ring[n++ % limit] = seq;
    }
    return r < 0 ? -1 : n;
}

static int events_of(struct store *s, int64_t instance, int64_t after, int limit, bool newest,
                     store_event_fn *fn, void *arg, struct err *e)
{
    auto_free int64_t *ring = calloc((size_t)limit, sizeof(*ring));
    if (!ring)
        return err_set(e, ERR_INTERNAL, "out of memory");
    int64_t n = collect(s, instance, after, limit, newest, ring, e), seq;
    if (n < 0)
        return -1;
    for (int64_t left = n < limit ? n : limit; left > 0; left--) {
        int r = show(s, S_EVENT_GET, ring[--n % limit], &seq, fn, arg, e);
        if (r != 0)
            return r;
    }
    return 0;
}

int store_events(struct store *s, int64_t instance, int64_t after, int limit, bool newest,
                 store_event_fn *fn, void *arg, struct err *e)
{
    if (limit <= 0)
        return 0;
    if (instance)
        return events_of(s, instance, after, limit, newest, fn, arg, e);
    if (newest && skip_to_newest(s, &after, limit, e) < 0)
        return -1;
    return all_events(s, after, limit, fn, arg, e);
}

int store_events_of(struct store *s, uint64_t kinds, int64_t after, int64_t until,
                    store_event_fn *fn, void *arg, struct err *e)
{
    for (;;) {
        sqlite3_stmt *st = NULL;
        int64_t seq = 0;
        int n = store_row(s, S_EVENT_OF_KINDS, &st, e, "iii", after, until, (int64_t)kinds);
        int r = show_found(s, S_EVENT_OF_KINDS, n, st, &seq, fn, arg, e);
        if (r != 0 || !seq)
            return r;
        after = seq;
    }
}

int64_t store_last_event(struct store *s)
{
    sqlite3_stmt *st;
    int64_t seq = 0;
    if (store_row(s, S_EVENT_LAST, &st, NULL, "") == 1)
        seq = sqlite3_column_int64(st, 0);
    store_reset(s->stmt[S_EVENT_LAST]);
    return seq;
}
