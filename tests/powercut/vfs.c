#include "powercut/vfs.h"

#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <sqlite3.h>

#include "powercut/pending.h"

/* Files whose bytes must outlive the process; temporary ones go straight through. */
#define KEPT (SQLITE_OPEN_MAIN_DB | SQLITE_OPEN_WAL | SQLITE_OPEN_MAIN_JOURNAL)

struct cut_file {
    sqlite3_file base;
    struct pending *pending; /* NULL: straight through */
    sqlite3_file *real;      /* behind this struct in the same allocation */
};

static struct {
    sqlite3_vfs vfs;
    sqlite3_vfs *real;
    uint64_t *count;
    int nosync, sync_ms;
    unsigned long long seed; /* 0: nothing leaks */
    sqlite3_mutex *seed_lock;
} cut;

static struct cut_file *cut_of(sqlite3_file *f)
{
    return (struct cut_file *)(void *)f;
}

static sqlite3_file *real_of(sqlite3_file *f)
{
    return cut_of(f)->real;
}

static int cut_close(sqlite3_file *f)
{
    struct cut_file *c = cut_of(f);
    if (c->pending)
        pending_close(c->pending);
    return c->real->pMethods->xClose(c->real);
}

static int cut_read(sqlite3_file *f, void *to, int n, sqlite3_int64 at)
{
    struct cut_file *c = cut_of(f);
    return c->pending ? pending_read(c->pending, c->real, to, n, at)
                      : c->real->pMethods->xRead(c->real, to, n, at);
}

static int cut_write(sqlite3_file *f, const void *from, int n, sqlite3_int64 at)
{
    struct cut_file *c = cut_of(f);
    if (!c->pending)
        return c->real->pMethods->xWrite(c->real, from, n, at);
    int rc = pending_write(c->pending, c->real, from, n, at);
    if (rc == SQLITE_OK && cut.seed) {
        sqlite3_mutex_enter(cut.seed_lock);
        pending_leak(c->pending, c->real, &cut.seed);
        sqlite3_mutex_leave(cut.seed_lock);
    }
    return rc;
}

static int cut_truncate(sqlite3_file *f, sqlite3_int64 size)
{
    struct cut_file *c = cut_of(f);
    return c->pending ? pending_truncate(c->pending, size)
                      : c->real->pMethods->xTruncate(c->real, size);
}

static int cut_sync(sqlite3_file *f, int flags)
{
    struct cut_file *c = cut_of(f);
    if (!c->pending)
        return c->real->pMethods->xSync(c->real, flags);
    if (cut.sync_ms)
        cut.real->xSleep(cut.real, cut.sync_ms * 1000);
    int rc = cut.nosync ? SQLITE_OK : pending_sync(c->pending, c->real, flags);
    if (rc == SQLITE_OK && cut.count)
        __atomic_fetch_add(cut.count, 1, __ATOMIC_SEQ_CST);
    return rc;
}

static int cut_file_size(sqlite3_file *f, sqlite3_int64 *ret)
{
    struct cut_file *c = cut_of(f);
    if (!c->pending)
        return c->real->pMethods->xFileSize(c->real, ret);
    *ret = pending_size(c->pending);
    return SQLITE_OK;
}

static int cut_lock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xLock(real_of(f), level);
}

static int cut_unlock(sqlite3_file *f, int level)
{
    return real_of(f)->pMethods->xUnlock(real_of(f), level);
}

static int cut_check_lock(sqlite3_file *f, int *ret)
{
    return real_of(f)->pMethods->xCheckReservedLock(real_of(f), ret);
}

/* Hints that would make the real file grow, or map it, must not get past the pending bytes. */
static int cut_control(sqlite3_file *f, int op, void *arg)
{
    if (op == SQLITE_FCNTL_SIZE_HINT || op == SQLITE_FCNTL_CHUNK_SIZE ||
        op == SQLITE_FCNTL_MMAP_SIZE)
        return SQLITE_NOTFOUND;
    return real_of(f)->pMethods->xFileControl(real_of(f), op, arg);
}

static int cut_sector_size(sqlite3_file *f)
{
    return real_of(f)->pMethods->xSectorSize(real_of(f));
}

static int cut_device(sqlite3_file *f)
{
    return real_of(f)->pMethods->xDeviceCharacteristics(real_of(f));
}

static int cut_shm_map(sqlite3_file *f, int page, int size, int extend, void volatile **ret)
{
    return real_of(f)->pMethods->xShmMap(real_of(f), page, size, extend, ret);
}

static int cut_shm_lock(sqlite3_file *f, int offset, int n, int flags)
{
    return real_of(f)->pMethods->xShmLock(real_of(f), offset, n, flags);
}

static void cut_shm_barrier(sqlite3_file *f)
{
    real_of(f)->pMethods->xShmBarrier(real_of(f));
}

static int cut_shm_unmap(sqlite3_file *f, int delete_it)
{
    return real_of(f)->pMethods->xShmUnmap(real_of(f), delete_it);
}

/* Version 2: shared memory, but no memory-mapped reading. */
static const sqlite3_io_methods methods = {
    .iVersion = 2,
    .xClose = cut_close,
    .xRead = cut_read,
    .xWrite = cut_write,
    .xTruncate = cut_truncate,
    .xSync = cut_sync,
    .xFileSize = cut_file_size,
    .xLock = cut_lock,
    .xUnlock = cut_unlock,
    .xCheckReservedLock = cut_check_lock,
    .xFileControl = cut_control,
    .xSectorSize = cut_sector_size,
    .xDeviceCharacteristics = cut_device,
    .xShmMap = cut_shm_map,
    .xShmLock = cut_shm_lock,
    .xShmBarrier = cut_shm_barrier,
    .xShmUnmap = cut_shm_unmap,
};

static int cut_open(sqlite3_vfs *vfs, const char *name, sqlite3_file *f, int flags, int *ret_flags)
{
    struct cut_file *c = cut_of(f);
    (void)vfs;
    c->base.pMethods = NULL;
    c->pending = NULL;
    c->real = (sqlite3_file *)(void *)(c + 1);
    memset(c->real, 0, (size_t)cut.real->szOsFile);
    int rc = cut.real->xOpen(cut.real, name, c->real, flags, ret_flags);
    if (rc != SQLITE_OK)
        return rc;
    if (name && flags & KEPT && !(flags & SQLITE_OPEN_DELETEONCLOSE)) {
        c->pending = pending_open(name, c->real);
        if (!c->pending) {
            c->real->pMethods->xClose(c->real);
            return SQLITE_IOERR_NOMEM;
        }
    }
    c->base.pMethods = &methods;
    return SQLITE_OK;
}

static int cut_delete(sqlite3_vfs *vfs, const char *name, int sync_dir)
{
    (void)vfs;
    int rc = cut.real->xDelete(cut.real, name, sync_dir);
    if (rc == SQLITE_OK || rc == SQLITE_IOERR_DELETE_NOENT)
        pending_forget(name);
    return rc;
}

/* SQLite takes an empty log or journal for an absent one, so the pending size counts. */
static int cut_access(sqlite3_vfs *vfs, const char *name, int flags, int *ret)
{
    (void)vfs;
    if (flags == SQLITE_ACCESS_EXISTS && pending_size_of(name) > 0) {
        *ret = 1;
        return SQLITE_OK;
    }
    return cut.real->xAccess(cut.real, name, flags, ret);
}

static int count_map(const char *path)
{
    int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0644);
    /* Never shorter: another process may count in it already. */
    if (fd < 0 || (lseek(fd, 0, SEEK_END) < (off_t)sizeof(*cut.count) &&
                   ftruncate(fd, sizeof(*cut.count)) < 0)) {
        perror(path);
        return -1;
    }
    void *at = mmap(NULL, sizeof(*cut.count), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    close(fd);
    if (at == MAP_FAILED) {
        perror(path);
        return -1;
    }
    cut.count = at;
    return 0;
}

int powercut_register(void)
{
    const char *count = getenv("ROOST_POWERCUT_COUNT"), *seed = getenv("ROOST_POWERCUT_SEED");
    const char *nosync = getenv("ROOST_POWERCUT_NOSYNC"), *ms = getenv("ROOST_POWERCUT_SYNC_MS");
    if (cut.real)
        return 0;
    if (count && *count && count_map(count) < 0)
        return -1;
    cut.nosync = nosync && strcmp(nosync, "1") == 0;
    cut.sync_ms = ms ? atoi(ms) : 0;
    cut.seed = seed ? strtoull(seed, NULL, 10) : 0;
    cut.real = sqlite3_vfs_find(NULL);
    cut.seed_lock = sqlite3_mutex_alloc(SQLITE_MUTEX_FAST);
    if (!cut.real || !cut.seed_lock)
        return -1;
    cut.vfs = *cut.real;
    cut.vfs.pNext = NULL;
    cut.vfs.zName = "powercut";
    cut.vfs.szOsFile = (int)sizeof(struct cut_file) + cut.real->szOsFile;
    /* Methods of the unix VFS that are not replaced find their own state by the argument. */
    cut.vfs.pAppData = cut.real->pAppData;
    cut.vfs.xOpen = cut_open;
    cut.vfs.xDelete = cut_delete;
    cut.vfs.xAccess = cut_access;
    atexit(pending_flush_all);
    if (sqlite3_vfs_register(&cut.vfs, 1) != SQLITE_OK) {
        fprintf(stderr, "powercut: SQLite refuses the VFS\n");
        return -1;
    }
    return 0;
}
