/* Lists of checksums as publishers of images write them. */
#ifndef BOOTSTRAP_CHECKSUMS_H
#define BOOTSTRAP_CHECKSUMS_H

#include <stddef.h>

#include "base/digest.h"

/* The checksum of `file` (a name without a directory) in a list: lines "HEX  FILE" and "HEX *FILE"
 * (coreutils), "SHA512 (FILE) = HEX" (BSD), or a list that is one HEX alone. SHA-512 counts more
 * than SHA-256; others do not count. ERR_NOT_FOUND: it is not in the list. */
int checksums_find(const char *list, size_t len, const char *file, struct checksum *ret,
                   struct err *e);

#endif
