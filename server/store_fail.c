/* Errors of SQLite as ours. */
#include "server/store_priv.h"

#include <errno.h>
#include <string.h>

static bool is_full(int code, int os)
{
    /* A quota and a file size limit are to people what a full disk is. */
    return (code & 0xff) == SQLITE_FULL ||
           ((code & 0xff) == SQLITE_IOERR && (os == ENOSPC || os == EDQUOT || os == EFBIG));
}

int store_file_damaged(const char *path, struct err *e, const char *what)
{
    return err_set(e, ERR_IO,
                   "%s is damaged (%s): stop roost, keep the file aside and restore a copy of it, "
                   "or start without it and apply the fleet file again",
                   path, what);
}

int store_damaged(const struct store *s, struct err *e, const char *what)
{
    return store_file_damaged(s->path, e, what);
}

/* errno of the last failure. SQLite does not keep it when a COMMIT fails, but the log's file does.
 */
static int last_errno(sqlite3 *db, int code)
{
    sqlite3_file *log = (code & 0xff) == SQLITE_IOERR ? store_log_file(db) : NULL;
    int os = 0;
    if (log)
        log->pMethods->xFileControl(log, SQLITE_FCNTL_LAST_ERRNO, &os);
    return os ? os : sqlite3_system_errno(db);
}

int store_fail(struct store *s, struct err *e)
{
    int code = sqlite3_extended_errcode(s->db), os = last_errno(s->db, code);
    const char *text = sqlite3_errmsg(s->db);
    if (is_full(code, os)) {
        err_set(e, ERR_IO, "%s: no space left on the disk or in the quota", s->path);
        os = ENOSPC;
        goto out;
    }
    switch (code & 0xff) {
    case SQLITE_NOTADB:
        return err_set(e, ERR_IO, "%s is not a database: move it away, or restore a copy of it",
                       s->path);
    case SQLITE_CORRUPT:
        return store_damaged(s, e, text);
    case SQLITE_BUSY:
    case SQLITE_LOCKED:
        return err_set(e, ERR_BUSY, "%s is held by another program: %s", s->path, text);
    case SQLITE_READONLY:
    case SQLITE_PERM:
        return err_set(e, ERR_DENIED, "%s cannot be written: %s", s->path, text);
    case SQLITE_CONSTRAINT:
        if (code == SQLITE_CONSTRAINT_FOREIGNKEY)
            return err_set(e, ERR_NOT_FOUND, "there is no such instance");
        return err_set(e, ERR_CONFLICT, "%s: %s", s->path, text);
    case SQLITE_IOERR:
    case SQLITE_CANTOPEN:
        err_set(e, ERR_IO, "%s: %s%s%s", s->path, text, os ? ": " : "", os ? strerror(os) : "");
        break;
    default:
        return err_set(e, ERR_INTERNAL, "%s: %s", s->path, text);
    }
out:
    if (e)
        e->os = os;
    return -1;
}
