#include "bootstrap/unpack.h"

#include <lzma.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>
#include <zstd.h>

#include "base/cleanup.h"

#define OUT_SIZE   (256u << 10)
#define MARK_MAX   6
#define XZ_MEMORY  (256ull << 20) /* xz -9 wants 65 MiB */
#define ZST_WINDOW 27             /* 128 MiB: what zstd -d takes unasked */

struct format;
struct unpack {
    unpack_sink *sink;
    void *arg;
    const struct format *format; /* NULL: not known yet */
    uint8_t first[MARK_MAX];     /* what came until then */
    size_t n_first;
    bool ended; /* at the end of a stream, where the next may begin */
    lzma_stream xz;
    z_stream gz;
    ZSTD_DStream *zst;
    uint8_t out[OUT_SIZE];
};

struct format {
    const char *name, *mark;
    size_t len;
    int (*begin)(struct unpack *u);
    int (*feed)(struct unpack *u, const uint8_t *data, size_t len, struct err *e);
    int (*end)(struct unpack *u, struct err *e); /* NULL: `ended` says it */
    void (*done)(struct unpack *u);
};

static int damaged(const struct unpack *u, struct err *e, const char *why)
{
    return err_set(e, ERR_INVALID, "the %s stream is damaged: %s", u->format->name, why);
}

/* --- xz --- */

static int xz_begin(struct unpack *u)
{
    u->xz = (lzma_stream)LZMA_STREAM_INIT;
    return lzma_stream_decoder(&u->xz, XZ_MEMORY, LZMA_CONCATENATED) == LZMA_OK ? 0 : -1;
}

static const char *xz_why(lzma_ret r)
{
    switch (r) {
    case LZMA_MEMLIMIT_ERROR:
        return "it wants more than 256 MiB of memory";
    case LZMA_MEM_ERROR:
        return "out of memory";
    case LZMA_OPTIONS_ERROR:
        return "it uses options that this liblzma does not know";
    default:
        return "its checksums are wrong";
    }
}

/* Until nothing is left to read and the output is not full any more. */
static int xz_run(struct unpack *u, lzma_action action, struct err *e)
{
    lzma_ret r;

    do {
        u->xz.next_out = u->out;
        u->xz.avail_out = sizeof u->out;
        r = lzma_code(&u->xz, action);
        size_t n = sizeof u->out - u->xz.avail_out;
        if (n && u->sink(u->out, n, u->arg, e) < 0)
            return -1;
        if (r == LZMA_BUF_ERROR)
            break;
        if (r != LZMA_OK && r != LZMA_STREAM_END)
            return damaged(u, e, xz_why(r));
    } while (r == LZMA_OK && (u->xz.avail_in || !u->xz.avail_out));
    u->ended = r == LZMA_STREAM_END;
    return 0;
}

static int xz_feed(struct unpack *u, const uint8_t *data, size_t len, struct err *e)
{
    u->xz.next_in = data;
    u->xz.avail_in = len;
    return xz_run(u, LZMA_RUN, e);
}

static int xz_end(struct unpack *u, struct err *e)
{
    u->xz.avail_in = 0;
    return xz_run(u, LZMA_FINISH, e);
}

static void xz_done(struct unpack *u)
{
    lzma_end(&u->xz);
}

/* --- gzip: members may follow each other (RFC 1952 section 2.2) --- */

static int gz_begin(struct unpack *u)
{
    u->gz = (z_stream){ 0 };
    return inflateInit2(&u->gz, 15 + 16) == Z_OK ? 0 : -1; /* +16: gzip alone */
}

static int gz_step(struct unpack *u, struct err *e)
{
    int r;

    if (u->ended && inflateReset(&u->gz) != Z_OK)
        return damaged(u, e, "another member cannot begin");
    u->ended = false;
    u->gz.next_out = u->out;
    u->gz.avail_out = sizeof u->out;
    r = inflate(&u->gz, Z_NO_FLUSH);
    if (r != Z_OK && r != Z_STREAM_END && r != Z_BUF_ERROR)
        return damaged(u, e, u->gz.msg ? u->gz.msg : "it is no gzip");
    u->ended = r == Z_STREAM_END;
    return u->sink(u->out, sizeof u->out - u->gz.avail_out, u->arg, e);
}

static int gz_feed(struct unpack *u, const uint8_t *data, size_t len, struct err *e)
{
    u->gz.next_in = (Bytef *)(uintptr_t)data;
    u->gz.avail_in = (uInt)len;
    do
        if (gz_step(u, e) < 0)
            return -1;
    while (u->gz.avail_in || (!u->ended && !u->gz.avail_out));
    return 0;
}

static void gz_done(struct unpack *u)
{
    inflateEnd(&u->gz);
}

/* --- zstd: frames may follow each other (RFC 8878 section 3.1) --- */

static int zst_begin(struct unpack *u)
{
    u->zst = ZSTD_createDStream();
    if (!u->zst)
        return -1;
    return ZSTD_isError(ZSTD_DCtx_setParameter(u->zst, ZSTD_d_windowLogMax, ZST_WINDOW)) ? -1 : 0;
}

static int zst_feed(struct unpack *u, const uint8_t *data, size_t len, struct err *e)
{
    ZSTD_inBuffer in = { data, len, 0 };
    bool full;

    do {
        ZSTD_outBuffer out = { u->out, sizeof u->out, 0 };
        size_t r = ZSTD_decompressStream(u->zst, &out, &in);
        if (ZSTD_isError(r))
            return damaged(u, e, ZSTD_getErrorName(r));
        if (out.pos && u->sink(u->out, out.pos, u->arg, e) < 0)
            return -1;
        u->ended = r == 0;
        full = out.pos == out.size;
    } while (in.pos < in.size || (full && !u->ended));
    return 0;
}

static void zst_done(struct unpack *u)
{
    ZSTD_freeDStream(u->zst);
}

/* --- as it is --- */

static int plain_begin(struct unpack *u)
{
    u->ended = true;
    return 0;
}

static int plain_feed(struct unpack *u, const uint8_t *data, size_t len, struct err *e)
{
    return u->sink(data, len, u->arg, e);
}

static void plain_done(struct unpack *u)
{
    (void)u;
}

static const struct format formats[] = {
    { "xz",
      "\xfd"
      "7zXZ\0",
      6, xz_begin, xz_feed, xz_end, xz_done },
    { "gzip", "\x1f\x8b\x08", 3, gz_begin, gz_feed, NULL, gz_done },
    { "zstd", "\x28\xb5\x2f\xfd", 4, zst_begin, zst_feed, NULL, zst_done },
    { "no", "", 0, plain_begin, plain_feed, NULL, plain_done },
};

/* --- the stream --- */

static int take_format(struct unpack *u, struct err *e)
{
    for (size_t i = 0; i < ARRAY_SIZE(formats) && !u->format; i++)
        if (u->n_first >= formats[i].len && !memcmp(u->first, formats[i].mark, formats[i].len))
            u->format = &formats[i];
    if (u->n_first >= 3 && !memcmp(u->first, "BZh", 3))
        return err_set(e, ERR_INVALID,
                       "it is compressed by bzip2, which is not unpacked here: unpack it and give "
                       "the file");
    if (u->format->begin(u) < 0) {
        u->format = &formats[ARRAY_SIZE(formats) - 1];
        return err_set(e, ERR_INTERNAL, "out of memory");
    }
    return u->format->feed(u, u->first, u->n_first, e);
}

struct unpack *unpack_new(unpack_sink *sink, void *arg, struct err *e)
{
    struct unpack *u = calloc(1, sizeof *u);

    if (!u) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    u->sink = sink;
    u->arg = arg;
    return u;
}

int unpack_feed(struct unpack *u, const void *data, size_t len, struct err *e)
{
    size_t n = MARK_MAX - u->n_first;

    if (u->format)
        return len ? u->format->feed(u, data, len, e) : 0;
    if (n > len)
        n = len;
    memcpy(u->first + u->n_first, data, n);
    u->n_first += n;
    if (u->n_first < MARK_MAX)
        return 0;
    if (take_format(u, e) < 0)
        return -1;
    return len > n ? u->format->feed(u, (const uint8_t *)data + n, len - n, e) : 0;
}

int unpack_end(struct unpack *u, struct err *e)
{
    if (!u->format && take_format(u, e) < 0)
        return -1;
    if (u->format->end && u->format->end(u, e) < 0)
        return -1;
    return u->ended ? 0 : err_set(e, ERR_INVALID, "the %s stream is cut off", u->format->name);
}

const char *unpack_name(const struct unpack *u)
{
    return u->format ? u->format->name : "";
}

void unpack_free(struct unpack *u)
{
    if (!u)
        return;
    if (u->format)
        u->format->done(u);
    free(u);
}
