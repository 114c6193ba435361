/* QEMU's `info usernet`. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "bootstrap/usernet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_buf struct buf text = BUF_INIT;
    buf_put(&text, data, size);
    struct usernet u;
    usernet_read(buf_str(&text), &u);
    if (u.n > USERNET_ROWS || (u.n && u.card < 0) ||
        usernet_own(&u, 22, 0, NULL, 0) > UINT16_MAX)
        abort();
    for (int i = 0; i < u.n; i++)
        if (!u.rows[i].port || !u.rows[i].at.port || !usernet_has(&u, &u.rows[i]))
            abort();
    return 0;
}
