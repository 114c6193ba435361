/* Capability tokens of seed and post URLs: derived, never stored, never logged. */
#ifndef MODEL_TOKEN_H
#define MODEL_TOKEN_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/encode.h"
#include "base/err.h"

enum token_purpose {
    TOKEN_SEED, /* reads the documents; travels in the SMBIOS serial only */
    TOKEN_POST, /* phones home and reports; reads nothing, since guests log those URLs */
    TOKEN_PURPOSES
};

#define TOKEN_LEN 32
struct token {
    char s[TOKEN_LEN + 1]; /* 128 bits, lower case hex */
};
#define SECRET_KEY_SIZE 32

/* First 128 bits of HMAC-SHA256(key, "roost-token-1" NUL purpose NUL instance-id NUL epoch). */
void token_derive(struct hmac_key *key, enum token_purpose purpose, const char *iid, uint32_t epoch,
                  struct token *ret);
int token_parse(const char *s, size_t len,
                struct token *ret); /* -1: not 32 lower-case hex digits */
bool token_equal(const struct token *a, const struct token *b); /* constant time */

#endif
