/* A published port as an operator writes it; what was accepted must read back as it is written. */
#include <stdlib.h>
#include <string.h>

#include "model/network.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *s = strndup((const char *)data, size), text[FORWARD_TEXT], again[FORWARD_TEXT];
    struct forward f, g;
    char ifname[IFNAME_SIZE];

    if (!s)
        abort();
    if (forward_parse(s, &f, NULL) == 0 && (forward_parse(forward_format(&f, text), &g, NULL) < 0 ||
                                            strcmp(forward_format(&g, again), text) ||
                                            forward_compare(&f, &g) || !forward_clashes(&f, &g)))
        abort();
    if (ifname_parse(s, ifname, NULL) == 0 && strcmp(ifname, s))
        abort();
    free(s);
    return 0;
}
