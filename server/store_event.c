/* Events: appended, read in order, dropped by age and by number per instance. */
#include "server/store_priv.h"

#include <stdio.h>
#include <stdlib.h>

/* Up to which event pruning has looked at whose they are: an instance can only be over its share
 * when it got an event since, so each event is looked at once. With it the share, since a smaller
 * one asks for another look at all. */
#define PRUNED "events-pruned"
/* Events that one call looks at, per row that it may drop. */
#define LOOK_AT 8

int store_event_add(struct store *s, int64_t instance, struct event *ev, struct err *e)
{
    if (store_write(s, S_EVENT_ADD, e, "iititt", ev->real_ms, instance, ev->instance.s,
                    (int64_t)ev->kind, ev->detail, ev->actor) < 0)
        return -1;
    ev->seq = sqlite3_last_insert_rowid(s->db);
    return 0;
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

/* Moves *after so that at most `limit` events follow it. */
static int skip_to_newest(struct store *s, int64_t instance, int64_t *after, int limit,
                          struct err *e)
{
    sqlite3_stmt *st;
    enum stmt id = instance ? S_EVENT_NEWEST_OF : S_EVENT_NEWEST;
    int n = store_row(s, id, &st, e, instance ? "iii" : "ii", *after, (int64_t)limit, instance);
    if (n < 0)
        return -1;
    if (n == 1 && sqlite3_column_type(st, 0) != SQLITE_NULL)
        *after = sqlite3_column_int64(st, 0) - 1;
    store_reset(s->stmt[id]);
    return 0;
}

int store_events(struct store *s, int64_t instance, int64_t after, int limit, bool newest,
                 store_event_fn *fn, void *arg, struct err *e)
{
    if (newest && skip_to_newest(s, instance, &after, limit, e) < 0)
        return -1;
    enum stmt id = instance ? S_EVENT_AFTER_OF : S_EVENT_AFTER;
    for (int i = 0; i < limit; i++) {
        struct event ev;
        sqlite3_stmt *st;
        int n = store_row(s, id, &st, e, instance ? "ii" : "i", after, instance);
        if (n == 1)
            n = event_read(s, st, &ev, e) < 0 ? -1 : 1;
        store_reset(s->stmt[id]);
        if (n <= 0)
            return n;
        after = ev.seq;
        int r = fn(&ev, arg);
        if (r != 0)
            return r;
    }
    return 0;
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

struct prune {
    int64_t seen; /* last event that was looked at */
    unsigned keep;
    int64_t owner; /* looked at last, to skip runs of one instance */
    bool has_owner;
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

/* Drops at most `room` of one instance's oldest events beyond its share. */
static int cut(struct store *s, int64_t instance, unsigned keep, int room, struct err *e)
{
    sqlite3_stmt *st;
    int64_t beyond = 0;
    int n = store_row(s, S_EVENT_BEYOND, &st, e, "ii", instance, (int64_t)keep);
    if (n == 1)
        beyond = sqlite3_column_int64(st, 0);
    store_reset(s->stmt[S_EVENT_BEYOND]);
    return n == 1 ? store_write(s, S_EVENT_CUT, e, "iii", instance, beyond, (int64_t)room) : n;
}

/* Looks at the next event's instance: rows dropped, -1; *ret_end: there is no further event. */
static int prune_next(struct store *s, struct prune *p, int room, bool *ret_end, struct err *e)
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
    int dropped = 0;
    if (!p->has_owner || p->owner != owner)
        dropped = cut(s, owner, p->keep, room, e);
    if (dropped < 0)
        return -1;
    /* Else there may be more of it: the same event again next time. */
    if (dropped < room) {
        p->seen = seq;
        p->owner = owner;
        p->has_owner = true;
    }
    return dropped;
}

int store_events_prune(struct store *s, int64_t before_ms, unsigned keep, int batch, struct err *e)
{
    struct prune p = { .keep = keep < 1 ? 1 : keep };
    if (prune_load(s, &p, e) < 0)
        return -1;
    int64_t seen = p.seen;
    int dropped = store_write(s, S_EVENT_OLD, e, "ii", before_ms, (int64_t)batch);
    if (dropped < 0)
        return -1;
    bool end = false;
    for (int i = 0; i < batch * LOOK_AT && dropped < batch && !end; i++) {
        int n = prune_next(s, &p, batch - dropped, &end, e);
        if (n < 0)
            return -1;
        dropped += n;
    }
    if (p.seen != seen && prune_save(s, &p, e) < 0)
        return -1;
    return dropped;
}
