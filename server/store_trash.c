/* The trash: instances that were removed, as one row each. */
#include "server/store_priv.h"

#include <string.h>

#include "base/cleanup.h"

static json_t *load(sqlite3_stmt *st, int column)
{
    return json_loadb((const char *)sqlite3_column_text(st, column),
                      (size_t)sqlite3_column_bytes(st, column), JSON_REJECT_DUPLICATES, NULL);
}

int store_trash_put(struct store *s, struct trashed *t, const json_t *spec, const json_t *record,
                    struct err *e)
{
    auto_free char *spec_text = json_dumps(spec, JSON_COMPACT | JSON_SORT_KEYS);
    auto_free char *record_text = json_dumps(record, JSON_COMPACT | JSON_SORT_KEYS);

    if (!spec_text || !record_text)
        return err_set(e, ERR_INTERNAL, "instance %s cannot be written as JSON", t->name.s);
    if (store_write(s, S_TRASH_PUT, e, "tiittt", t->name.s, t->removed_ms, (int64_t)t->bytes,
                    t->actor, spec_text, record_text) < 0)
        return -1;
    t->id = sqlite3_last_insert_rowid(s->db);
    return 0;
}

static int read_row(struct store *s, sqlite3_stmt *st, struct trashed *ret, struct err *e)
{
    struct trashed t = { .id = sqlite3_column_int64(st, 0),
                         .removed_ms = sqlite3_column_int64(st, 2),
                         .bytes = (uint64_t)sqlite3_column_int64(st, 3) };

    if (!store_text(st, 1, t.name.s, sizeof t.name.s) ||
        !store_text(st, 4, t.actor, sizeof t.actor))
        return store_damaged(s, e, "trash");
    *ret = t;
    return 1;
}

int store_trash_next(struct store *s, int64_t after, struct trashed *ret, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_TRASH_AFTER, &st, e, "i", after);

    if (n == 1)
        n = read_row(s, st, ret, e);
    store_reset(s->stmt[S_TRASH_AFTER]);
    return n;
}

int store_trash_get(struct store *s, int64_t id, struct trashed *ret, json_t **ret_spec,
                    json_t **ret_record, struct err *e)
{
    sqlite3_stmt *st;
    json_t *spec = NULL, *record = NULL;
    int n = store_row(s, S_TRASH_GET, &st, e, "i", id);

    if (n == 1 && (n = read_row(s, st, ret, e)) == 1) {
        spec = load(st, 5);
        record = load(st, 6);
        if (!spec || !record)
            n = store_damaged(s, e, "trash");
    }
    store_reset(s->stmt[S_TRASH_GET]);
    if (n == 1) {
        *ret_spec = spec;
        *ret_record = record;
        return 0;
    }
    json_decref(spec);
    json_decref(record);
    return n < 0 ? -1
                 : err_set(e, ERR_NOT_FOUND, "there is no number %lld in the trash", (long long)id);
}

int store_trash_remove(struct store *s, int64_t id, struct err *e)
{
    return store_write(s, S_TRASH_REMOVE, e, "i", id) < 0 ? -1 : 0;
}

int store_trash_sum(struct store *s, int64_t *ret_n, uint64_t *ret_bytes, struct err *e)
{
    sqlite3_stmt *st;
    int n = store_row(s, S_TRASH_SUM, &st, e, "");

    if (n == 1) {
        *ret_n = sqlite3_column_int64(st, 0);
        *ret_bytes = (uint64_t)sqlite3_column_int64(st, 1);
    }
    store_reset(s->stmt[S_TRASH_SUM]);
    return n < 0 ? -1 : 0;
}

int store_instance_restore(struct store *s, const struct instance *i, const struct guest *g,
                           struct err *e)
{
    struct instance made = *i;
    struct guest other;

    if (store_guest_by_id(s, i->id, &other, e) == 0)
        return err_set(e, ERR_CONFLICT, "its number is that of instance %s", other.name.s);
    if (e->kind != ERR_NOT_FOUND || store_instance_insert(s, &made, e) < 0 ||
        store_write(s, S_GUEST_CHAIN_SET, e, "iii", i->id, g->last_event, (int64_t)g->events) < 0)
        return -1;
    return 0;
}
