/* What an undone move is told to give back: a line of the ledger too. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "netcfg/link_moved.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *line = malloc(size + 1);
    auto_free struct moved *m = malloc(sizeof(*m)), *same = malloc(sizeof(*same));
    auto_buf struct buf once = BUF_INIT, twice = BUF_INIT;

    memcpy(line, data, size);
    line[size] = '\0';
    if (moved_parse(line, m, NULL) < 0)
        return 0;
    moved_format(m, &once);
    if (moved_parse(buf_str(&once), same, NULL) < 0)
        abort();
    moved_format(same, &twice);
    if (strcmp(buf_str(&once), buf_str(&twice)) != 0)
        abort();
    return 0;
}
