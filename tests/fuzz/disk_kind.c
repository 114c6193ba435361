/* The beginning of a disk file that somebody else made. */
#include <stdint.h>
#include <stdlib.h>

#include "bootstrap/disk_kind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct disk_kind *k;

    if (disk_kind_of(data, size, &k, NULL) < 0)
        return 0;
    if (k->format == DISK_QCOW2 && size < 72)
        abort();
    if (k->format == DISK_NONE && disk_kind_size(k, data, size, size))
        abort();
    return 0;
}
