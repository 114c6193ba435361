/* QEMU's `info usernet`. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "base/buf.h"
#include "bootstrap/qmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_buf struct buf text = BUF_INIT;
    buf_put(&text, data, size);
    if (qmp_usernet_port(buf_str(&text), 22) > 65535)
        abort();
    return 0;
}
