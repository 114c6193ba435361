/* A bundle's manifest: what was accepted must read back as it was emitted. */
#include <stdlib.h>

#include "model/bundle.h"

static json_t *read_once(const json_t *j)
{
    struct bundle b;
    json_t *again = bundle_from_json(j, &b, NULL) == 0 ? bundle_to_json(&b) : NULL;

    bundle_done(&b);
    return again;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    json_t *j = json_loadb((const char *)data, size, JSON_REJECT_DUPLICATES, NULL);
    json_t *once = j ? read_once(j) : NULL, *twice = once ? read_once(once) : NULL;

    if (once && (!twice || !json_equal(once, twice)))
        abort();
    json_decref(j);
    json_decref(once);
    json_decref(twice);
    return 0;
}
