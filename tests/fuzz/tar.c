/* Headers of backups: whatever is read can be written, and reads as the same again. */
#include <stdlib.h>
#include <string.h>

#include "base/tar.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    uint8_t block[TAR_BLOCK] = { 0 }, again[TAR_BLOCK];
    struct tar_member m, n;

    memcpy(block, data, size < sizeof block ? size : sizeof block);
    if (tar_parse(block, &m, NULL) != 1)
        return 0;
    if (tar_header(&m, again, NULL) < 0 || tar_parse(again, &n, NULL) != 1 ||
        strcmp(m.name, n.name) != 0 || m.size != n.size || m.mtime_s != n.mtime_s)
        abort();
    return 0;
}
