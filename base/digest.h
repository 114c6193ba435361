/* Digests by name, as people write them and as they are made of a stream (libcrypto). */
#ifndef BASE_DIGEST_H
#define BASE_DIGEST_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum digest { DIGEST_SHA256, DIGEST_SHA512, DIGESTS };
#define DIGEST_HEX_MAX 128
const char *digest_name(enum digest d);     /* "sha256" … */
size_t digest_hex_len(enum digest d);       /* 64, 128 */
int digest_from_hex_len(size_t hex_digits); /* or -1 */

struct checksum {
    enum digest digest;
    char hex[DIGEST_HEX_MAX + 1]; /* lower case; "": none */
};
#define CHECKSUM_TEXT (DIGEST_HEX_MAX + 16)
/* "sha256:HEX", "sha512:HEX". */
int checksum_parse(const char *s, struct checksum *ret, struct err *e);
const char *checksum_format(const struct checksum *c, char out[CHECKSUM_TEXT]); /* "" of none */

struct digest_stream;
struct digest_stream *digest_new(enum digest d);
void digest_update(struct digest_stream *s, const void *data, size_t len);
/* Fills *ret and frees s. */
void digest_final(struct digest_stream *s, struct checksum *ret);
void digest_free(struct digest_stream *s); /* unfinished; NULL is fine */

#endif
