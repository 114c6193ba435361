/* An operator's user-data, in all its forms, MIME included. */
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "seeds/lint.h"
#include "seeds/multipart.h"
#include "seeds/userdata.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void finding(const char *text, void *arg)
{
    unsigned *n = arg;

    if (!*text || ++*n > 16)
        abort();
}

/* What roost takes as vendor-data it can carry. */
static void carried(const char *data, size_t size)
{
    struct userdata_facts f;
    struct buf out = BUF_INIT;

    if (vendordata_inspect(data, size, &f, NULL) == 0 && size &&
        multipart_attach(&out, data, size, NULL) < 0)
        abort();
    buf_done(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct userdata_facts f;
    unsigned found = 0;

    lint_user_data((const char *)data, size, NULL, finding, &found);
    carried((const char *)data, size);
    if (userdata_inspect((const char *)data, size, &f, NULL) < 0)
        return 0;
    /* What roost cannot see may hold a phone_home: it must count on that. */
    if (!userdata_form_name(f.form) || (f.opaque && !f.has_phone_home) ||
        (f.vendor_off && !f.warning[0]))
        abort();
    return 0;
}
