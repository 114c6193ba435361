#include "seeds/gunzip.h"

#include <stdint.h>
#include <string.h>
#include <zlib.h>

#include "base/cleanup.h"

#define WINDOW_GZIP (15 + 16) /* inflateInit2: the largest window, gzip's header and nothing else  \
                               */
#define CHUNK 16384

bool gzip_is(const char *data, size_t len)
{
    return len >= 2 && memcmp(data, "\x1f\x8b", 2) == 0; /* section 2.3.1 */
}

/* One member; z->next_in is behind it afterwards. */
static int member(z_stream *z, size_t max, struct buf *out, struct err *e)
{
    char chunk[CHUNK];
    int r;

    do {
        z->next_out = (Bytef *)chunk;
        z->avail_out = sizeof chunk;
        r = inflate(z, Z_NO_FLUSH);
        if (r == Z_MEM_ERROR)
            return err_set(e, ERR_INTERNAL, "out of memory");
        if (r != Z_OK && r != Z_STREAM_END)
            return err_set(e, ERR_INVALID, "it is damaged or cut off: %s",
                           z->msg ? z->msg : "its end is missing");
        buf_put(out, chunk, sizeof chunk - z->avail_out);
        if (out->len > max)
            return err_set(e, ERR_TOO_BIG, "it unpacks to more than %zu KiB", max >> 10);
    } while (r != Z_STREAM_END);
    return buf_check(out, e);
}

int gunzip(const char *data, size_t len, size_t max, struct buf *out, struct err *e)
{
    z_stream z = { .next_in = (Bytef *)(uintptr_t)data, .avail_in = (uInt)len };
    int r;

    if (len > UINT32_MAX)
        return err_set(e, ERR_TOO_BIG, "%zu bytes of gzip", len);
    if (inflateInit2(&z, WINDOW_GZIP) != Z_OK)
        return err_set(e, ERR_INTERNAL, "out of memory");
    out->cap = max + CHUNK;
    do
        r = member(&z, max, out, e);
    while (r == 0 && gzip_is((const char *)z.next_in, z.avail_in) && inflateReset(&z) == Z_OK);
    inflateEnd(&z);
    return r;
}
