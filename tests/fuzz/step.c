/* A line of the ledger. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "netcfg/step.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *line = malloc(size + 1);
    auto_buf struct buf again = BUF_INIT;
    struct step s;

    memcpy(line, data, size);
    line[size] = '\0';
    if (step_parse(line, &s, NULL) < 0)
        return 0;
    step_format(&s, &again);
    if (strcmp(buf_str(&again), line) != 0)
        abort();
    return 0;
}
