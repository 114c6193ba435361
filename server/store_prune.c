/* Events that go: by age, and by number per instance. */
#include "server/store_priv.h"

#include <stdio.h>

#include "base/clock.h"

/* Up to which event pruning has looked at whose they are: an instance can only be over its share
 * when it got an event since, so each event is looked at once. With it the share, since a smaller
 * one asks for another look at all. */
#define PRUNED "events-pruned"
/* Events that one call looks at, per row that it may drop. */
#define LOOK_AT 8

struct prune {
    int64_t seen; /* last event that was looked at */
    unsigned keep;
    int64_t owner; /* looked at last, to skip runs of one instance */
    bool has_owner;
    int looks, room; /* events that may still be looked at, and dropped */
};

static int prune_load(struct store *s, struct prune *p, struct err *e)
{
    char text[64];
    struct err own = { 0 };
    long long seen = 0;
    unsigned keep = 0;
    if (store_meta_get(s, PRUNED, text, sizeof(text), &own) < 0 && own.kind != ERR_NOT_FOUND) {
        if (e)
            *e = own;
        return -1;
    }
    if (own.kind == ERR_NONE && sscanf(text, "%lld %u", &seen, &keep) == 2 && keep <= p->keep)
        p->seen = seen;
    return 0;
}

static int prune_save(struct store *s, const struct prune *p, struct err *e)
{
    char text[64];
    snprintf(text, sizeof(text), "%lld %u", (long long)p->seen, p->keep);
    return store_meta_set(s, PRUNED, text, e);
}

/* Along the chain to the last of those that stay. 1: there, 0: not yet, or the chain is shorter
 * than was thought (no walk any more, then), -1. */
static int walk(struct store *s, struct prune *p, const struct chain *c, struct err *e)
{
    struct cutting *w = &s->cutting;
    if (!w->kept || w->owner != p->owner)
        *w = (struct cutting){ .owner = p->owner, .at = c->last, .kept = 1, .begun = c->n };
    while (w->kept < p->keep && p->looks-- > 0) {
        int64_t prev = 0;
        int n = store_event_prev(s, w->at, &prev, e);
        if (n < 0)
            return -1;
        if (!prev) {
            struct chain shorter = { c->last, w->kept - (n == 0) + (c->n - w->begun) };
            w->kept = 0;
            return store_chain_set(s, p->owner, &shorter, e);
        }
        w->at = prev;
        w->kept++;
    }
    return w->kept >= p->keep;
}

/* Drops what follows the last of those that stay, newest first, and ties the chain to the rest. */
static int drop(struct store *s, struct prune *p, struct chain *c, struct err *e)
{
    struct cutting *w = &s->cutting;
    int64_t next = 0, prev = 0;
    uint32_t dropped = 0;
    int n = store_event_prev(s, w->at, &next, e);
    for (; n == 1 && next && p->room > 0; next = prev, p->room--, dropped++) {
        prev = 0;
        n = store_event_prev(s, next, &prev, e);
        if (n < 1 || (n = store_write(s, S_EVENT_DROP, e, "i", next)) < 1)
            break;
    }
    if (n < 0)
        return -1;
    bool end = n == 0 || !next;
    c->n = end ? w->kept + (c->n - w->begun) : c->n - dropped;
    w->begun -= end ? 0 : dropped;
    if (store_write(s, S_EVENT_PREV_SET, e, "ii", w->at, end ? (int64_t)0 : next) < 0 ||
        store_chain_set(s, p->owner, c, e) < 0)
        return -1;
    w->kept = end ? 0 : w->kept;
    return 0;
}

/* One instance's events beyond its share; *ret_done: nothing is left to be done for it now. A
 * sixteenth more is let grow, so that its events are not walked along for each that is added. */
static int cut(struct store *s, struct prune *p, bool *ret_done, struct err *e)
{
    struct chain c;
    int n = store_chain_get(s, p->owner, &c, e);
    bool going = s->cutting.kept && s->cutting.owner == p->owner;
    *ret_done = true;
    if (n <= 0 || (!going && c.n <= p->keep + p->keep / 16))
        return n < 0 ? -1 : 0;
    n = walk(s, p, &c, e);
    if (n < 0 || (n == 1 && drop(s, p, &c, e) < 0))
        return -1;
    *ret_done = !s->cutting.kept;
    return 0;
}

/* Looks at the next event's instance; *ret_end: there is no further event. */
static int prune_next(struct store *s, struct prune *p, bool *ret_end, struct err *e)
{
    sqlite3_stmt *st;
    int64_t seq = 0, owner = 0;
    int n = store_row(s, S_EVENT_NEW_OWNERS, &st, e, "i", p->seen);
    if (n == 1) {
        seq = sqlite3_column_int64(st, 0);
        owner = sqlite3_column_int64(st, 1);
    }
    store_reset(s->stmt[S_EVENT_NEW_OWNERS]);
    *ret_end = n == 0;
    if (n <= 0)
        return n;
    bool done = true;
    if (!p->has_owner || p->owner != owner) {
        p->owner = owner;
        if (cut(s, p, &done, e) < 0)
            return -1;
    }
    p->has_owner = done;
    /* Else there is more of it: the same event again next time. */
    if (done)
        p->seen = seq;
    return 0;
}

int store_events_prune(struct store *s, int64_t before_ms, unsigned keep, int batch, struct err *e)
{
    struct prune p = { .keep = keep < 1 ? 1 : keep, .looks = batch * LOOK_AT };
    if (prune_load(s, &p, e) < 0)
        return -1;
    int64_t seen = p.seen;
    int dropped = store_write(s, S_EVENT_OLD, e, "iii", before_ms, (int64_t)batch, CLOCK_SET_MS);
    if (dropped < 0)
        return -1;
    p.room = batch - dropped;
    for (bool end = false; p.looks > 0 && p.room > 0 && !end; p.looks--)
        if (prune_next(s, &p, &end, e) < 0)
            return -1;
    if (p.seen != seen && prune_save(s, &p, e) < 0)
        return -1;
    return batch - p.room;
}
