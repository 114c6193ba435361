/* Writes of the write-ahead log in large pieces. SQLite hands over the header of a frame, 24 bytes,
 * and its page one by one: two system calls a page, each of which touches the file's pages anew. */
#include "server/store_priv.h"

#include <stdlib.h>
#include <string.h>

/* SQLite's file format, section 4.2: bytes 4 to 7 of a frame's header are not zero in the last
 * frame of a commit. */
#define FRAME_HEADER 24
#define ROOM         (64 << 10)

struct log_file {
    sqlite3_file base;
    sqlite3_file *real; /* behind this struct in the same allocation */
    /* What waits to be written is part of no commit yet: nobody else can know of it. */
    char *room;
    int len;
    sqlite3_int64 at; /* where the room's bytes belong */
    bool last;        /* the frame under way ends a commit */
};

static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
} log_vfs;

static struct log_file *log_of(sqlite3_file *f)
{
    return (struct log_file *)(void *)f;
}

static sqlite3_file *real_of(sqlite3_file *f)
{
    return log_of(f)->real;
}

static int write_out(struct log_file *l)
{
    int n = l->len;
    sqlite3_int64 at = l->at;

    l->len = 0;
    l->at += n;
    return n ? l->real->pMethods->xWrite(l->real, l->room, n, at) : SQLITE_OK;
}

/* Only what continues the last piece waits. A commit's last page takes all along, whether a sync
 * follows or not. */
static int log_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    static const char none[4];
    struct log_file *l = log_of(f);
    bool follows = at == l->at + l->len;

    if (n == FRAME_HEADER)
        l->last = memcmp((const char *)from + 4, none, sizeof(none)) != 0;
    if (!follows || n > ROOM - l->len) {
        int rc = write_out(l);
        if (rc != SQLITE_OK)
            return rc;
    }
    if (!follows || n > ROOM) {
        l->at = at + n;
        return l->real->pMethods->xWrite(l->real, from, n, at);
    }
    memcpy(l->room + l->len, from, (size_t)n);
    l->len += n;
    return l->last && n != FRAME_HEADER ? write_out(l) : SQLITE_OK;
}

static int log_close(sqlite3_file *f)
{
    int rc = write_out(log_of(f)), closed = real_of(f)->pMethods->xClose(real_of(f));

    free(log_of(f)->room);
    return rc == SQLITE_OK ? closed : rc;
}

static int log_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    int rc = write_out(log_of(f));

    return rc == SQLITE_OK ? real_of(f)->pMethods->xRead(real_of(f), to, n, at) : rc;
}

static int log_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    int rc = write_out(log_of(f));

    return rc == SQLITE_OK ? real_of(f)->pMethods->xTruncate(real_of(f), size) : rc;
}

static int log_sync(sqlite3_file *f, int flags)
{
    int rc = write_out(log_of(f));

    return rc == SQLITE_OK ? real_of(f)->pMethods->xSync(real_of(f), flags) : rc;
}

static int log_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    int rc = write_out(log_of(f));

    return rc == SQLITE_OK ? real_of(f)->pMethods->xFileSize(real_of(f), ret) : rc;
}

static int log_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int log_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int log_check_lock(sqlite3_file *f, int *ret)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), ret);
}

static int log_control(sqlite3_file *f, int op, void *arg)
{
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int log_sector_size(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int log_device(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static const sqlite3_io_methods log_methods = {
    .iVersion = 1, /* the shared memory is the database's */
    .xClose = log_close,
    .xRead = log_read,
    .xWrite = log_write,
    .xTruncate = log_truncate,
    .xSync = log_sync,
    .xFileSize = log_size,
    .xLock = log_lock,
    .xUnlock = log_unlock,
    .xCheckReservedLock = log_check_lock,
    .xFileControl = log_control,
    .xSectorSize = log_sector_size,
    .xDeviceCharacteristics = log_device,
};

/* All other files are the real VFS's own. */
static int vfs_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
    struct log_file *l = log_of(f);
    sqlite3_vfs *real = log_vfs.real;

    (void)vfs;
    if (!(flags & SQLITE_OPEN_WAL))
        return real->xOpen(real, name, f, flags, ret_flags);
    *l = (struct log_file){ .real = (sqlite3_file *)(void *)(l + 1), .room = malloc(ROOM) };
    if (!l->room)
        return SQLITE_NOMEM;
    memset(l->real, 0, (size_t)real->szOsFile);
    int rc = real->xOpen(real, name, l->real, flags, ret_flags);
    if (rc == SQLITE_OK)
        l->base.pMethods = &log_methods;
    else
        free(l->room);
    return rc;
}

const char *store_vfs(void)
{
    sqlite3_vfs *real = sqlite3_vfs_find(NULL);

    if (!real || real == log_vfs.real)
        return real ? log_vfs.vfs.zName : NULL;
    if (log_vfs.real)
        sqlite3_vfs_unregister(&log_vfs.vfs);
    log_vfs.real = real;
    log_vfs.vfs = *real; /* its other methods find their own state by pAppData */
    log_vfs.vfs.pNext = NULL;
    log_vfs.vfs.zName = "roost";
    log_vfs.vfs.szOsFile = (int)sizeof(struct log_file) + real->szOsFile;
    log_vfs.vfs.xOpen = vfs_open;
    return sqlite3_vfs_register(&log_vfs.vfs, 0) == SQLITE_OK ? log_vfs.vfs.zName : NULL;
}
