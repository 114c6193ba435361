#include "base/digest.h"

#include <openssl/evp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/encode.h"

static const struct {
    const char *name;
    size_t size;
    const EVP_MD *(*md)(void);
} digests[DIGESTS] = {
    [DIGEST_SHA256] = { "sha256", 32, EVP_sha256 },
    [DIGEST_SHA512] = { "sha512", 64, EVP_sha512 },
};

const char *digest_name(enum digest d)
{
    return digests[d].name;
}

size_t digest_hex_len(enum digest d)
{
    return 2 * digests[d].size;
}

int digest_from_hex_len(size_t hex_digits)
{
    for (int d = 0; d < DIGESTS; d++)
        if (2 * digests[d].size == hex_digits)
            return d;
    return -1;
}

int checksum_parse(const char *s, struct checksum *ret, struct err *e)
{
    for (int d = 0; d < DIGESTS; d++) {
        size_t name = strlen(digests[d].name), len = 2 * digests[d].size;
        const char *hex = s + name + 1;
        if (strncmp(s, digests[d].name, name) != 0 || s[name] != ':' || strlen(hex) != len ||
            strspn(hex, "0123456789abcdefABCDEF") != len)
            continue;
        *ret = (struct checksum){ .digest = (enum digest)d };
        for (size_t i = 0; i < len; i++)
            ret->hex[i] = (char)(hex[i] >= 'A' && hex[i] <= 'F' ? hex[i] - 'A' + 'a' : hex[i]);
        return 0;
    }
    return err_set(e, ERR_INVALID,
                   "\"%.80s\" is neither sha256: and 64 hexadecimal digits nor sha512: and 128", s);
}

const char *checksum_format(const struct checksum *c, char out[CHECKSUM_TEXT])
{
    snprintf(out, CHECKSUM_TEXT, "%s%s%s", *c->hex ? digest_name(c->digest) : "",
             *c->hex ? ":" : "", c->hex);
    return out;
}

struct digest_stream {
    EVP_MD_CTX *ctx;
    enum digest digest;
};

/* As in base/encode.c: a libcrypto that cannot is no condition to go on in. */
static void must(bool good)
{
    if (!good) {
        fputs("libcrypto: a digest failed\n", stderr);
        abort();
    }
}

struct digest_stream *digest_new(enum digest d)
{
    struct digest_stream *s = calloc(1, sizeof *s);

    must(s && (s->ctx = EVP_MD_CTX_new()) && EVP_DigestInit_ex(s->ctx, digests[d].md(), NULL));
    s->digest = d;
    return s;
}

void digest_update(struct digest_stream *s, const void *data, size_t len)
{
    must(EVP_DigestUpdate(s->ctx, data, len));
}

void digest_final(struct digest_stream *s, struct checksum *ret)
{
    uint8_t raw[EVP_MAX_MD_SIZE];

    must(EVP_DigestFinal_ex(s->ctx, raw, NULL));
    *ret = (struct checksum){ .digest = s->digest };
    hex_encode(raw, digests[s->digest].size, ret->hex);
    digest_free(s);
}

void digest_free(struct digest_stream *s)
{
    if (!s)
        return;
    EVP_MD_CTX_free(s->ctx);
    free(s);
}
