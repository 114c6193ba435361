/* The write-ahead log grows ahead of its frames. A flush of a file that has just grown also writes
 * its new size and blocks, and takes twice as long: with zeros there already, a commit overwrites.
 */
#include "server/store_priv.h"

#define LOG_STEP (UINT64_C(512) << 10)
/* Beyond journal_size_limit SQLite would cut off again what is ahead. */
#define LOG_MAX (UINT64_C(32) << 20)
/* SQLite's file format, section 4.1: the header of the log, and of each frame. */
#define LOG_HEADER   32
#define FRAME_HEADER 24

sqlite3_file *store_log_file(sqlite3 *db)
{
    sqlite3_file *log = NULL;

    if (sqlite3_file_control(db, "main", SQLITE_FCNTL_JOURNAL_POINTER, &log) != SQLITE_OK)
        return NULL;
    return log && log->pMethods ? log : NULL;
}

/* After each commit, with the frames in the log: 0 again when it was begun anew. */
static int committed(void *arg, sqlite3 *db, const char *schema, int frames)
{
    struct store *s = arg;

    (void)db;
    (void)schema;
    s->log_used = LOG_HEADER + (uint64_t)frames * (s->page_size + FRAME_HEADER);
    return SQLITE_OK;
}

/* Zeros are no frames: recovery stops at the first one whose salt is not the header's (section
 * 4.5). Only behind the file's end, where nothing of anybody's can be; only the thread that appends
 * frames does this. On a full disk nothing is lost but speed. */
static void step(struct store *s, sqlite3_file *log)
{
    static const char zeros[64 << 10];
    sqlite3_int64 size;

    if (log->pMethods->xFileSize(log, &size) != SQLITE_OK)
        return;
    s->log_size = (uint64_t)size;
    while (s->log_size < s->log_used + LOG_STEP && s->log_size + sizeof(zeros) <= LOG_MAX &&
           log->pMethods->xWrite(log, zeros, sizeof(zeros), (sqlite3_int64)s->log_size) ==
               SQLITE_OK)
        s->log_size += sizeof(zeros);
}

void store_log_extend(struct store *s)
{
    if (s->log_used + LOG_STEP / 4 <= s->log_size || s->log_size + LOG_STEP / 4 > LOG_MAX)
        return;
    sqlite3_file *log = store_log_file(s->db);
    if (log)
        step(s, log);
}

void store_log_watch(struct store *s)
{
    int64_t page;

    if (store_pragma_int(s->db, "PRAGMA page_size", &page) < 0)
        return;
    s->page_size = (uint64_t)page;
    sqlite3_wal_hook(s->db, committed, s);
}
