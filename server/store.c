/* Opening and closing; checkpoints. */
#include "server/store_priv.h"

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"

/* How the writer is set. Each line with its reason. */
static const char *const writer_pragmas[] = {
    "PRAGMA synchronous=FULL", /* a commit is on disk when it returns: the promise of the 200 */
    "PRAGMA foreign_keys=ON",
    "PRAGMA wal_autocheckpoint=0", /* the worker makes them: one can take 8 ms and more */
    /* Kept for the next commits, since overwriting is cheaper than growing; a storm's worth is
     * given back. */
    "PRAGMA journal_size_limit=33554432",
    /* The inner pages of a million instances; no memory map, since its pages would count as
     * resident and an unreadable sector would be a SIGBUS instead of an error. */
    "PRAGMA cache_size=-4096",
    "PRAGMA cache_spill=4096", /* pages: a group of 512 phone-homes does not write pages twice */
    "PRAGMA mmap_size=0",
    "PRAGMA temp_store=MEMORY", /* secrets do not go to /tmp, and a full /tmp stops nothing */
};
/* A reader is opened for writing all the same: checkpoints write, and sync the log before the
 * database. */
static const char *const reader_pragmas[] = {
    "PRAGMA query_only=ON",    "PRAGMA synchronous=FULL", "PRAGMA wal_autocheckpoint=0",
    "PRAGMA cache_size=-1024", "PRAGMA mmap_size=0",      "PRAGMA temp_store=MEMORY",
};

#define BUSY_MS 10000
/* Up to this size a whole quick_check is made while opening (some 20 ms). */
#define CHECK_AT_OPEN (8 << 20)
/* Beyond this much log the checkpoint also makes the writer begin it anew, which PASSIVE never
 * forces. */
#define WAL_RESTART (UINT64_C(64) << 20)

static struct store *store_new(const char *state_dir, bool reader, struct err *e)
{
    struct store *s = calloc(1, sizeof(*s));
    if (!s) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    s->reader = reader;
    /* Room for "-journal" and ".N.bak.tmp" behind it. */
    if (snprintf(s->path, sizeof(s->path), "%s/" FILE_STORE, state_dir) > PATH_SIZE - 32) {
        err_set(e, ERR_TOO_BIG, "%s: the path of the state directory is too long", state_dir);
        free(s);
        return NULL;
    }
    return s;
}

void store_close(struct store *s)
{
    if (!s)
        return;
    store_rollback(s);
    store_finalize_all(s);
    sqlite3_close(s->db);
    buf_done(&s->seed);
    free(s);
}

/* Makes the file with roost's mode if there is none, and looks at its header. Closing a descriptor
 * drops the process's POSIX locks on the file, so this comes before SQLite holds any. */
static int prepare_file(struct store *s, uint64_t *ret_size, struct err *e)
{
    uint8_t header[100] = { 0 };
    struct stat st;
    auto_close int fd = open(s->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0 || fstat(fd, &st) < 0)
        return err_sys(e, "%s: cannot be opened for writing", s->path);
    if (!S_ISREG(st.st_mode))
        return err_set(e, ERR_INVALID, "%s is no regular file", s->path);
    *ret_size = (uint64_t)st.st_size;
    ssize_t n = pread(fd, header, sizeof(header), 0);
    if (n < 0)
        return err_sys(e, "%s: cannot be read", s->path);
    if (n == (ssize_t)sizeof(header) && store_header_check(header, s->path, STORE_SCHEMA, e) < 0)
        return -1;
    char wal[PATH_SIZE + 8];
    snprintf(wal, sizeof(wal), "%s-wal", s->path);
    s->unclean = stat(wal, &st) == 0 && st.st_size > 0;
    return 0;
}

static int set_pragmas(struct store *s, const char *const *list, size_t n, struct err *e)
{
    for (size_t i = 0; i < n; i++)
        if (sqlite3_exec(s->db, list[i], NULL, NULL, NULL) != SQLITE_OK)
            return store_fail(s, e);
    return 0;
}

static int connect_db(struct store *s, struct err *e)
{
    int64_t version;
    if (sqlite3_open_v2(s->path, &s->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
                        s->reader ? NULL : store_vfs()) != SQLITE_OK) {
        return s->db ? store_fail(s, e) : err_set(e, ERR_INTERNAL, "out of memory");
    }
    sqlite3_extended_result_codes(s->db, 1);
    sqlite3_busy_timeout(s->db, BUSY_MS);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DQS_DML, 0, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_DQS_DDL, 0, NULL);
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_TRUSTED_SCHEMA, 0, NULL);
    /* Until the schema is known to be ours, closing must not move the log into the database. */
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
    if (store_pragma_int(s->db, "PRAGMA user_version", &version) < 0)
        return store_fail(s, e);
    /* SQLite falls back to reading when it may not write, without a word. */
    if (!s->reader && sqlite3_db_readonly(s->db, "main") == 1)
        return err_set(e, ERR_DENIED, "%s cannot be written: give it to the user that runs roost",
                       s->path);
    return 0;
}

static int wal_mode(struct store *s, struct err *e)
{
    char mode[16] = "";
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(s->db, "PRAGMA journal_mode=WAL", -1, &st, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW)
        store_text(st, 0, mode, sizeof(mode));
    if (rc != SQLITE_ROW)
        store_fail(s, e);
    sqlite3_finalize(st);
    if (rc != SQLITE_ROW)
        return -1;
    if (sqlite3_stricmp(mode, "wal") != 0)
        return err_set(e, ERR_IO,
                       "%s: this file system cannot share memory between processes, which the "
                       "store needs: put the state directory on a local disk",
                       s->path);
    return 0;
}

int store_check(struct store *s, struct err *e)
{
    char what[200] = "";
    sqlite3_stmt *st = NULL;
    int rc = sqlite3_prepare_v2(s->db, "PRAGMA quick_check(1)", -1, &st, NULL);
    if (rc == SQLITE_OK && (rc = sqlite3_step(st)) == SQLITE_ROW)
        snprintf(what, sizeof(what), "%s", (const char *)sqlite3_column_text(st, 0));
    if (rc != SQLITE_ROW)
        store_fail(s, e);
    sqlite3_finalize(st);
    if (rc != SQLITE_ROW)
        return -1;
    return strcmp(what, "ok") == 0 ? 0 : store_damaged(s, e, what);
}

bool store_was_unclean(const struct store *s)
{
    return s->unclean;
}

static int open_writer(struct store *s, struct err *e)
{
    uint64_t size = 0;
    int64_t schema;
    if (prepare_file(s, &size, e) < 0 || connect_db(s, e) < 0)
        return -1;
    if (s->unclean && size <= CHECK_AT_OPEN && store_check(s, e) < 0)
        return -1;
    /* Nothing is changed before the schema is known to be ours. */
    if (store_schema_check(s->db, s->path, STORE_SCHEMA, &schema, e) < 0 || wal_mode(s, e) < 0 ||
        set_pragmas(s, writer_pragmas, ARRAY_SIZE(writer_pragmas), e) < 0 ||
        store_migrate(s->db, s->path, store_migrations, store_migrations_n, e) < 0)
        return -1;
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    store_log_watch(s);
    return store_mirror_load(s, e);
}

int store_open(const char *state_dir, struct store **ret, struct err *e)
{
    /* No counters of memory: they cost a mutex per allocation. Too late or twice is no harm. */
    sqlite3_config(SQLITE_CONFIG_MEMSTATUS, 0);
    struct store *s = store_new(state_dir, false, e);
    if (!s)
        return -1;
    if (open_writer(s, e) < 0) {
        store_close(s);
        return -1;
    }
    *ret = s;
    return 0;
}

int store_open_reader(const char *state_dir, struct store **ret, struct err *e)
{
    struct store *s = store_new(state_dir, true, e);
    if (!s)
        return -1;
    if (connect_db(s, e) < 0 || set_pragmas(s, reader_pragmas, ARRAY_SIZE(reader_pragmas), e) < 0 ||
        store_mirror_load(s, e) < 0) {
        store_close(s);
        return -1;
    }
    sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 0, NULL);
    *ret = s;
    return 0;
}

int store_checkpoint(struct store *reader, uint64_t *ret_wal_bytes, struct err *e)
{
    int frames = 0, done = 0;
    int rc = sqlite3_wal_checkpoint_v2(reader->db, NULL, SQLITE_CHECKPOINT_PASSIVE, &frames, &done);
    int64_t page = 4096;
    store_pragma_int(reader->db, "PRAGMA page_size", &page);
    /* Frame header of 24 bytes, log header of 32 (SQLite's file format, section 4.1). */
    uint64_t bytes = frames > 0 ? (uint64_t)frames * ((uint64_t)page + 24) + 32 : 0;
    /* The writer waits for the little that came meanwhile, once per WAL_RESTART. */
    if (rc == SQLITE_OK && bytes > WAL_RESTART)
        rc = sqlite3_wal_checkpoint_v2(reader->db, NULL, SQLITE_CHECKPOINT_RESTART, NULL, NULL);
    if (rc != SQLITE_OK && rc != SQLITE_BUSY)
        return store_fail(reader, e);
    if (ret_wal_bytes)
        *ret_wal_bytes = bytes;
    return 0;
}
