/* Copies of the whole store, and checks of the whole store: minutes for a large one. */
#include "server/store_priv.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define STEP_PAGES 1024   /* between two looks at *stop */
#define STEP_OPS   100000 /* instructions of SQLite's machine, likewise */

int store_db_fail(sqlite3 *db, struct err *e, const char *path, const char *what)
{
    int code = sqlite3_errcode(db) & 0xff, os = sqlite3_system_errno(db);
    if (code == SQLITE_CORRUPT)
        return store_file_damaged(path, e, sqlite3_errmsg(db));
    err_set(e, ERR_IO, "%s: %s: %s", path, what, sqlite3_errmsg(db));
    if (e)
        e->os = code == SQLITE_FULL ? ENOSPC : code == SQLITE_IOERR ? os : 0;
    return -1;
}

static int given_up(struct err *e)
{
    return err_set(e, ERR_BUSY, "roost is stopping");
}

/* sqlite.org/backup.html. The source's connection holds one snapshot meanwhile, so that writers are
 * not held up and what they write does not begin the copy anew. */
static int run_backup(sqlite3 *from, sqlite3 *to, const char *path, const atomic_bool *stop,
                      struct err *e)
{
    sqlite3_backup *b = sqlite3_backup_init(to, "main", from, "main");
    int rc = SQLITE_OK;
    while (b && rc == SQLITE_OK && !(stop && *stop))
        rc = sqlite3_backup_step(b, stop ? STEP_PAGES : -1);
    sqlite3_backup_finish(b);
    if (b && rc == SQLITE_OK)
        return given_up(e);
    return sqlite3_errcode(to) == SQLITE_OK && rc == SQLITE_DONE
               ? 0
               : store_db_fail(to, e, path, "cannot be written");
}

int store_copy_pages(sqlite3 *db, const char *to, const atomic_bool *stop, struct err *e)
{
    sqlite3 *copy = NULL;
    int r = -1;
    if (sqlite3_open_v2(to, &copy, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, NULL) != SQLITE_OK)
        store_db_fail(copy, e, to, "cannot be made");
    else
        r = run_backup(db, copy, to, stop, e);
    if (sqlite3_close(copy) != SQLITE_OK)
        r = err_set(e, ERR_INTERNAL, "%s: the copy did not close", to);
    if (r < 0) { /* a disk that is full keeps SQLite from it */
        char journal[PATH_SIZE + 64];
        snprintf(journal, sizeof(journal), "%s-journal", to);
        unlink(journal);
    }
    return r;
}

/* --- checks --- */

static int asked_to_stop(void *stop)
{
    return *(const atomic_bool *)stop;
}

/* The first row's first column has to be `right` (NULL: there must be no row). */
static int expect(sqlite3 *db, const char *path, const char *sql, const char *right, struct err *e)
{
    char what[200] = "";
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(db, sql, -1, &st, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW)
        snprintf(what, sizeof(what), "%s", (const char *)sqlite3_column_text(st, 0));
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        rc == SQLITE_INTERRUPT ? given_up(e) : store_db_fail(db, e, path, "cannot be checked");
    sqlite3_finalize(st);
    if (rc != SQLITE_ROW && rc != SQLITE_DONE)
        return -1;
    if (right ? rc == SQLITE_ROW && strcmp(what, right) == 0 : rc == SQLITE_DONE)
        return 0;
    return store_file_damaged(path, e, what);
}

/* What SQL can say of one snapshot, each with what comes out when all is well. */
static const struct {
    const char *sql, *right;
} checks[] = {
    { "PRAGMA integrity_check(1)", "ok" },
    { "SELECT 'a row of ' || \"table\" || ' without its ' || parent FROM pragma_foreign_key_check",
      NULL },
};

static int check_all(sqlite3 *db, const char *path, const atomic_bool *stop, struct err *e)
{
    int rc = 0;
    sqlite3_progress_handler(db, STEP_OPS, asked_to_stop, (void *)(uintptr_t)stop);
    for (size_t i = 0; i < ARRAY_SIZE(checks) && rc == 0; i++)
        rc = expect(db, path, checks[i].sql, checks[i].right, e);
    sqlite3_progress_handler(db, 0, NULL, NULL);
    return rc;
}

/* The counts that are kept against the rows themselves. */
static int check_counts(struct store *reader, struct err *e)
{
    uint64_t kept[PHASES], n[PHASES] = { 0 }, overdue, late = 0;
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(
        reader->db, "SELECT phase, count(*), sum(overdue) FROM guests GROUP BY 1", -1, &st, NULL);
    while (rc == SQLITE_OK && sqlite3_step(st) == SQLITE_ROW) {
        unsigned phase = (unsigned)sqlite3_column_int(st, 0);
        n[phase < PHASES ? phase : 0] += (uint64_t)sqlite3_column_int64(st, 1);
        late += (uint64_t)sqlite3_column_int64(st, 2);
    }
    if (sqlite3_finalize(st) != SQLITE_OK || rc != SQLITE_OK)
        return store_fail(reader, e);
    if (store_counts(reader, kept, &overdue, e) < 0)
        return -1;
    if (memcmp(kept, n, sizeof(n)) == 0 && late == overdue)
        return 0;
    return store_damaged(reader, e, "the counts of guests by state are not those of the rows");
}

int store_verify(struct store *reader, const atomic_bool *stop, uint64_t *ret_bytes, struct err *e)
{
    int64_t pages = 0, size = 0;
    store_read(reader);
    int rc = check_all(reader->db, reader->path, stop, e);
    if (rc == 0)
        rc = check_counts(reader, e);
    if (rc == 0 && (store_pragma_int(reader->db, "PRAGMA page_count", &pages) < 0 ||
                    store_pragma_int(reader->db, "PRAGMA page_size", &size) < 0))
        rc = store_fail(reader, e);
    store_rollback(reader);
    if (rc == 0)
        *ret_bytes = (uint64_t)(pages * size);
    return rc;
}

/* --- copies that leave the house --- */

/* Without a log beside it, so that the one file is all there is. */
static int settle(const char *path, const atomic_bool *stop, struct err *e)
{
    sqlite3 *db = NULL;
    int r = -1;
    if (sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
        store_db_fail(db, e, path, "cannot be opened");
    else if (expect(db, path, "PRAGMA journal_mode=DELETE", "delete", e) == 0)
        r = check_all(db, path, stop, e);
    sqlite3_close(db);
    return r;
}

int store_copy(struct store *reader, const char *to, const atomic_bool *stop, struct err *e)
{
    unlink(to);
    auto_close int fd = open(to, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0)
        return err_sys(e, "%s: cannot be made", to);
    store_read(reader);
    int rc = store_copy_pages(reader->db, to, stop, e);
    store_rollback(reader);
    if (rc == 0)
        rc = settle(to, stop, e);
    if (rc == 0 && fsync(fd) < 0)
        rc = err_sys(e, "%s: cannot be synced", to);
    if (rc < 0)
        unlink(to);
    return rc;
}
