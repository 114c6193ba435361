/* What qemu-img says of an image file that an operator brought. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include "bootstrap/disk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct disk_info info = { .format = DISK_NONE };
    if (disk_info_parse((const char *)data, size, &info, NULL) == 0 &&
        ((info.format != DISK_QCOW2 && info.format != DISK_RAW) || info.virtual_size == 0))
        abort();
    return 0;
}
