/* The SMBIOS chassis asset tag (type 3, offset 08h) by which a guest says who it is. */
#ifndef MODEL_TAG_H
#define MODEL_TAG_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define TAG_MAX_LEN 63
struct tag {
    char s[TAG_MAX_LEN + 1]; /* 1 to 63 of [A-Za-z0-9._-], compared byte for byte */
};

/* "." and ".." are refused: they cannot stand in a URL (RFC 3986 section 5.2.4). */
int tag_parse(const char *s, size_t len, struct tag *ret, struct err *e);

/* True for what firmware leaves in the field when nobody set it ("Default string", "To Be Filled
 * By O.E.M.", "No Asset Tag", "Not Specified", "None", blanks …; case ignored): identifies nobody.
 * Takes any text, not only valid tags. */
bool tag_is_filler(const char *s, size_t len);

#endif
