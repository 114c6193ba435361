#include <stdint.h>
#include <stdlib.h>

#include "seeds/keyscan.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct homecoming h;
    int n = keyscan_parse((const char *)data, size, &h);

    for (int t = 0; t < HOSTKEY_TYPES; t++) {
        n -= h.has[t];
        if (h.has[t] && h.keys[t].type != (enum hostkey_type)t)
            abort();
    }
    if (n || h.iid[0] || h.hostname[0])
        abort();
    return 0;
}
