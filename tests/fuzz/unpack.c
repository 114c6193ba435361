/* Packed streams, as a server sends them; the first byte says in which pieces. */
#include <stdint.h>

#include "bootstrap/unpack.h"

static int sink(const void *data, size_t len, void *arg, struct err *e)
{
    size_t *left = arg;

    (void)data;
    if (len > *left)
        return err_set(e, ERR_TOO_BIG, "enough");
    *left -= len;
    return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    size_t left = 4 << 20, piece = size ? data[0] + 1u : 1;
    struct unpack *u = unpack_new(sink, &left, NULL);
    int r = u ? 0 : -1;

    for (size_t at = 1; r == 0 && at < size; at += piece)
        r = unpack_feed(u, data + at, size - at < piece ? size - at : piece, NULL);
    if (r == 0)
        (void)unpack_end(u, NULL);
    unpack_free(u);
    return 0;
}
