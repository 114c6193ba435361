/* A request target as roost-front gets it: the path, then '?' and the query. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "seeds/routes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    auto_free char *path = malloc(size + 1);
    struct route r;
    struct tag tag;

    memcpy(path, data, size);
    path[size] = '\0';
    char *query = strchr(path, '?');
    if (query)
        *query++ = '\0';
    if (route_parse(path, query, &r, NULL) < 0)
        return 0;
    /* Whatever came, what goes on to core and to people's lists is of its checked form. */
    if (r.claim == CLAIM_TAG && tag_parse(r.tag.s, strlen(r.tag.s), &tag, NULL) < 0)
        abort();
    for (const char *p = r.claimed; *p; p++) {
        if ((unsigned char)*p < 0x20 || *p == 0x7f)
            abort();
    }
    struct marks again = { .mac = r.marks.mac };
    marks_read_uuid(&again, r.marks.uuid.s, strlen(r.marks.uuid.s));
    marks_read_serial(&again, r.marks.serial.s, strlen(r.marks.serial.s));
    if (!marks_equal(&again, &r.marks))
        abort();
    if (r.has_token && strlen(r.token.s) != TOKEN_LEN)
        abort();
    return 0;
}
