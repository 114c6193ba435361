/* What a guest posts as its host key, and what an operator gives as a user's. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "model/hostkey.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char line[HOSTKEY_B64_MAX + 64], comment[129];
    struct hostkey host, user, again;
    bool is_host = !hostkey_parse((const char *)data, size, &host, NULL);
    bool is_user = !pubkey_parse((const char *)data, size, &user, comment, NULL);

    if (is_host && (!is_user || !hostkey_equal(&host, &user)))
        abort();
    if (!is_user)
        return 0;
    /* What was taken is one printable line that is read back as itself. */
    hostkey_line(&user, line, sizeof line);
    if (!ascii_printable(line, strlen(line)) || !ascii_printable(comment, strlen(comment)) ||
        pubkey_parse(line, strlen(line), &again, comment, NULL) || !hostkey_equal(&user, &again))
        abort();
    return 0;
}
