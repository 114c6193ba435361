/* The form that a guest posts when it is home. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "seeds/homecoming.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct homecoming h;
    char line[HOSTKEY_B64_MAX + 64];

    if (homecoming_parse((const char *)data, size, &h, NULL) < 0)
        return 0;
    if (!h.iid[0] || !ascii_printable(h.iid, strlen(h.iid)) || strchr(h.hostname, '{') ||
        strchr(h.fqdn, '\n'))
        abort();
    for (int t = 0; t < HOSTKEY_TYPES; t++) {
        if (!h.has[t])
            continue;
        hostkey_line(&h.keys[t], line, sizeof line);
        if ((int)h.keys[t].type != t || !ascii_printable(line, strlen(line)))
            abort();
    }
    return 0;
}
