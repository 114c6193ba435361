#include "model/hostkey.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/parse.h"

#define BLOB_MAX (HOSTKEY_B64_MAX / 4 * 3)

/* The only reader of a key's wire form (RFC 4251 section 5): never leaves its range. */
struct wire {
    const uint8_t *p;
    size_t left;
};
struct field {
    const uint8_t *p;
    size_t len;
};

static bool take(struct wire *w, struct field *ret)
{
    size_t len;

    if (w->left < 4)
        return false;
    len = (size_t)w->p[0] << 24 | (size_t)w->p[1] << 16 | (size_t)w->p[2] << 8 | w->p[3];
    if (len > w->left - 4)
        return false;
    *ret = (struct field){ w->p + 4, len };
    w->p += 4 + len;
    w->left -= 4 + len;
    return true;
}

static bool field_is(const struct field *f, const char *text, size_t len)
{
    return f->len == len && !memcmp(f->p, text, len);
}

/* A positive mpint in its one form (RFC 4251 section 5: the top bit is the sign, no needless zero
 * in front); returns its bits, 0 for zero, a negative number or another form. */
static unsigned mpint_bits(const struct field *f)
{
    size_t zero = f->len && !f->p[0];
    unsigned bits;

    if (f->len <= zero || f->len > BLOB_MAX || (!zero && f->p[0] & 0x80) ||
        (zero && !(f->p[1] & 0x80)))
        return 0;
    bits = (unsigned)(f->len - zero) * 8;
    for (uint8_t top = f->p[zero]; !(top & 0x80); top = (uint8_t)(top << 1))
        bits--;
    return bits;
}

static bool take_mpint(struct wire *w, unsigned min_bits, unsigned max_bits, struct field *ret)
{
    unsigned bits;

    if (!take(w, ret))
        return false;
    bits = mpint_bits(ret);
    return bits >= min_bits && bits <= max_bits;
}

static bool odd(const struct field *f)
{
    return f->p[f->len - 1] & 1;
}

struct algorithm;
typedef bool body_fn(struct wire *w, const struct algorithm *a);
struct algorithm {
    const char *name;
    enum hostkey_type type;
    bool user_only;    /* sk-: lives in a security key, never a host's */
    body_fn *body;     /* takes the fields behind the name */
    const char *curve; /* ECDSA: its name inside the blob */
    size_t size;       /* bytes of the point */
    const char *wants; /* for people */
};

/* RFC 4253 section 6.6: e, n. An even exponent or modulus is no RSA key; e below 2^256 (FIPS
 * 186-5). */
static bool rsa_body(struct wire *w, const struct algorithm *a)
{
    struct field exponent, modulus;

    (void)a;
    return take_mpint(w, 2, 256, &exponent) && odd(&exponent) &&
           take_mpint(w, 1024, 16384, &modulus) && odd(&modulus);
}

/* RFC 4253 section 6.6: p, q, g, y; FIPS 186-3 sizes, of which SSH knew the first. */
static bool dsa_body(struct wire *w, const struct algorithm *a)
{
    struct field p, q, g, y;

    (void)a;
    return take_mpint(w, 1024, 3072, &p) && odd(&p) && take_mpint(w, 160, 256, &q) && odd(&q) &&
           take_mpint(w, 2, mpint_bits(&p), &g) && take_mpint(w, 2, mpint_bits(&p), &y);
}

/* RFC 5656 section 3.1: curve, point; uncompressed as in SEC 1 section 2.3.3, the only form OpenSSH
 * takes. */
static bool ecdsa_body(struct wire *w, const struct algorithm *a)
{
    struct field curve, point;

    return take(w, &curve) && field_is(&curve, a->curve, strlen(a->curve)) && take(w, &point) &&
           point.len == a->size && point.p[0] == 0x04;
}

/* RFC 8709 section 4. */
static bool ed25519_body(struct wire *w, const struct algorithm *a)
{
    struct field point;

    return take(w, &point) && point.len == a->size;
}

/* OpenSSH's PROTOCOL.u2f: the plain key, then the application, "ssh:…" as a rule. */
static bool application(struct wire *w)
{
    struct field f;

    return take(w, &f) && f.len >= 1 && f.len <= 255 && ascii_printable((const char *)f.p, f.len);
}
static bool sk_ecdsa_body(struct wire *w, const struct algorithm *a)
{
    return ecdsa_body(w, a) && application(w);
}
static bool sk_ed25519_body(struct wire *w, const struct algorithm *a)
{
    return ed25519_body(w, a) && application(w);
}

#define P256    "nistp256", 65, "the curve nistp256 and a point of 65 bytes"
#define P384    "nistp384", 97, "the curve nistp384 and a point of 97 bytes"
#define P521    "nistp521", 133, "the curve nistp521 and a point of 133 bytes"
#define ED25519 NULL, 32, "32 bytes"
#define SK      ", then the application"
static const struct algorithm algorithms[] = {
    { "ssh-ed25519", HOSTKEY_ED25519, false, ed25519_body, ED25519 },
    { "ecdsa-sha2-nistp256", HOSTKEY_ECDSA, false, ecdsa_body, P256 },
    { "ecdsa-sha2-nistp384", HOSTKEY_ECDSA, false, ecdsa_body, P384 },
    { "ecdsa-sha2-nistp521", HOSTKEY_ECDSA, false, ecdsa_body, P521 },
    { "ssh-rsa", HOSTKEY_RSA, false, rsa_body, NULL, 0,
      "an odd exponent and a modulus of 1024 to 16384 bits" },
    { "ssh-dss", HOSTKEY_DSA, false, dsa_body, NULL, 0, "p of 1024 to 3072 bits, q, g and y" },
    { "sk-ssh-ed25519@openssh.com", HOSTKEY_ED25519, true, sk_ed25519_body, ED25519 SK },
    { "sk-ecdsa-sha2-nistp256@openssh.com", HOSTKEY_ECDSA, true, sk_ecdsa_body, P256 SK },
};
_Static_assert(sizeof("sk-ecdsa-sha2-nistp256@openssh.com") <=
                   sizeof(((struct hostkey *)0)->algorithm),
               "the longest algorithm fits");

static const struct algorithm *algorithm_find(const struct field *word, bool user)
{
    for (size_t i = 0; i < ARRAY_SIZE(algorithms); i++)
        if (field_is(word, algorithms[i].name, strlen(algorithms[i].name)))
            return user || !algorithms[i].user_only ? &algorithms[i] : NULL;
    return NULL;
}

static int check_blob(const uint8_t *blob, size_t len, const struct algorithm *a, struct err *e)
{
    struct wire w = { blob, len };
    struct field inner;

    if (!take(&w, &inner))
        return err_set(e, ERR_INVALID, "%s key: its base64 holds no key: it is cut off", a->name);
    if (!field_is(&inner, a->name, strlen(a->name)))
        return err_set(e, ERR_INVALID, "%s key: its base64 holds a key of another type (\"%.*s\")",
                       a->name, (int)(inner.len > 40 ? 40 : inner.len), (const char *)inner.p);
    if (!a->body(&w, a))
        return err_set(e, ERR_INVALID,
                       "%s key: its fields are not those of such a key: expected %s", a->name,
                       a->wants);
    if (w.left)
        return err_set(e, ERR_INVALID, "%s key: %zu bytes behind the key's end", a->name, w.left);
    return 0;
}

/* Up to the next blank; the rest of the line follows the blanks. */
static struct field next_word(struct field *line)
{
    struct field word = *line;
    const uint8_t *blank = memchr(word.p, ' ', word.len);

    if (blank)
        word.len = (size_t)(blank - word.p);
    if ((blank = memchr(word.p, '\t', word.len)))
        word.len = (size_t)(blank - word.p);
    line->p += word.len;
    line->len -= word.len;
    while (line->len && (line->p[0] == ' ' || line->p[0] == '\t'))
        line->p++, line->len--;
    return word;
}

/* One line, its end cut off: what a second line would say is for nobody's known_hosts. */
static int one_line(const char *text, size_t len, struct field *ret, struct err *e)
{
    if (len && text[len - 1] == '\n')
        len--;
    if (len && text[len - 1] == '\r')
        len--;
    if (memchr(text, '\n', len) || memchr(text, '\r', len))
        return err_set(e, ERR_INVALID, "SSH key: several lines: expected one");
    *ret = (struct field){ (const uint8_t *)text, len };
    return 0;
}

static int parse(const char *text, size_t len, bool user, struct hostkey *ret,
                 struct field *ret_rest, struct err *e)
{
    uint8_t blob[BLOB_MAX];
    struct field line, word, b64;
    const struct algorithm *a;
    int n;

    if (one_line(text, len, &line, e) < 0)
        return -1;
    word = next_word(&line);
    a = algorithm_find(&word, user);
    if (!a)
        return err_set(e, ERR_INVALID,
                       "SSH key begins with \"%.*s\": expected a type such as ssh-ed25519, "
                       "ecdsa-sha2-nistp256 or ssh-rsa, with no options in front",
                       (int)(word.len > 40 ? 40 : word.len), (const char *)word.p);
    b64 = next_word(&line);
    if (b64.len > HOSTKEY_B64_MAX)
        return err_set(e, ERR_TOO_BIG, "%s key: more than %d base64 digits", a->name,
                       HOSTKEY_B64_MAX);
    n = base64_decode((const char *)b64.p, b64.len, blob, sizeof blob);
    if (n <= 0)
        return err_set(e, ERR_INVALID, "%s key: expected base64 behind the type", a->name);
    if (check_blob(blob, (size_t)n, a, e) < 0)
        return -1;
    ret->type = a->type;
    memcpy(ret->algorithm, a->name, strlen(a->name) + 1);
    memcpy(ret->blob, b64.p, b64.len);
    ret->blob[b64.len] = '\0';
    *ret_rest = line;
    return 0;
}

int hostkey_parse(const char *line, size_t len, struct hostkey *ret, struct err *e)
{
    struct field comment;

    return parse(line, len, false, ret, &comment, e);
}

int pubkey_parse(const char *line, size_t len, struct hostkey *ret, char comment[129],
                 struct err *e)
{
    struct field rest;
    size_t n = 0;

    if (parse(line, len, true, ret, &rest, e) < 0)
        return -1;
    for (; n < rest.len && n < 128; n++)
        comment[n] = rest.p[n] >= 0x20 && rest.p[n] < 0x7f ? (char)rest.p[n] : '?';
    comment[n] = '\0';
    return 0;
}

static const char *const type_names[HOSTKEY_TYPES] = {
    [HOSTKEY_RSA] = "rsa",
    [HOSTKEY_ECDSA] = "ecdsa",
    [HOSTKEY_ED25519] = "ed25519",
    [HOSTKEY_DSA] = "dsa",
};

const char *hostkey_type_name(enum hostkey_type t)
{
    return (unsigned)t < HOSTKEY_TYPES ? type_names[t] : "unknown";
}

int hostkey_type_from_name(const char *name)
{
    for (int t = 0; t < HOSTKEY_TYPES; t++)
        if (!strcmp(type_names[t], name))
            return t;
    return -1;
}

void hostkey_line(const struct hostkey *k, char *out, size_t size)
{
    snprintf(out, size, "%s %s", k->algorithm, k->blob);
}

/* As `ssh-keygen -l` prints it: SHA-256 of the wire form, base64 without its padding. */
void hostkey_fingerprint(const struct hostkey *k, char out[64])
{
    uint8_t blob[BLOB_MAX], digest[SHA256_SIZE];
    char b64[4 * ((SHA256_SIZE + 2) / 3) + 1];
    int n = base64_decode(k->blob, strlen(k->blob), blob, sizeof blob);

    sha256(blob, n > 0 ? (size_t)n : 0, digest);
    base64_encode(digest, sizeof digest, b64);
    b64[strcspn(b64, "=")] = '\0';
    snprintf(out, 64, "SHA256:%s", b64);
}

/* The modulus: RSA's second field behind the name, DSA's first. */
static unsigned modulus_bits(const struct hostkey *k)
{
    uint8_t blob[BLOB_MAX];
    int n = base64_decode(k->blob, strlen(k->blob), blob, sizeof blob);
    struct wire w = { blob, n > 0 ? (size_t)n : 0 };
    struct field f;
    bool there = take(&w, &f) && take(&w, &f) && (k->type == HOSTKEY_DSA || take(&w, &f));

    return there ? mpint_bits(&f) : 0;
}

unsigned hostkey_bits(const struct hostkey *k)
{
    static const struct {
        const char *end;
        unsigned bits;
    } curves[] = { { "25519", 256 }, { "nistp256", 256 }, { "nistp384", 384 }, { "nistp521", 521 } };

    if (k->type == HOSTKEY_RSA || k->type == HOSTKEY_DSA)
        return modulus_bits(k);
    for (size_t i = 0; i < ARRAY_SIZE(curves); i++)
        if (strstr(k->algorithm, curves[i].end))
            return curves[i].bits;
    return 0;
}

/* NIST SP 800-131A revision 2, table 2: below 112 bits of security nothing is to be signed; OpenSSH
 * has not taken DSA since 7.0. */
const char *hostkey_weakness(const struct hostkey *k)
{
    if (k->type == HOSTKEY_DSA)
        return "is a DSA key, which sshd has refused since OpenSSH 7.0: make an ed25519 one";
    if (k->type == HOSTKEY_RSA && hostkey_bits(k) < 2048)
        return "is an RSA key of fewer than 2048 bits, which can be broken: make an ed25519 one";
    return NULL;
}

void hostkey_copy(struct hostkey *to, const struct hostkey *from)
{
    to->type = from->type;
    memcpy(to->algorithm, from->algorithm, sizeof to->algorithm);
    memcpy(to->blob, from->blob, strlen(from->blob) + 1);
}

bool hostkey_equal(const struct hostkey *a, const struct hostkey *b)
{
    return !strcmp(a->algorithm, b->algorithm) && !strcmp(a->blob, b->blob);
}
