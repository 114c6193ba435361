#include "model/keypair.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/encode.h"

#define BEGIN       "-----BEGIN OPENSSH PRIVATE KEY-----"
#define END         "-----END OPENSSH PRIVATE KEY-----"
#define MAGIC       "openssh-key-v1" /* with its NUL */
#define ED25519     "ssh-ed25519"
#define PAD         8 /* the block size of the cipher "none" */
#define LINE        70
#define COMMENT_MAX 64

/* ---- the wire form: RFC 4251 section 5 ---- */

static void put_u32(struct buf *b, uint32_t v)
{
    const uint8_t raw[] = { (uint8_t)(v >> 24), (uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v };

    buf_put(b, raw, sizeof raw);
}

static void put_string(struct buf *b, const void *data, size_t len)
{
    put_u32(b, (uint32_t)len);
    buf_put(b, data, len);
}

static void put_text(struct buf *b, const char *s)
{
    put_string(b, s, strlen(s));
}

struct reading {
    const uint8_t *p;
    size_t left;
};

static bool take_u32(struct reading *r, uint32_t *ret)
{
    if (r->left < 4)
        return false;
    *ret = (uint32_t)r->p[0] << 24 | (uint32_t)r->p[1] << 16 | (uint32_t)r->p[2] << 8 | r->p[3];
    r->p += 4;
    r->left -= 4;
    return true;
}

static bool take_string(struct reading *r, const uint8_t **ret, size_t *ret_len)
{
    uint32_t len;

    if (!take_u32(r, &len) || len > r->left)
        return false;
    *ret = r->p;
    *ret_len = len;
    r->p += len;
    r->left -= len;
    return true;
}

/* ---- made ---- */

struct ed25519 {
    uint8_t seed[ED25519_SIZE], public[ED25519_SIZE];
};

static void put_public(struct buf *b, const struct ed25519 *k)
{
    put_text(b, ED25519);
    put_string(b, k->public, sizeof k->public);
}

static void put_private(struct buf *b, const struct ed25519 *k, const char *comment)
{
    uint8_t both[2 * ED25519_SIZE], check[4];

    memcpy(both, k->seed, ED25519_SIZE);
    memcpy(both + ED25519_SIZE, k->public, ED25519_SIZE);
    random_bytes(check, sizeof check);
    buf_put(b, check, sizeof check); /* twice: whether a passphrase was right shows in it */
    buf_put(b, check, sizeof check);
    put_public(b, k);
    put_string(b, both, sizeof both);
    put_text(b, comment);
    for (char pad = 1; b->len % PAD; pad++)
        buf_putc(b, pad);
    explicit_bzero(both, sizeof both);
}

static void put_whole(struct buf *b, const struct ed25519 *k, const char *comment)
{
    auto_buf struct buf public = BUF_INIT;
    auto_buf struct buf private = BUF_INIT;

    put_public(&public, k);
    put_private(&private, k, comment);
    buf_put(b, MAGIC, sizeof MAGIC);
    put_text(b, "none"); /* cipher */
    put_text(b, "none"); /* how a passphrase becomes its key */
    put_text(b, "");
    put_u32(b, 1); /* so many keys */
    put_string(b, public.data, public.len);
    put_string(b, private.data, private.len);
    explicit_bzero(private.data, private.len);
}

int keypair_make(const char *comment, struct buf *out, struct err *e)
{
    auto_buf struct buf whole = { .cap = 1024 };
    struct ed25519 k;
    char text[4 * 1024 / 3 + 8];
    int r;

    if (strlen(comment) > COMMENT_MAX)
        return err_set(e, ERR_TOO_BIG, "a key's comment has at most %d bytes", COMMENT_MAX);
    random_bytes(k.seed, sizeof k.seed);
    r = ed25519_public(k.seed, k.public, e);
    if (r == 0)
        put_whole(&whole, &k, comment);
    explicit_bzero(&k, sizeof k);
    if (r < 0 || buf_check(&whole, e) < 0)
        return -1;
    base64_encode((const uint8_t *)whole.data, whole.len, text);
    explicit_bzero(whole.data, whole.len);
    buf_puts(out, BEGIN "\n");
    for (const char *p = text; *p; p += strnlen(p, LINE))
        buf_printf(out, "%.*s\n", LINE, p);
    buf_puts(out, END "\n");
    explicit_bzero(text, sizeof text);
    return buf_check(out, e);
}

/* ---- read ---- */

static int no_key(struct err *e)
{
    return err_set(e, ERR_INVALID,
                   "this is no private key as OpenSSH keeps it: ssh-keygen -t ed25519 -N '' makes "
                   "one, ssh-keygen -p -f FILE turns an older form into it");
}

/* The text between the marks, without its line ends. */
static int unwrap(const char *text, size_t len, struct buf *ret)
{
    const char *from = memmem(text, len, BEGIN, strlen(BEGIN)), *to;

    if (!from)
        return -1;
    from += strlen(BEGIN);
    to = memmem(from, len - (size_t)(from - text), END, strlen(END));
    for (const char *p = from; to && p < to; p++)
        if (*p != '\n' && *p != '\r')
            buf_putc(ret, *p);
    return to ? buf_check(ret, NULL) : -1;
}

static int parse(struct reading *r, struct hostkey *ret, struct err *e)
{
    char line[HOSTKEY_B64_MAX + 64], base64[HOSTKEY_B64_MAX + 4], comment[129];
    const uint8_t *cipher, *kdf, *options, *blob, *name;
    size_t cipher_len, kdf_len, options_len, blob_len, name_len;
    uint32_t keys;

    if (r->left < sizeof MAGIC || memcmp(r->p, MAGIC, sizeof MAGIC))
        return no_key(e);
    r->p += sizeof MAGIC;
    r->left -= sizeof MAGIC;
    if (!take_string(r, &cipher, &cipher_len) || !take_string(r, &kdf, &kdf_len) ||
        !take_string(r, &options, &options_len) || !take_u32(r, &keys) || keys != 1 ||
        !take_string(r, &blob, &blob_len) || blob_len > HOSTKEY_B64_MAX / 4 * 3)
        return no_key(e);
    if (cipher_len != 4 || memcmp(cipher, "none", 4))
        return err_set(e, ERR_INVALID,
                       "this key has a passphrase, and nobody is there to type it: ssh-keygen -p "
                       "takes it away");
    struct reading inner = { blob, blob_len };
    if (!take_string(&inner, &name, &name_len) || name_len > 40)
        return no_key(e);
    base64_encode(blob, blob_len, base64);
    int n = snprintf(line, sizeof line, "%.*s %s", (int)name_len, (const char *)name, base64);
    return pubkey_parse(line, (size_t)n, ret, comment, e);
}

int keypair_public(const char *text, size_t len, struct hostkey *ret, struct err *e)
{
    auto_buf struct buf base64 = { .cap = KEYPAIR_FILE_MAX };
    uint8_t raw[KEYPAIR_FILE_MAX];
    int n = -1, r;

    if (len <= KEYPAIR_FILE_MAX && unwrap(text, len, &base64) == 0)
        n = base64_decode(buf_str(&base64), base64.len, raw, sizeof raw);
    struct reading whole = { raw, n < 0 ? 0 : (size_t)n };
    r = parse(&whole, ret, e);
    explicit_bzero(raw, sizeof raw);
    if (base64.data)
        explicit_bzero(base64.data, base64.len);
    return r;
}
