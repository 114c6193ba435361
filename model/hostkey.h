/* SSH host keys and users' public keys (RFC 4253 section 6.6, RFC 5656, RFC 8709; OpenSSH's
 * one-line form). Parsed: the comment and everything that could carry a newline is dropped. */
#ifndef MODEL_HOSTKEY_H
#define MODEL_HOSTKEY_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

enum hostkey_type { HOSTKEY_RSA, HOSTKEY_ECDSA, HOSTKEY_ED25519, HOSTKEY_DSA, HOSTKEY_TYPES };

#define HOSTKEY_B64_MAX 3072
struct hostkey {
    enum hostkey_type type;
    char algorithm[40];             /* "ssh-ed25519", "ecdsa-sha2-nistp256", "ssh-rsa", "ssh-dss" */
    char blob[HOSTKEY_B64_MAX + 1]; /* base64 of the wire form */
};

/* "ALGORITHM BASE64 [comment]\n": checks that the blob decodes, that its inner name equals the
 * algorithm, that its fields fill it exactly and have sane sizes (RSA 1024 to 16384 bits, ed25519
 * 32 bytes, ECDSA point on the named curve's length). Options in front, several lines: ERR_INVALID.
 */
int hostkey_parse(const char *line, size_t len, struct hostkey *ret, struct err *e);
/* As hostkey_parse, for an identity's public key: sk- algorithms are allowed too and the comment is
 * kept (printable ASCII, at most 128 bytes; other bytes become '?'). */
int pubkey_parse(const char *line, size_t len, struct hostkey *ret, char comment[129],
                 struct err *e);

const char *hostkey_type_name(enum hostkey_type t);                 /* "rsa" … */
int hostkey_type_from_name(const char *name);                       /* or -1 */
void hostkey_line(const struct hostkey *k, char *out, size_t size); /* "ALGORITHM BASE64" */
void hostkey_fingerprint(const struct hostkey *k, char out[64]);    /* "SHA256:…" */
/* As `ssh-keygen -l` says it: of RSA and DSA the bits of the modulus, of a curve its own. */
unsigned hostkey_bits(const struct hostkey *k);
/* Why nobody should rely on it (DSA, RSA below 2048 bits), as the end of a sentence; NULL: fine. */
const char *hostkey_weakness(const struct hostkey *k);
bool hostkey_equal(const struct hostkey *a, const struct hostkey *b);
/* As an assignment, without the room that a key leaves unused: most of its 3 KiB. */
void hostkey_copy(struct hostkey *to, const struct hostkey *from);

#endif
