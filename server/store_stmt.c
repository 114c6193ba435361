/* Statements: prepared at first use and kept, bound, stepped, read. */
#include "server/store_priv.h"

#include <stdarg.h>
#include <string.h>

sqlite3_stmt *store_stmt(struct store *s, enum stmt id, struct err *e)
{
    if (!s->stmt[id] && sqlite3_prepare_v3(s->db, store_sql(id), -1, SQLITE_PREPARE_PERSISTENT,
                                           &s->stmt[id], NULL) != SQLITE_OK)
        store_fail(s, e);
    return s->stmt[id];
}

void store_reset(sqlite3_stmt *st)
{
    if (st)
        sqlite3_reset(st);
}

void store_finalize_all(struct store *s)
{
    for (int i = 0; i < STMTS; i++) {
        sqlite3_finalize(s->stmt[i]);
        s->stmt[i] = NULL;
    }
}

static int bind(sqlite3_stmt *st, const char *fmt, va_list ap)
{
    int rc = SQLITE_OK;
    for (int i = 1; *fmt && rc == SQLITE_OK; fmt++, i++) {
        if (*fmt == 'i') {
            rc = sqlite3_bind_int64(st, i, va_arg(ap, int64_t));
        } else if (*fmt == 't') {
            rc = sqlite3_bind_text(st, i, va_arg(ap, const char *), -1, SQLITE_STATIC);
        } else {
            const void *data = va_arg(ap, const void *);
            size_t len = va_arg(ap, size_t);
            /* A NULL pointer would be SQL NULL; no bytes are an empty blob. */
            rc = sqlite3_bind_blob64(st, i, data ? data : "", len, SQLITE_STATIC);
        }
    }
    return rc;
}

int store_row(struct store *s, enum stmt id, sqlite3_stmt **ret, struct err *e, const char *fmt,
              ...)
{
    sqlite3_stmt *st = store_stmt(s, id, e);
    if (!st)
        return -1;
    va_list ap;
    va_start(ap, fmt);
    int rc = bind(st, fmt, ap);
    va_end(ap);
    if (rc == SQLITE_OK)
        rc = sqlite3_step(st);
    if (rc == SQLITE_ROW) {
        *ret = st;
        return 1;
    }
    if (rc != SQLITE_DONE)
        store_fail(s, e);
    sqlite3_reset(st);
    return rc == SQLITE_DONE ? 0 : -1;
}

/* Whatever failed, SQLite may have rolled the whole transaction back (its manual, "Response To
 * Errors Within A Transaction"): what was written before in it must not be taken for safe. */
static void doom(struct store *s, const struct err *e)
{
    s->doomed = true;
    s->doom = *e;
    if (sqlite3_get_autocommit(s->db))
        s->mirror = s->at_begin;
}

int store_write(struct store *s, enum stmt id, struct err *e, const char *fmt, ...)
{
    struct err own = { 0 };
    if (store_begin(s, e) < 0)
        return -1;
    sqlite3_stmt *st = store_stmt(s, id, &own);
    if (st) {
        va_list ap;
        va_start(ap, fmt);
        int rc = bind(st, fmt, ap);
        va_end(ap);
        if (rc == SQLITE_OK)
            rc = sqlite3_step(st);
        if (rc != SQLITE_DONE)
            store_fail(s, &own);
        sqlite3_reset(st);
    }
    if (own.kind == ERR_NONE)
        return sqlite3_changes(s->db);
    /* A broken constraint undoes its statement only. */
    if (own.kind != ERR_CONFLICT && own.kind != ERR_NOT_FOUND)
        doom(s, &own);
    if (e)
        *e = own;
    return -1;
}

bool store_text(sqlite3_stmt *st, int column, char *ret, size_t size)
{
    const unsigned char *text = sqlite3_column_text(st, column);
    size_t len = (size_t)sqlite3_column_bytes(st, column);
    if (!text || len >= size)
        return false;
    memcpy(ret, text, len + 1);
    return true;
}

int store_pragma_int(sqlite3 *db, const char *text, int64_t *ret)
{
    sqlite3_stmt *st = NULL;
    int r = -1;
    if (sqlite3_prepare_v2(db, text, -1, &st, NULL) == SQLITE_OK &&
        sqlite3_step(st) == SQLITE_ROW) {
        *ret = sqlite3_column_int64(st, 0);
        r = 0;
    }
    return sqlite3_finalize(st) == SQLITE_OK ? r : -1;
}
