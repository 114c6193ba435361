/* The beginning of a disk file that somebody else made. */
#include <stdint.h>
#include <stdlib.h>

#include "bootstrap/disk_kind.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const struct disk_kind *k;

    if (disk_kind_of(data, size, &k, NULL) == 0 && k->format == DISK_QCOW2 && size < 72)
        abort();
    return 0;
}
