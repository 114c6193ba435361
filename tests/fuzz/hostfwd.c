/* A port of the host that leads to an instance; what was accepted must read back as it is written,
 * and be no more than one word of QEMU's. */
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "model/hostfwd.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    char *s = strndup((const char *)data, size), text[HOSTFWD_TEXT];
    auto_buf struct buf b = BUF_INIT;
    struct hostfwd f, again;

    if (!s)
        abort();
    if (hostfwd_parse(s, &f, NULL) == 0) {
        if (hostfwd_parse(hostfwd_format(&f, text), &again, NULL) < 0 ||
            !hostfwd_equal(&f, &again) || !hostfwd_clashes(&f, &again) ||
            hostfwds_check(&f, 1, NULL) < 0)
            abort();
        hostfwds_option(&f, 1, &b);
        if (strcspn(buf_str(&b) + 1, ", \n") != b.len - 1)
            abort();
    }
    free(s);
    return 0;
}
