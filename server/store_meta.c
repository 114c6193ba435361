/* Small facts: by key, dirty marks of reactors, usual durations. */
#include "server/store_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SEED_VERSION "seed-version"

int store_meta_get(struct store *s, const char *key, char *ret, size_t size, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_META_GET, &st, e, "t", key);
    if (n < 0)
        return -1;
    if (n == 0)
        return err_set(e, ERR_NOT_FOUND, "%s: nothing is recorded under \"%s\"", s->path, key);
    bool fits = store_text(st, 0, ret, size);
    store_reset(st);
    return fits ? 0 : err_set(e, ERR_TOO_BIG, "%s: the value of \"%s\" is too long", s->path, key);
}

int store_meta_set(struct store *s, const char *key, const char *value, struct err *e)
{
    return store_write(s, S_META_SET, e, "tt", key, value) < 0 ? -1 : 0;
}

int store_meta_remove(struct store *s, const char *key, struct err *e)
{
    return store_write(s, S_META_REMOVE, e, "t", key) < 0 ? -1 : 0;
}

/* The bit of a reactor's name; a new name gets the next one. -1: no more room. */
static int reactor_bit(struct store *s, const char *reactor, struct err *e)
{
    for (int i = 0; i < s->n_reactors; i++)
        if (strcmp(s->reactors[i].s, reactor) == 0)
            return i;
    if (s->n_reactors == STORE_REACTORS)
        return err_set(e, ERR_INTERNAL, "more than %d reactors", STORE_REACTORS);
    if (name_parse(reactor, "reactor", &s->reactors[s->n_reactors], e) < 0)
        return -1;
    return s->n_reactors++;
}

static int load_dirty(struct store *s, struct err *e)
{
    sqlite3_stmt *st;
    int n, bit = 0;
    uint32_t marks = 0;
    for (n = store_row(s, S_DIRTY_LIST, &st, e, ""); n == 1;) {
        const char *name = (const char *)sqlite3_column_text(st, 0);
        bit = name ? reactor_bit(s, name, e) : -1;
        if (bit < 0)
            break;
        marks |= 1u << bit;
        int rc = sqlite3_step(st);
        n = rc == SQLITE_ROW ? 1 : rc == SQLITE_DONE ? 0 : store_fail(s, e);
    }
    store_reset(s->stmt[S_DIRTY_LIST]);
    if (n < 0 || bit < 0)
        return -1;
    s->mirror.dirty = marks;
    return 0;
}

int store_mirror_load(struct store *s, struct err *e)
{
    char text[24];
    if (store_meta_get(s, SEED_VERSION, text, sizeof(text), e) < 0)
        return -1;
    s->mirror.seed_version = strtoll(text, NULL, 10);
    if (s->reader)
        return 0;
    return load_dirty(s, e) < 0 ? -1 : store_counts_load(s, e);
}

/* One number for all: a guest's documents are fresh when they bear it, so that making a million of
 * them stale is one row. */
int store_seed_stale_all(struct store *s, struct err *e)
{
    char text[24];
    int64_t next = s->mirror.seed_version + 1;
    snprintf(text, sizeof(text), "%lld", (long long)next);
    if (store_meta_set(s, SEED_VERSION, text, e) < 0)
        return -1;
    s->mirror.seed_version = next;
    return 0;
}

static int dirty_set(struct store *s, const char *reactor, bool on, struct err *e)
{
    int bit = reactor_bit(s, reactor, e);
    if (bit < 0)
        return -1;
    uint32_t mask = 1u << bit;
    if (!s->doomed && !(s->mirror.dirty & mask) == !on)
        return 0;
    if (store_write(s, on ? S_DIRTY_MARK : S_DIRTY_CLEAR, e, "t", reactor) < 0)
        return -1;
    s->mirror.dirty = on ? s->mirror.dirty | mask : s->mirror.dirty & ~mask;
    return 0;
}

int store_dirty_mark(struct store *s, const char *reactor, struct err *e)
{
    return dirty_set(s, reactor, true, e);
}

int store_dirty_clear(struct store *s, const char *reactor, struct err *e)
{
    return dirty_set(s, reactor, false, e);
}

bool store_dirty_get(struct store *s, const char *reactor)
{
    if (!s->reader) {
        int bit = reactor_bit(s, reactor, NULL);
        return bit >= 0 && s->mirror.dirty & 1u << bit;
    }
    sqlite3_stmt *st;
    bool is = store_row(s, S_DIRTY_GET, &st, NULL, "t", reactor) == 1;
    store_reset(s->stmt[S_DIRTY_GET]);
    return is;
}

int store_usual_add(struct store *s, enum phase p, int accel, int64_t ms, struct err *e)
{
    return store_write(s, S_USUAL_ADD, e, "iii", (int64_t)p, (int64_t)accel, ms) < 0 ? -1 : 0;
}

int64_t store_usual_get(struct store *s, enum phase p, int accel)
{
    sqlite3_stmt *st;
    int64_t ms = 0;
    if (store_row(s, S_USUAL_GET, &st, NULL, "ii", (int64_t)p, (int64_t)accel) == 1)
        ms = sqlite3_column_int64(st, 0);
    store_reset(s->stmt[S_USUAL_GET]);
    return ms;
}
