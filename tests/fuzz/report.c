/* The JSON that cloud-init's reporting webhook posts. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "base/utf8.h"
#include "seeds/report.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct report r;

    if (report_parse((const char *)data, size, &r, NULL) < 0)
        return 0;
    if (!r.name[0] || !ascii_printable(r.name, strlen(r.name)) || strchr(r.name, '{') ||
        !utf8_valid(r.description, strlen(r.description)) || strchr(r.description, '\n') ||
        !report_result_name(r.result))
        abort();
    return 0;
}
