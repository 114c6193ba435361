#include <string.h>

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/utf8.h"
#include "model/words.h"

static int from_base64(const json_t *v, size_t max, const struct spot *at, char **ret,
                       size_t *ret_len, struct err *e)
{
    const struct spot here = spot_key(at, "base64");
    const char *s;
    if (json_object_size(v) != 1 || !json_object_get(v, "base64"))
        return spot_bad(at, e, "expected a text or {base64: \"…\"}");
    if (value_text(json_object_get(v, "base64"), 4 * ((max + 2) / 3), &here, &s, e) < 0)
        return -1;
    size_t len = strlen(s);
    auto_free char *bytes = malloc(len + 1);
    if (!bytes)
        return spot_err(&here, e, ERR_INTERNAL, "out of memory");
    int n = base64_decode(s, len, (uint8_t *)bytes, len);
    if (n < 0)
        return spot_bad(&here, e, "not base64 (RFC 4648 with padding, without line breaks)");
    if ((size_t)n > max)
        return spot_err(&here, e, ERR_TOO_BIG, "%d bytes, at most %zu are allowed", n, max);
    bytes[n] = '\0';
    *ret = n > 0 ? steal_ptr(bytes) : NULL;
    *ret_len = (size_t)n;
    return 0;
}

int value_bytes(const json_t *v, size_t max, const struct spot *at, char **ret, size_t *ret_len,
                struct err *e)
{
    const char *text;
    if (json_is_object(v))
        return from_base64(v, max, at, ret, ret_len, e);
    if (value_text(v, max, at, &text, e) < 0)
        return -1;
    char *copy = *text ? strdup(text) : NULL;
    if (*text && !copy)
        return spot_err(at, e, ERR_INTERNAL, "out of memory");
    *ret = copy;
    *ret_len = strlen(text);
    return 0;
}

json_t *bytes_emit(const char *bytes, size_t len)
{
    if (utf8_valid(bytes, len) && !memchr(bytes, '\0', len))
        return json_stringn_nocheck(bytes, len);
    auto_free char *text = malloc(4 * ((len + 2) / 3) + 1);
    if (!text)
        return NULL;
    base64_encode((const uint8_t *)bytes, len, text);
    return json_pack("{s:s}", "base64", text);
}
