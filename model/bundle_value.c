/* Values of a manifest, which somebody else wrote. */
#include <string.h>

#include "base/utf8.h"
#include "model/bundle_priv.h"

int bundle_damaged(struct err *e, const char *what)
{
    return err_set(e, ERR_INVALID, "a damaged bundle: %s is not what it has to be", what);
}

int bundle_text(const json_t *o, const char *key, char *ret, size_t size, struct err *e)
{
    const char *s = json_string_value(json_object_get(o, key));

    if (!s || strlen(s) >= size || strlen(s) != json_string_length(json_object_get(o, key)))
        return bundle_damaged(e, key);
    memcpy(ret, s, strlen(s) + 1);
    control_mask(ret);
    return 0;
}

int bundle_number(const json_t *o, const char *key, uint64_t max, uint64_t *ret, struct err *e)
{
    const json_t *v = json_object_get(o, key);

    if (!json_is_integer(v) || json_integer_value(v) < 0 || (uint64_t)json_integer_value(v) > max)
        return bundle_damaged(e, key);
    *ret = (uint64_t)json_integer_value(v);
    return 0;
}
