/* Hex, base64 (RFC 4648) and digests (libcrypto). */
#ifndef BASE_ENCODE_H
#define BASE_ENCODE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

void hex_encode(const uint8_t *in, size_t len, char *out); /* out: 2 * len + 1 bytes, lower case */
int hex_decode(const char *in, size_t len, uint8_t *out);  /* out: len / 2 bytes; -1: not hex */

/* Strict standard alphabet with padding, no white space. `out` has room for 3 * len / 4 bytes.
 * Returns the decoded length or -1 (`out` is undefined then). */
int base64_decode(const char *in, size_t len, uint8_t *out, size_t size);
/* out: 4 * ((len + 2) / 3) + 1 bytes. */
void base64_encode(const uint8_t *in, size_t len, char *out);

#define SHA256_SIZE 32
void sha256(const void *data, size_t len, uint8_t out[SHA256_SIZE]);
void hmac_sha256(const uint8_t *key, size_t key_len, const void *data, size_t len,
                 uint8_t out[SHA256_SIZE]);
/* The same for a key that is used again and again: what depends on it alone is done once. One
 * thread at a time. */
struct hmac_key;
struct hmac_key *hmac_key_new(const uint8_t *key, size_t key_len);
void hmac_key_mac(struct hmac_key *k, const void *data, size_t len, uint8_t out[SHA256_SIZE]);
void hmac_key_free(struct hmac_key *k); /* NULL is allowed; clears it */
/* Streaming: new, update, final frees it. */
struct sha256_stream;
struct sha256_stream *sha256_new(void);
void sha256_update(struct sha256_stream *s, const void *data, size_t len);
void sha256_final(struct sha256_stream *s, uint8_t out[SHA256_SIZE]);
/* The public key that belongs to a private one (RFC 8032 section 5.1.5). */
#define ED25519_SIZE 32
int ed25519_public(const uint8_t seed[ED25519_SIZE], uint8_t out[ED25519_SIZE], struct err *e);
/* Equal, in time that does not depend on where they differ. */
bool equal_secret(const void *a, const void *b, size_t len);
/* Bytes from getrandom(2). */
void random_bytes(void *out, size_t len);

#endif
