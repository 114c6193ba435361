#include "server/fetch_out.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"

#define BLOCK_SIZE 65536 /* a hole that is worth one */

static bool is_zero(const char *p, size_t len)
{
    return len && !p[0] && !memcmp(p, p + 1, len - 1);
}

static int write_failed(struct err *e)
{
    int os = errno;

    err_sys(e, "no room for the image");
    if (os == ENOSPC || os == EDQUOT || os == EFBIG) {
        err_set(e, ERR_IO, "the disk is full (%s); nothing is kept of it", strerror(os));
        e->os = os;
    }
    return -1;
}

static int put(struct fetch_out *o, const char *p, size_t len, struct err *e)
{
    while (len) {
        ssize_t n = pwrite(o->fd, p, len, (off_t)o->size);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return write_failed(e);
        p += n;
        len -= (size_t)n;
        o->size += (uint64_t)n;
    }
    return 0;
}

/* fetch_out_end() gives a file that ends in a hole its length. */
static int flush(struct fetch_out *o, struct err *e)
{
    size_t n = o->n;

    o->n = 0;
    if (n == BLOCK_SIZE && is_zero(o->block, n)) {
        o->size += n;
        return 0;
    }
    return put(o, o->block, n, e);
}

static int sink(const void *data, size_t len, void *arg, struct err *e)
{
    struct fetch_out *o = arg;
    const char *p = data;

    while (len) {
        size_t n = BLOCK_SIZE - o->n < len ? BLOCK_SIZE - o->n : len;
        memcpy(o->block + o->n, p, n);
        o->n += n;
        p += n;
        len -= n;
        if (o->n == BLOCK_SIZE && flush(o, e) < 0)
            return -1;
    }
    return 0;
}

static int begin(struct fetch_out *o, int fd, enum digest kind, struct err *e)
{
    fetch_out_done(o);
    *o = (struct fetch_out){ .fd = fd, .kind = kind, .digest = digest_new(kind) };
    if (!(o->block = malloc(BLOCK_SIZE)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    o->unpack = unpack_new(sink, o, e);
    return o->unpack ? 0 : -1;
}

int fetch_out_begin(struct fetch_out *o, int fd, enum digest kind, struct err *e)
{
    if (ftruncate(fd, 0) < 0)
        return err_sys(e, "the image's file");
    return begin(o, fd, kind, e);
}

/* The digest, and what the unpacker knows, come from the bytes that are there. */
int fetch_out_resume(struct fetch_out *o, int fd, enum digest kind, uint64_t offset, struct err *e)
{
    static char chunk[1 << 20];

    if (begin(o, fd, kind, e) < 0)
        return -1;
    while (o->raw < offset) {
        uint64_t left = offset - o->raw;
        ssize_t n = pread(fd, chunk, left < sizeof chunk ? left : sizeof chunk, (off_t)o->raw);
        if (n < 0)
            return err_sys(e, "the image's file");
        if (n == 0)
            return err_set(e, ERR_INTERNAL, "the image's file is shorter than it was");
        if (fetch_out_take(o, chunk, (size_t)n, e) < 0)
            return -1;
    }
    return 0;
}

int fetch_out_take(struct fetch_out *o, const void *data, size_t len, struct err *e)
{
    digest_update(o->digest, data, len);
    o->raw += len;
    return unpack_feed(o->unpack, data, len, e);
}

int fetch_out_end(struct fetch_out *o, struct checksum *ret, struct err *e)
{
    if (unpack_end(o->unpack, e) < 0 || flush(o, e) < 0)
        return -1;
    digest_final(o->digest, ret);
    o->digest = NULL;
    if (ftruncate(o->fd, (off_t)o->size) < 0 || fsync(o->fd) < 0)
        return write_failed(e);
    return 0;
}

void fetch_out_done(struct fetch_out *o)
{
    unpack_free(o->unpack);
    digest_free(o->digest);
    free(o->block);
    o->block = NULL;
    o->unpack = NULL;
    o->digest = NULL;
}
