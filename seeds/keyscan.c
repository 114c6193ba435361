#include "seeds/keyscan.h"

#include <string.h>

static int take_line(const char *line, size_t len, struct homecoming *h)
{
    const char *key = memchr(line, ' ', len);
    struct hostkey k;

    if (!len || line[0] == '#' || !key)
        return 0;
    key++;
    if (hostkey_parse(key, len - (size_t)(key - line), &k, NULL) < 0 || h->has[k.type])
        return 0;
    h->has[k.type] = true;
    hostkey_copy(&h->keys[k.type], &k);
    return 1;
}

int keyscan_parse(const char *text, size_t len, struct homecoming *ret)
{
    const char *end = text + len;
    int n = 0;

    memset(ret, 0, sizeof *ret);
    while (text < end) {
        const char *nl = memchr(text, '\n', (size_t)(end - text)), *stop = nl ? nl : end;
        n += take_line(text, (size_t)(stop - text), ret);
        text = stop + 1;
    }
    return n;
}
