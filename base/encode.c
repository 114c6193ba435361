#include "base/encode.h"

#include <errno.h>
#include <limits.h>
#include <openssl/core_names.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/params.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

/* With valid arguments these fail only for want of memory or of the kernel's random source: going
 * on with a digest or secret that is not one would be worse than to end. */
static void must(bool ok, const char *what)
{
    if (ok)
        return;
    fprintf(stderr, "%s failed\n", what);
    abort();
}

void hex_encode(const uint8_t *in, size_t len, char *out)
{
    static const char digits[] = "0123456789abcdef";

    for (size_t i = 0; i < len; i++) {
        *out++ = digits[in[i] >> 4];
        *out++ = digits[in[i] & 15];
    }
    *out = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

int hex_decode(const char *in, size_t len, uint8_t *out)
{
    if (len % 2)
        return -1;
    for (size_t i = 0; i < len; i++) {
        if (hex_value(in[i]) < 0)
            return -1;
    }
    for (size_t i = 0; i < len; i += 2)
        out[i / 2] = (uint8_t)(hex_value(in[i]) << 4 | hex_value(in[i + 1]));
    return 0;
}

static const char base64_digits[] =
    "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* A digit at each place of a group of four: its six bits there, and GROUP_OK of that place. What is
 * no digit is 0. */
#define GROUP_OK(place) (1u << (24 + (place)))
#define GROUP_ALL       (GROUP_OK(0) | GROUP_OK(1) | GROUP_OK(2) | GROUP_OK(3))
#define DIGIT(p, v)     ((uint32_t)(v) << (18 - 6 * (p)) | GROUP_OK(p))
#define FOUR(p, v)      DIGIT(p, v), DIGIT(p, (v) + 1), DIGIT(p, (v) + 2), DIGIT(p, (v) + 3)
#define TEN(p, v)       FOUR(p, v), FOUR(p, (v) + 4), DIGIT(p, (v) + 8), DIGIT(p, (v) + 9)
#define LETTERS(p, v)                                                                              \
    TEN(p, v), TEN(p, (v) + 10), FOUR(p, (v) + 20), DIGIT(p, (v) + 24), DIGIT(p, (v) + 25)
#define PLACE(p)                                                                                   \
    {                                                                                              \
        ['+'] = DIGIT(p, 62), ['/'] = DIGIT(p, 63), ['0'] = TEN(p, 52), ['A'] = LETTERS(p, 0),     \
        ['a'] = LETTERS(p, 26),                                                                    \
    }
static const uint32_t base64_places[4][256] = { PLACE(0), PLACE(1), PLACE(2), PLACE(3) };

/* Digits without the padding: that many octets, as RFC 4648 section 4 counts them. */
static size_t base64_digits_of(const char *in, size_t len)
{
    if (len > 0 && in[len - 1] == '=')
        len--;
    if (len > 0 && in[len - 1] == '=')
        len--;
    return len;
}

int base64_decode(const char *in, size_t len, uint8_t *out, size_t size)
{
    size_t digits = base64_digits_of(in, len);
    size_t n = digits * 6 / 8;
    uint32_t seen = GROUP_ALL, bits = 0;

    if (len % 4 || n > size || n > INT_MAX)
        return -1;
    size_t whole = digits / 4 * 4;
    for (const uint8_t *p = (const uint8_t *)in, *end = p + whole; p < end; p += 4) {
        uint32_t group = base64_places[0][p[0]] | base64_places[1][p[1]] | base64_places[2][p[2]] |
                         base64_places[3][p[3]];
        seen &= group;
        *out++ = (uint8_t)(group >> 16);
        *out++ = (uint8_t)(group >> 8);
        *out++ = (uint8_t)group;
    }
    for (size_t i = whole; i < digits; i++) {
        uint32_t digit = base64_places[i % 4][(uint8_t)in[i]];
        seen &= digit | ~GROUP_OK(i % 4);
        bits |= digit;
        if (i % 4)
            *out++ = (uint8_t)(bits >> (24 - 8 * (i % 4)));
    }
    /* Section 3.5: pad bits that are not zero would give one value several texts. */
    uint32_t pad_bits = digits % 4 == 2 ? 0xf000 : digits % 4 == 3 ? 0xc0 : 0;
    return (seen & GROUP_ALL) != GROUP_ALL || bits & pad_bits ? -1 : (int)n;
}

void base64_encode(const uint8_t *in, size_t len, char *out)
{
    for (size_t i = 0; i < len; i += 3) {
        size_t n = len - i < 3 ? len - i : 3;
        uint32_t bits = (uint32_t)in[i] << 16 | (n > 1 ? (uint32_t)in[i + 1] << 8 : 0) |
                        (n > 2 ? in[i + 2] : 0u);
        for (size_t d = 0; d < 4; d++)
            *out++ = d <= n ? base64_digits[bits >> (18 - 6 * d) & 63] : '=';
    }
    *out = '\0';
}

void sha256(const void *data, size_t len, uint8_t out[SHA256_SIZE])
{
    must(SHA256(data, len, out), "SHA-256");
}

void hmac_sha256(const uint8_t *key, size_t key_len, const void *data, size_t len,
                 uint8_t out[SHA256_SIZE])
{
    must(key_len <= INT_MAX && HMAC(EVP_sha256(), key, (int)key_len, data, len, out, NULL),
         "HMAC-SHA-256");
}

/* Never defined: the handle is libcrypto's own context. */
struct hmac_key *hmac_key_new(const uint8_t *key, size_t key_len)
{
    static char digest[] = "SHA256";
    const OSSL_PARAM params[] = {
        OSSL_PARAM_construct_utf8_string(OSSL_MAC_PARAM_DIGEST, digest, 0),
        OSSL_PARAM_construct_end(),
    };
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    EVP_MAC_CTX *ctx = mac ? EVP_MAC_CTX_new(mac) : NULL;

    EVP_MAC_free(mac); /* the context holds it */
    must(ctx && EVP_MAC_init(ctx, key, key_len, params), "HMAC-SHA-256");
    return (struct hmac_key *)ctx;
}

void hmac_key_mac(struct hmac_key *k, const void *data, size_t len, uint8_t out[SHA256_SIZE])
{
    EVP_MAC_CTX *ctx = (EVP_MAC_CTX *)k;
    size_t n;

    must(EVP_MAC_init(ctx, NULL, 0, NULL) && EVP_MAC_update(ctx, data, len) &&
             EVP_MAC_final(ctx, out, &n, SHA256_SIZE) && n == SHA256_SIZE,
         "HMAC-SHA-256");
}

void hmac_key_free(struct hmac_key *k)
{
    EVP_MAC_CTX_free((EVP_MAC_CTX *)k);
}

/* Never defined: the handle is libcrypto's own context. */
struct sha256_stream *sha256_new(void)
{
    EVP_MD_CTX *ctx = EVP_MD_CTX_new();

    must(ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL), "SHA-256");
    return (struct sha256_stream *)ctx;
}

void sha256_update(struct sha256_stream *s, const void *data, size_t len)
{
    must(EVP_DigestUpdate((EVP_MD_CTX *)s, data, len), "SHA-256");
}

void sha256_final(struct sha256_stream *s, uint8_t out[SHA256_SIZE])
{
    must(EVP_DigestFinal_ex((EVP_MD_CTX *)s, out, NULL), "SHA-256");
    EVP_MD_CTX_free((EVP_MD_CTX *)s);
}

int ed25519_public(const uint8_t seed[ED25519_SIZE], uint8_t out[ED25519_SIZE], struct err *e)
{
    EVP_PKEY *k = EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, NULL, seed, ED25519_SIZE);
    size_t len = ED25519_SIZE;
    bool good = k && EVP_PKEY_get_raw_public_key(k, out, &len) == 1 && len == ED25519_SIZE;

    EVP_PKEY_free(k);
    return good ? 0 : err_set(e, ERR_INTERNAL, "libcrypto makes no ed25519 keys here");
}

bool equal_secret(const void *a, const void *b, size_t len)
{
    return CRYPTO_memcmp(a, b, len) == 0;
}

void random_bytes(void *out, size_t len)
{
    for (size_t done = 0; done < len;) {
        ssize_t n = getrandom((char *)out + done, len - done, 0);
        must(n > 0 || errno == EINTR, "getrandom");
        done += n > 0 ? (size_t)n : 0;
    }
}
