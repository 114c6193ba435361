#include "powercut/pending.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define BLOCK   4096
#define SECTOR  512
#define BUCKETS 16384

struct block {
    struct block *next;
    sqlite3_int64 number;
    unsigned char data[BLOCK];
};

struct pending {
    struct pending *next;
    char *path;
    int handles;    /* under files_lock */
    bool forgotten; /* deleted, but open still */
    pthread_mutex_t lock;
    sqlite3_int64 size; /* as everybody here sees it */
    sqlite3_int64
        solid; /* real bytes below this are still the file's: the lowest truncation pending */
    size_t n_blocks;
    struct block *buckets[BUCKETS];
};

static pthread_mutex_t files_lock = PTHREAD_MUTEX_INITIALIZER;
static struct pending *files;

static struct pending **find(const char *path)
{
    struct pending **p = &files;
    while (*p && strcmp((*p)->path, path) != 0)
        p = &(*p)->next;
    return p;
}

static struct pending *pending_new(const char *path, sqlite3_file *real)
{
    struct pending *p = calloc(1, sizeof(*p));
    if (!p)
        return NULL;
    p->path = strdup(path);
    if (!p->path || real->pMethods->xFileSize(real, &p->size) != SQLITE_OK) {
        free(p->path);
        free(p);
        return NULL;
    }
    p->solid = p->size;
    pthread_mutex_init(&p->lock, NULL);
    return p;
}

struct pending *pending_open(const char *path, sqlite3_file *real)
{
    pthread_mutex_lock(&files_lock);
    struct pending **slot = find(path);
    if (!*slot)
        *slot = pending_new(path, real);
    struct pending *p = *slot;
    if (p)
        p->handles++;
    pthread_mutex_unlock(&files_lock);
    return p;
}

static void drop_blocks(struct pending *p, sqlite3_int64 from)
{
    for (size_t i = 0; i < BUCKETS && p->n_blocks; i++) {
        for (struct block **b = &p->buckets[i]; *b;) {
            struct block *gone = *b;
            if (gone->number < from) {
                b = &gone->next;
                continue;
            }
            *b = gone->next;
            free(gone);
            p->n_blocks--;
        }
    }
}

static void pending_free(struct pending *p)
{
    drop_blocks(p, 0);
    pthread_mutex_destroy(&p->lock);
    free(p->path);
    free(p);
}

void pending_close(struct pending *p)
{
    pthread_mutex_lock(&files_lock);
    p->handles--;
    if (p->forgotten && !p->handles)
        pending_free(p);
    pthread_mutex_unlock(&files_lock);
}

void pending_forget(const char *path)
{
    pthread_mutex_lock(&files_lock);
    struct pending **slot = find(path), *p = *slot;
    if (p) {
        *slot = p->next;
        p->forgotten = true;
        if (!p->handles)
            pending_free(p);
    }
    pthread_mutex_unlock(&files_lock);
}

sqlite3_int64 pending_size_of(const char *path)
{
    pthread_mutex_lock(&files_lock);
    struct pending *p = *find(path);
    sqlite3_int64 size = p ? pending_size(p) : -1;
    pthread_mutex_unlock(&files_lock);
    return size;
}

static struct block *lookup(const struct pending *p, sqlite3_int64 number)
{
    struct block *b = p->buckets[number % BUCKETS];
    while (b && b->number != number)
        b = b->next;
    return b;
}

/* Real bytes under the pending ones: those below `solid`, zeros beyond. */
static int read_solid(const struct pending *p, sqlite3_file *real, unsigned char *to, int n,
                      sqlite3_int64 at)
{
    sqlite3_int64 have = at < p->solid ? p->solid - at : 0;
    int take = have < n ? (int)have : n;
    memset(to, 0, (size_t)n);
    int rc = take ? real->pMethods->xRead(real, to, take, at) : SQLITE_OK;
    return rc == SQLITE_IOERR_SHORT_READ ? SQLITE_OK : rc;
}

/* The pending block of a number, made over the real bytes. */
static int touch(struct pending *p, sqlite3_file *real, sqlite3_int64 number, struct block **ret)
{
    *ret = lookup(p, number);
    if (*ret)
        return SQLITE_OK;
    struct block *b = malloc(sizeof(*b));
    if (!b)
        return SQLITE_IOERR_NOMEM;
    int rc = read_solid(p, real, b->data, BLOCK, number * BLOCK);
    if (rc != SQLITE_OK) {
        free(b);
        return rc;
    }
    b->number = number;
    b->next = p->buckets[number % BUCKETS];
    p->buckets[number % BUCKETS] = b;
    p->n_blocks++;
    *ret = b;
    return SQLITE_OK;
}

static int part(sqlite3_int64 at, int left)
{
    int room = BLOCK - (int)(at % BLOCK);
    return left < room ? left : room;
}

static int read_locked(struct pending *p, sqlite3_file *real, unsigned char *to, int n,
                       sqlite3_int64 at)
{
    sqlite3_int64 have = at < p->size ? p->size - at : 0;
    int take = have < n ? (int)have : n, rc = SQLITE_OK;
    memset(to + take, 0, (size_t)(n - take));
    for (int done = 0, step; done < take && rc == SQLITE_OK; done += step) {
        sqlite3_int64 here = at + done;
        step = part(here, take - done);
        const struct block *b = lookup(p, here / BLOCK);
        if (b)
            memcpy(to + done, b->data + here % BLOCK, (size_t)step);
        else
            rc = read_solid(p, real, to + done, step, here);
    }
    return rc == SQLITE_OK && take < n ? SQLITE_IOERR_SHORT_READ : rc;
}

int pending_read(struct pending *p, sqlite3_file *real, void *to, int n, sqlite3_int64 at)
{
    pthread_mutex_lock(&p->lock);
    int rc = read_locked(p, real, to, n, at);
    pthread_mutex_unlock(&p->lock);
    return rc;
}

int pending_write(struct pending *p, sqlite3_file *real, const void *from, int n, sqlite3_int64 at)
{
    int rc = SQLITE_OK;
    pthread_mutex_lock(&p->lock);
    for (int done = 0, step; done < n && rc == SQLITE_OK; done += step) {
        struct block *b;
        sqlite3_int64 here = at + done;
        step = part(here, n - done);
        rc = touch(p, real, here / BLOCK, &b);
        if (rc == SQLITE_OK)
            memcpy(b->data + here % BLOCK, (const char *)from + done, (size_t)step);
    }
    if (rc == SQLITE_OK && at + n > p->size)
        p->size = at + n;
    pthread_mutex_unlock(&p->lock);
    return rc;
}

int pending_truncate(struct pending *p, sqlite3_int64 size)
{
    pthread_mutex_lock(&p->lock);
    drop_blocks(p, (size + BLOCK - 1) / BLOCK);
    struct block *last = size % BLOCK ? lookup(p, size / BLOCK) : NULL;
    if (last)
        memset(last->data + size % BLOCK, 0, (size_t)(BLOCK - size % BLOCK));
    p->size = size;
    if (size < p->solid)
        p->solid = size;
    pthread_mutex_unlock(&p->lock);
    return SQLITE_OK;
}

sqlite3_int64 pending_size(struct pending *p)
{
    pthread_mutex_lock(&p->lock);
    sqlite3_int64 size = p->size;
    pthread_mutex_unlock(&p->lock);
    return size;
}

/* At most the bytes of a block that lie within the file. */
static int length_in(const struct pending *p, const struct block *b, int want)
{
    sqlite3_int64 left = p->size - b->number * BLOCK;
    return left <= 0 ? 0 : left < want ? (int)left : want;
}

static int settle(struct pending *p, sqlite3_file *real)
{
    sqlite3_int64 size;
    int rc = real->pMethods->xFileSize(real, &size);
    if (rc == SQLITE_OK && p->solid < size)
        rc = real->pMethods->xTruncate(real, p->solid);
    for (size_t i = 0; i < BUCKETS && rc == SQLITE_OK && p->n_blocks; i++)
        for (const struct block *b = p->buckets[i]; b && rc == SQLITE_OK; b = b->next) {
            int n = length_in(p, b, BLOCK);
            if (n)
                rc = real->pMethods->xWrite(real, b->data, n, b->number * BLOCK);
        }
    return rc;
}

int pending_sync(struct pending *p, sqlite3_file *real, int flags)
{
    pthread_mutex_lock(&p->lock);
    int rc = settle(p, real);
    if (rc == SQLITE_OK)
        rc = real->pMethods->xSync(real, flags);
    /* After a failure all of it stays pending: this disk forgets nothing that it did not report. */
    if (rc == SQLITE_OK) {
        drop_blocks(p, 0);
        p->solid = p->size;
    }
    pthread_mutex_unlock(&p->lock);
    return rc;
}

/* xorshift64* (Vigna 2016): good enough to choose sectors, and the same everywhere. */
static unsigned long long draw(unsigned long long *s)
{
    *s ^= *s >> 12;
    *s ^= *s << 25;
    *s ^= *s >> 27;
    return *s * 2685821657736338717ull;
}

/* A run of sectors of one block, from any sector on: torn at both ends. */
static void leak_block(const struct pending *p, sqlite3_file *real, const struct block *b,
                       unsigned long long *seed)
{
    int first = (int)(draw(seed) % (BLOCK / SECTOR));
    int count = 1 + (int)(draw(seed) % (unsigned)(BLOCK / SECTOR - first));
    int end = length_in(p, b, (first + count) * SECTOR);
    if (end > first * SECTOR)
        real->pMethods->xWrite(real, b->data + first * SECTOR, end - first * SECTOR,
                               b->number * BLOCK + first * SECTOR);
}

void pending_leak(struct pending *p, sqlite3_file *real, unsigned long long *seed)
{
    pthread_mutex_lock(&p->lock);
    size_t start = draw(seed) % BUCKETS, left = draw(seed) % 4;
    for (size_t i = 0; i < BUCKETS && left && p->n_blocks; i++)
        for (const struct block *b = p->buckets[(start + i) % BUCKETS]; b && left;
             b = b->next, left--)
            leak_block(p, real, b, seed);
    pthread_mutex_unlock(&p->lock);
}

static void flush_fd(const struct pending *p, int fd)
{
    if (ftruncate(fd, p->solid) < 0)
        perror(p->path);
    for (size_t i = 0; i < BUCKETS && p->n_blocks; i++)
        for (const struct block *b = p->buckets[i]; b; b = b->next) {
            int n = length_in(p, b, BLOCK);
            if (n && pwrite(fd, b->data, (size_t)n, b->number * BLOCK) != n)
                perror(p->path);
        }
    if (ftruncate(fd, p->size) < 0)
        perror(p->path);
}

void pending_flush_all(void)
{
    for (const struct pending *p = files; p; p = p->next) {
        if (!p->n_blocks && p->solid == p->size)
            continue;
        int fd = open(p->path, O_WRONLY | O_CLOEXEC);
        if (fd < 0)
            continue;
        flush_fd(p, fd);
        close(fd);
    }
}
