/* A guest's bundle, made in one pass by a thread of its own: disks are slow, their maps can be
 * long, and while they are read guests are answered. It goes through a pipe, as fast as it is
 * taken. */
#include "server/core_bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/encode.h"

#define HOLE_MIN  (64u << 10) /* a smaller one is sent */
#define PART_SIZE (256u << 10)
#define PIPE_SIZE (1 << 20)
#define STACK     (256u << 10)

/* --- what there is in a file --- */

static void add_extent(struct bundle_file *f, off_t from, off_t to)
{
    struct bundle_extent *last = f->n_map ? &f->map[f->n_map - 1] : NULL;

    if (last &&
        ((uint64_t)from - (last->at + last->len) < HOLE_MIN || f->n_map == BUNDLE_EXTENTS_MAX))
        last->len = (uint64_t)to - last->at;
    else
        f->map[f->n_map++] = (struct bundle_extent){ (uint64_t)from, (uint64_t)(to - from) };
}

static int size_of(int fd, uint64_t *ret, struct err *e)
{
    struct stat st;

    if (fstat(fd, &st) < 0)
        return err_sys(e, "stat");
    *ret = (uint64_t)st.st_size;
    return S_ISBLK(st.st_mode) && ioctl(fd, BLKGETSIZE64, ret) < 0 ? err_sys(e, "its size") : 0;
}

/* lseek(2): a file system that knows no holes says that all is data. */
static int map_file(int fd, struct bundle_file *f, struct err *e)
{
    off_t at = 0, end, size;

    if (size_of(fd, &f->size, e) < 0)
        return -1;
    size = (off_t)f->size;
    if (!(f->map = calloc(BUNDLE_EXTENTS_MAX, sizeof *f->map)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    while (at < size && (at = lseek(fd, at, SEEK_DATA)) >= 0) {
        end = lseek(fd, at, SEEK_HOLE);
        if (end < 0 || end > size)
            end = size;
        add_extent(f, at, end);
        at = end;
    }
    return at < 0 && errno != ENXIO ? err_sys(e, "seek") : 0;
}

static int map_files(struct bundle_stream *s, struct err *e)
{
    for (int p = 0; p < BUNDLE_PARTS; p++)
        if (s->bundle.files[p].there && map_file(s->fds[p], &s->bundle.files[p], e) < 0)
            return err_wrap(e, "%s", bundle_part_name((enum bundle_part)p));
    return 0;
}

/* --- the thread --- */

static int put(struct bundle_stream *s, const void *data, size_t len, struct err *e)
{
    while (len) {
        ssize_t n = write(s->in, data, len);
        if (n < 0)
            return err_sys(e, "nobody takes it");
        data = (const char *)data + n;
        len -= (size_t)n;
    }
    return 0;
}

static int put_header(struct bundle_stream *s, const char *name, uint64_t size, struct err *e)
{
    struct tar_member m = { .size = size, .mtime_s = s->now_s };
    uint8_t header[TAR_BLOCK];

    snprintf(m.name, sizeof m.name, "%s", name);
    return tar_header(&m, header, e) < 0 ? -1 : put(s, header, sizeof header, e);
}

static int put_end(struct bundle_stream *s, const char *name, uint64_t size,
                   const uint8_t sum[SHA256_SIZE], struct err *e)
{
    static const char zeros[TAR_BLOCK];
    char hex[2 * SHA256_SIZE + 1];

    hex_encode(sum, SHA256_SIZE, hex);
    buf_printf(&s->sums, "%s  %s\n", hex, name);
    return put(s, zeros, tar_padding(size), e);
}

static int put_text(struct bundle_stream *s, const char *name, const char *text, struct err *e)
{
    size_t len = strlen(text);
    uint8_t sum[SHA256_SIZE];

    sha256(text, len, sum);
    if (put_header(s, name, len, e) < 0 || put(s, text, len, e) < 0)
        return -1;
    return put_end(s, name, len, sum, e);
}

static int put_manifest(struct bundle_stream *s, struct err *e)
{
    json_t *j = bundle_to_json(&s->bundle);
    char *text = j ? json_dumps(j, JSON_INDENT(1)) : NULL;
    int r;

    json_decref(j);
    if (!text || strlen(text) > BUNDLE_MANIFEST_MAX)
        r = err_set(e, text ? ERR_TOO_BIG : ERR_INTERNAL, "its description is too large");
    else
        r = put_text(s, BUNDLE_MANIFEST, text, e);
    if (text) /* it holds tokens */
        explicit_bzero(text, strlen(text));
    free(text);
    return r;
}

static int put_extent(struct bundle_stream *s, int fd, struct bundle_extent x,
                      struct sha256_stream *sum, struct err *e)
{
    while (x.len) {
        ssize_t n = pread(fd, s->part, x.len < PART_SIZE ? (size_t)x.len : PART_SIZE, (off_t)x.at);
        if (n < 0)
            return err_sys(e, "it cannot be read");
        if (n == 0)
            return err_set(e, ERR_CONFLICT, "it became shorter while it was read");
        sha256_update(sum, s->part, (size_t)n);
        if (put(s, s->part, (size_t)n, e) < 0)
            return -1;
        x.at += (uint64_t)n;
        x.len -= (uint64_t)n;
    }
    return 0;
}

static int put_file(struct bundle_stream *s, enum bundle_part p, struct err *e)
{
    const struct bundle_file *f = &s->bundle.files[p];
    const uint64_t size = bundle_file_stored(f);
    struct sha256_stream *stream = sha256_new();
    uint8_t sum[SHA256_SIZE];
    int r = stream ? put_header(s, bundle_part_name(p), size, e)
                   : err_set(e, ERR_INTERNAL, "out of memory");

    for (int i = 0; r == 0 && i < f->n_map; i++)
        r = put_extent(s, s->fds[p], f->map[i], stream, e);
    if (stream)
        sha256_final(stream, sum);
    return r < 0 ? err_wrap(e, "%s", bundle_part_name(p))
                 : put_end(s, bundle_part_name(p), size, sum, e);
}

static int put_all(struct bundle_stream *s, struct err *e)
{
    static const char zeros[2 * TAR_BLOCK];
    auto_free char *sums = NULL;

    if (!(s->part = malloc(PART_SIZE)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (map_files(s, e) < 0 || put_manifest(s, e) < 0)
        return -1;
    for (int p = 0; p < BUNDLE_PARTS; p++)
        if (s->bundle.files[p].there && put_file(s, (enum bundle_part)p, e) < 0)
            return -1;
    if (!(sums = strdup(buf_str(&s->sums))))
        return err_set(e, ERR_INTERNAL, "out of memory");
    return put_text(s, BUNDLE_SUMS, sums, e) < 0 ? -1 : put(s, zeros, sizeof zeros, e);
}

static void close_files(struct bundle_stream *s)
{
    for (int p = 0; p < BUNDLE_PARTS; p++)
        if (s->fds[p] >= 0)
            close(s->fds[p]);
    if (s->lock >= 0)
        close(s->lock);
}

static void leave(struct bundle_stream *s)
{
    if (atomic_fetch_sub(&s->owners, 1) > 1)
        return;
    buf_done(&s->sums);
    bundle_done(&s->bundle);
    free(s->part);
    free(s);
}

/* Who has read to the end may start the guest: its lock goes before that. */
static void *make(void *arg)
{
    struct bundle_stream *s = arg;

    atomic_store(&s->whole, put_all(s, &s->err) == 0);
    close_files(s);
    close(s->in);
    leave(s);
    return NULL;
}

/* Nobody waits for it to end: a disk that does not answer is to hold up nobody. Signals are the
 * loop's. */
static int start_thread(struct bundle_stream *s, struct err *e)
{
    pthread_attr_t a;
    pthread_t thread;
    sigset_t all, old;
    int rc;

    pthread_attr_init(&a);
    pthread_attr_setdetachstate(&a, PTHREAD_CREATE_DETACHED);
    pthread_attr_setstacksize(&a, STACK);
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    atomic_store(&s->owners, 2);
    rc = pthread_create(&thread, &a, make, s);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    pthread_attr_destroy(&a);
    if (rc == 0)
        return 0;
    atomic_store(&s->owners, 1);
    errno = rc;
    return err_sys(e, "a thread for the bundle");
}

/* --- the loop's side --- */

void bundle_stream_free(struct bundle_stream *s)
{
    if (!s)
        return;
    loop_fd_free(s->watch);
    if (s->out >= 0)
        close(s->out);
    leave(s);
}

static void readable(int fd, int what, void *arg)
{
    struct bundle_stream *s = arg;

    (void)fd, (void)what;
    loop_fd_want(s->watch, 0);
    s->readable(s->arg);
}

void bundle_stream_wait(struct bundle_stream *s, void (*fn)(void *arg), void *arg)
{
    s->readable = fn;
    s->arg = arg;
    loop_fd_want(s->watch, LOOP_READ);
}

ssize_t bundle_stream_read(struct bundle_stream *s, char *out, size_t max)
{
    ssize_t n = read(s->out, out, max);

    if (n > 0)
        return n;
    if (n < 0)
        return errno == EAGAIN || errno == EINTR ? BUNDLE_NOT_YET : -1;
    if (atomic_load(&s->whole))
        return 0;
    log_of(LOG_WARN_, s->name.s, "its bundle breaks off: %s", s->err.text);
    return -1;
}

static int start(struct bundle_stream *s, struct core *c, struct err *e)
{
    int p[2];

    if (pipe2(p, O_CLOEXEC) < 0)
        return err_sys(e, "pipe");
    s->out = p[0];
    s->in = p[1];
    (void)fcntl(s->in, F_SETPIPE_SZ, PIPE_SIZE); /* as much as a user may have, else the default */
    if (fcntl(s->out, F_SETFL, O_NONBLOCK) < 0)
        return err_sys(e, "pipe");
    if (!(s->watch = loop_fd_new(c->loop, s->out, 0, readable, s, e)))
        return -1;
    return start_thread(s, e);
}

struct bundle_stream *core_bundle(struct core *c, const char *name, bool image, struct err *e)
{
    struct bundle_stream *s = calloc(1, sizeof *s);

    if (!s) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    for (int p = 0; p < BUNDLE_PARTS; p++)
        s->fds[p] = -1;
    s->lock = s->in = s->out = -1;
    s->sums = (struct buf)BUF_INIT;
    atomic_init(&s->owners, 1);
    s->now_s = loop_now(c->loop).real_ms / 1000;
    if (bundle_gather(s, c, name, image, e) == 0) {
        s->name = s->bundle.instance.name;
        if (start(s, c, e) == 0) {
            log_of(LOG_INFO_, name, "a bundle of it is being made");
            return s;
        }
    }
    close_files(s);
    if (s->in >= 0)
        close(s->in);
    bundle_stream_free(s);
    return NULL;
}
