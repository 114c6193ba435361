#include "model/hostkey.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/encode.h"

/* Made by OpenSSH's ssh-keygen 9.2; fingerprints as `ssh-keygen -lf` printed them. */
static const struct {
    enum hostkey_type type;
    const char *algorithm, *blob, *fingerprint;
} real[] = {
    { HOSTKEY_RSA, "ssh-rsa",
      "AAAAB3NzaC1yc2EAAAADAQABAAABAQCr41fJEalaXwEASmwkfCVkRAxpDJbSQEqnfRkdxPR+lLfc"
      "sloPkoi20HnBvzhQq3bqNJj1wo8i7fI0ZmJlEucQOkdSXOYPrXaySmbSKYG1X7PIsuWHTx7TjyI0"
      "KC4+g6FxWfPfG/3mo10XlnOjNxVriMd/oFIZq4zBPGmvKHyYnKSJm9RAeyt823nfB3k92URAZkN7"
      "VQIR0Jm/SOTtdMynFUn9sJvssDBar/Px5NbTuyHl8kH1gQ4qtvGQb0rowpBHPuZgowDYItbJ6RCn"
      "1Mez5IE4LBNLfIy4t4SDb9nq89eiq2aj5gLbHj3uDe1pIuwYMefe7GfxBZv4wuWa9Sr3",
      "SHA256:B+sSEQtVfU3w32Uun/L4WxdYtMqg+i1khLxaO8MFjEg" },
    { HOSTKEY_RSA, "ssh-rsa",
      "AAAAB3NzaC1yc2EAAAADAQABAAABgQDcrOZ+I6S0TO5Yt0Cfbf2VIPQLWSEdSngkf/rIoIrT+ZH/"
      "Pkb+b5z1lQLmpfBCSac+uds2Pp+kQ5d7VDxvISViBBL3ryRnu+A5zeuTZ0r3A2kr/AduZTNiK/zj"
      "XRtHUHXSod3ON2EAUl6nJilB1OACggo0CHhE/DQ53U0ToQ7nYMZ0E3w0swh9BayrPC7ZU9LJncjc"
      "mVxmmDclYAXAoff7fIyA7d2SJvNoF6PAfEdlp4pK8gJv2L2iZpp4sCzAkp6EYiMYdCClhKUodjYi"
      "4b6G/Chj9dgr0CDhRudnImjFwM3g9udF7Tps/iXQ/g+xwnOR2xS2fAaJbNdHvRhFn6Bm8YyySwPX"
      "wfy5/PteInE6pbYgVZNdQkthcVUqFtYvzrIEfFEMSLev3n6/wj68gynfwYs5dpp5zHdYTg1kqq2X"
      "LGfhHg6OZRaBaXc/4XYQnFL2g0HZPIbMQdfyxxuDZ9mUraaewSN7A/gdGD8630gNvl59luP5u662"
      "diCF/Es+ISU=",
      "SHA256:dSMWHzohQmNxsXzDqZAFWYJBkjqHYRZvcl6m12/H3x8" },
    { HOSTKEY_RSA, "ssh-rsa",
      "AAAAB3NzaC1yc2EAAAADAQABAAAAgQDjj5tlQCwcFtYQysAW9slzPAMw4w2Alb3niXy4rhpy3Rfe"
      "biIOI77ipmyphrvy9TD7cuS8ovVRjOF7hweruJIKs/lAcG1VdRK23M97GshgboPRe6XpwlWVV107"
      "nghY8ZEXx5sorXFLww+B6jal51rr4jKIo9ozYv/CL2o8LRFAwQ==",
      "SHA256:vX1qtVMOs0keDKnewbeQAyq4Bk8yFnQhafPXdHzPlP0" },
    { HOSTKEY_ECDSA, "ecdsa-sha2-nistp256",
      "AAAAE2VjZHNhLXNoYTItbmlzdHAyNTYAAAAIbmlzdHAyNTYAAABBBARBrNzgJ4D5/MhFe6K76sSV"
      "UIDn9Mb3V3M3X6+qdr5DkuEcBspOe2RrkIicfPj5y8pk4r22cGFwYLE/iwSfM50=",
      "SHA256:XX2JATyd+EfRYDD+n02BIqE/meX4KMmhf9/qI0Vx/mE" },
    { HOSTKEY_ECDSA, "ecdsa-sha2-nistp384",
      "AAAAE2VjZHNhLXNoYTItbmlzdHAzODQAAAAIbmlzdHAzODQAAABhBN1UycjCrLJfs39X+JpDa5dq"
      "oIkUzEvJPW2Vc9/QQtTyFGJqMu0SEvbwoHGC7pVqGwUrEpWRvCoVJnO18zv9veDUK+bv3Vxm/On8"
      "EuHB8Jmtn6PjrQ3f6vZ1cxp0jjJM+w==",
      "SHA256:imICSIbmlX02qgyvGpK7QbOrIMJQalnHtT269XwjzVo" },
    { HOSTKEY_ECDSA, "ecdsa-sha2-nistp521",
      "AAAAE2VjZHNhLXNoYTItbmlzdHA1MjEAAAAIbmlzdHA1MjEAAACFBAEzrqM3GR6+A5BoDVj1eYAn"
      "Y89nOGj3YMsA1W2NLpP3QWS5r/LwffCuD371sWkwL4o7W/X4QohaXn2nvhFrux2rxQABaD/BvZaT"
      "MwKvRqGQeco9WXqa7c8OWxYcrC9/fi3I1tPz9+wYs45be+ADgzFDv4X3xrBr0Fny6u3kGCUCKAoK"
      "nQ==",
      "SHA256:bv8S9E++q+LfhUiywgcdM79TWhauamhfNTH/yMjJ9xc" },
    { HOSTKEY_ED25519, "ssh-ed25519",
      "AAAAC3NzaC1lZDI1NTE5AAAAIOFs+itJNkWXsJhxlsUo9RYYik7vjAfZcNN69rEsGHcC",
      "SHA256:kLZ9vh4mBV1nbUnFjq79FBLeWShzeqlGnaoylvFrX+8" },
    { HOSTKEY_DSA, "ssh-dss",
      "AAAAB3NzaC1kc3MAAACBAIdIuf6cZ28Z54ub/P+oejT4OEb68aN4N205vsnA9lxtR7JHWfW6Kk3T"
      "kvdswgrGTuqaWfw6Ro1AC/hNpRrbUwTpa3z4HJplnzSuoF6lQyxAGfkUzwuGY9rQK70AxnVyxRl6"
      "CJSxvuqKxcE+Xa0Q+VZ9OoS0pmfA1irCsqKs/82VAAAAFQC/DuXiwBghWE177O1RIS6jkJsKpQAA"
      "AIASuNuYaL1nmCg+dbRgmDsYDyXmQF74SAah058k2wDASdTyPdchHoSx5QCt3nUvPU5t8uFIpPEz"
      "en+tJ2kFKutGe5A+BB1EX5opW6JP98ft+afax8CEo4v/jz3kayF09B9iwmhTzqj7dnK5/XkAdoWj"
      "YxWN9P/qKqWl46I+A4XqKAAAAIAHssifVEK5BIQYmzEgv4SlQk54tiwuxn7+zJQ4eBWEr4GauMUL"
      "2e0ImGX7yr5+AjoEuNR4OAsPSs8jUeGWVFgZDbjvr5mCvT75FDFap1VP7XBVMrCJN0jJ5ntsTrBZ"
      "E/VLtivs1wTTMp+4yrHUXo9rDKUey+jqmSz8ZqIvjlgJyQ==",
      "SHA256:HoG/wHTUIJrAIp31Lbh/bZfD45pxfqEYc9OPbpH5TTY" },
};
enum { RSA2048, RSA3072, RSA1024, ECDSA256, ECDSA384, ECDSA521, ED25519, DSA1024 };

static const char *line_of(int i, const char *tail)
{
    static char line[4096];

    snprintf(line, sizeof line, "%s %s%s", real[i].algorithm, real[i].blob, tail);
    return line;
}

static int parse(const char *line, struct hostkey *k, struct err *e)
{
    return hostkey_parse(line, strlen(line), k, e);
}

static void test_real_keys(void **state)
{
    (void)state;
    static const char *const tails[] = { "",           "\n",
                                         "\r\n",       " root@web1\n",
                                         " root@web1", " {{ evil }} $(x)\n" };
    char out[4096], fingerprint[64], comment[129];
    struct hostkey k, user;
    struct err e;

    for (size_t i = 0; i < ARRAY_SIZE(real); i++) {
        for (size_t t = 0; t < ARRAY_SIZE(tails); t++) {
            if (parse(line_of((int)i, tails[t]), &k, &e) < 0)
                fail_msg("%s: %s", real[i].algorithm, e.text);
            assert_int_equal(k.type, real[i].type);
            hostkey_line(&k, out, sizeof out);
            assert_string_equal(out, line_of((int)i, ""));
            hostkey_fingerprint(&k, fingerprint);
            assert_string_equal(fingerprint, real[i].fingerprint);
        }
        const char *line = line_of((int)i, " a b\n");
        assert_int_equal(pubkey_parse(line, strlen(line), &user, comment, &e), 0);
        assert_true(hostkey_equal(&k, &user));
        assert_string_equal(comment, "a b");
    }
    parse(line_of(RSA2048, ""), &k, &e);
    parse(line_of(RSA3072, ""), &user, &e);
    assert_false(hostkey_equal(&k, &user));
}

static void test_no_key_cut_anywhere(void **state)
{
    (void)state;
    struct hostkey k;
    struct err e;

    for (size_t i = 0; i < ARRAY_SIZE(real); i++) {
        const char *line = line_of((int)i, "");
        for (size_t len = 0; len < strlen(line); len++)
            assert_int_equal(hostkey_parse(line, len, &k, &e), -1);
    }
}

static void refused(const char *line, enum err_kind kind)
{
    struct hostkey k, before;
    struct err e = { 0 };

    memset(&k, 'x', sizeof k);
    before = k;
    if (parse(line, &k, &e) == 0)
        fail_msg("taken: %.200s", line);
    assert_int_equal(e.kind, kind);
    assert_memory_equal(&k, &before, sizeof k);
    assert_null(strchr(e.text, '\n'));
}

static void test_bad_lines(void **state)
{
    (void)state;
    static const char *const lines[] = { "",
                                         "\n",
                                         "N/A",
                                         "N/A\n",
                                         " ",
                                         "ssh-ed25519",
                                         "ssh-ed25519 ",
                                         "ssh-ed25519 =",
                                         "ssh-ed25519 AAAA",
                                         "ssh-ed25519 !!!!",
                                         "ssh-rsa1 AAAA",
                                         "SSH-ED25519 AAAA",
                                         "ssh-ed25519-cert-v01@openssh.com AAAA" };
    static const char *const fronts[] = {
        " ",  "command=\"x\" ", "no-pty ", "@cert-authority * ", "web1 ", "\t", "# ",
        "\n", "ssh-rsa AAAA\n"
    };
    char line[8192];

    for (size_t i = 0; i < ARRAY_SIZE(lines); i++)
        refused(lines[i], ERR_INVALID);
    for (size_t i = 0; i < ARRAY_SIZE(fronts); i++) {
        snprintf(line, sizeof line, "%s%s", fronts[i], line_of(ED25519, ""));
        refused(line, ERR_INVALID);
    }
    /* A second line would be a line of known_hosts or authorized_keys. */
    refused(line_of(ED25519, "\n* ssh-rsa AAAA"), ERR_INVALID);
    refused(line_of(ED25519, " root@web1\n* ssh-rsa AAAA\n"), ERR_INVALID);
    refused(line_of(ED25519, " root@web1\rx"), ERR_INVALID);
    refused(line_of(ED25519, "\n\n"), ERR_INVALID);
    refused(line_of(ED25519, "="), ERR_INVALID);
    refused(line_of(ED25519, "AAAA"), ERR_INVALID); /* bytes behind the key */
    /* Within the base64. */
    snprintf(line, sizeof line, "%s", line_of(ED25519, ""));
    line[40] = '\n';
    refused(line, ERR_INVALID);
    /* A NUL does not end it. */
    struct hostkey k;
    assert_int_equal(hostkey_parse("ssh-ed25519\0AAAA", 16, &k, NULL), -1);
    memset(line, 'A', sizeof line);
    memcpy(line, "ssh-rsa ", 8);
    line[sizeof line - 1] = '\0';
    refused(line, ERR_TOO_BIG);
}

/* Keys that ssh-keygen would not make, field by field. */
static void put_field(struct buf *b, const void *data, size_t len)
{
    const uint8_t head[4] = { (uint8_t)(len >> 24), (uint8_t)(len >> 16), (uint8_t)(len >> 8),
                              (uint8_t)len };

    buf_put(b, head, 4);
    buf_put(b, data, len);
}
static void put_text(struct buf *b, const char *s)
{
    put_field(b, s, strlen(s));
}

static const char *wire_line(const char *algorithm, const struct buf *b)
{
    static char line[16384];
    size_t n = strlen(algorithm);

    assert_true(4 * (b->len / 3 + 1) + n + 2 < sizeof line);
    memcpy(line, algorithm, n);
    line[n] = ' ';
    base64_encode((const uint8_t *)b->data, b->len, line + n + 1);
    return line;
}

struct number {
    size_t zeros, len; /* bytes in front, then bytes of which the first and the last are: */
    uint8_t first, last;
};
static void put_number(struct buf *b, struct number n)
{
    uint8_t bytes[4096] = { 0 };

    assert_true(n.zeros + n.len <= sizeof bytes);
    memset(bytes + n.zeros, 0x5a, n.len);
    if (n.len) {
        bytes[n.zeros + n.len - 1] = n.last;
        bytes[n.zeros] = n.len > 1 ? n.first : n.last;
    }
    put_field(b, bytes, n.zeros + n.len);
}

static const struct number exponent = { 0, 3, 0x01, 0x01 }, modulus = { 1, 256, 0x80, 0x01 };

static int rsa(struct number e, struct number n, struct err *ret)
{
    auto_buf struct buf b = BUF_INIT;
    struct hostkey k;

    put_text(&b, "ssh-rsa");
    put_number(&b, e);
    put_number(&b, n);
    return parse(wire_line("ssh-rsa", &b), &k, ret);
}

static void test_rsa_numbers(void **state)
{
    (void)state;
    static const struct number good[] = {
        { 1, 256, 0x80, 0x01 },  /* 2048 bits */
        { 1, 128, 0x80, 0x01 },  /* 1024, the least */
        { 1, 2048, 0x80, 0x01 }, /* 16384, the most */
        { 0, 256, 0x40, 0x01 },  /* 2047: the top bit is free, so no zero in front */
    };
    static const struct number bad[] = {
        { 0, 0, 0, 0 },          /* zero */
        { 1, 0, 0, 0 },          /* zero, the other way */
        { 256, 0, 0, 0 },        /* zero, at length */
        { 0, 256, 0x80, 0x01 },  /* negative */
        { 0, 256, 0xff, 0xff },  /* negative */
        { 1, 256, 0x40, 0x01 },  /* a needless zero in front */
        { 2, 256, 0x80, 0x01 },  /* two */
        { 0, 128, 0x40, 0x01 },  /* 1023 bits */
        { 1, 64, 0x80, 0x01 },   /* 512 bits */
        { 0, 2049, 0x01, 0x01 }, /* 16385 bits */
        { 1, 256, 0x80, 0x02 },  /* even */
        { 0, 1, 0, 0x03 },       /* three */
    };
    static const struct number bad_exponent[] = {
        { 0, 0, 0, 0 },    { 0, 1, 0, 0x01 },     { 0, 1, 0, 0x02 },
        { 0, 1, 0, 0x83 }, { 0, 33, 0x01, 0x01 }, { 1, 1, 0, 3 },
    };
    struct err e;

    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        if (rsa(exponent, good[i], &e) < 0)
            fail_msg("good modulus %zu: %s", i, e.text);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        if (rsa(exponent, bad[i], &e) == 0)
            fail_msg("bad modulus %zu taken", i);
    assert_int_equal(rsa((struct number){ 0, 1, 0, 3 }, modulus, &e), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad_exponent); i++)
        if (rsa(bad_exponent[i], modulus, &e) == 0)
            fail_msg("bad exponent %zu taken", i);
    /* Larger than any buffer of ours. */
    assert_int_equal(rsa(exponent, (struct number){ 1, 4000, 0x80, 1 }, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
}

static int ecdsa(const char *outer, const char *inner, const char *curve, size_t point,
                 uint8_t form, const char *extra)
{
    auto_buf struct buf b = BUF_INIT;
    uint8_t bytes[256] = { form };
    struct hostkey k;

    put_text(&b, inner);
    put_text(&b, curve);
    put_field(&b, bytes, point);
    buf_puts(&b, extra);
    return parse(wire_line(outer, &b), &k, NULL);
}

#define N256 "ecdsa-sha2-nistp256"
#define N384 "ecdsa-sha2-nistp384"

static void test_curve_mismatch(void **state)
{
    (void)state;
    assert_int_equal(ecdsa(N256, N256, "nistp256", 65, 4, ""), 0);
    assert_int_equal(ecdsa(N384, N384, "nistp384", 97, 4, ""), 0);
    assert_int_equal(ecdsa(N256, N384, "nistp384", 97, 4, ""), -1); /* inner type differs */
    assert_int_equal(ecdsa(N256, N256, "nistp384", 97, 4, ""), -1); /* curve differs */
    assert_int_equal(ecdsa(N256, N256, "nistp384", 65, 4, ""), -1);
    assert_int_equal(ecdsa(N256, N256, "nistp256", 97, 4, ""), -1); /* point of another */
    assert_int_equal(ecdsa(N256, N256, "nistp256", 64, 4, ""), -1);
    assert_int_equal(ecdsa(N256, N256, "nistp256", 0, 4, ""), -1);
    assert_int_equal(ecdsa(N256, N256, "nistp256", 33, 2, ""), -1); /* compressed */
    assert_int_equal(ecdsa(N256, N256, "nistp256", 65, 2, ""), -1);
    assert_int_equal(ecdsa(N256, N256, "nistp256", 65, 4, "x"), -1); /* trailing */
    assert_int_equal(ecdsa(N256, N256, "", 65, 4, ""), -1);
}

static int ed25519(const char *outer, const char *inner, size_t size, const char *extra)
{
    auto_buf struct buf b = BUF_INIT;
    uint8_t bytes[64] = { 1 };
    struct hostkey k;

    put_text(&b, inner);
    put_field(&b, bytes, size);
    buf_puts(&b, extra);
    return parse(wire_line(outer, &b), &k, NULL);
}

static void test_ed25519_fields(void **state)
{
    (void)state;
    assert_int_equal(ed25519("ssh-ed25519", "ssh-ed25519", 32, ""), 0);
    assert_int_equal(ed25519("ssh-ed25519", "ssh-ed25519", 31, ""), -1);
    assert_int_equal(ed25519("ssh-ed25519", "ssh-ed25519", 33, ""), -1);
    assert_int_equal(ed25519("ssh-ed25519", "ssh-ed25519", 0, ""), -1);
    assert_int_equal(ed25519("ssh-ed25519", "ssh-ed25519", 32, "\1"), -1);
    assert_int_equal(ed25519("ssh-ed25519", "ssh-rsa", 32, ""), -1);
    assert_int_equal(ed25519("ssh-rsa", "ssh-ed25519", 32, ""), -1);
    assert_int_equal(ed25519("ssh-ed25519", "ssh-ed25519\n", 32, ""), -1);
    assert_int_equal(ed25519("ssh-ed25519", "", 32, ""), -1);
}

/* Security keys are for users; a host cannot touch one. */
static void test_sk_keys(void **state)
{
    (void)state;
    static const char sk[] = "sk-ssh-ed25519@openssh.com";
    static const char sk_ec[] = "sk-ecdsa-sha2-nistp256@openssh.com";
    uint8_t point[65] = { 4 };
    char comment[129] = "";
    struct hostkey k;
    struct err e;

    for (int app = 0; app < 2; app++) {
        auto_buf struct buf b = BUF_INIT;
        put_text(&b, sk);
        put_field(&b, point, 32);
        if (app)
            put_text(&b, "ssh:");
        const char *line = wire_line(sk, &b);
        assert_int_equal(pubkey_parse(line, strlen(line), &k, comment, &e), app ? 0 : -1);
        assert_int_equal(parse(line, &k, &e), -1);
    }
    auto_buf struct buf b = BUF_INIT;
    put_text(&b, sk_ec);
    put_text(&b, "nistp256");
    put_field(&b, point, 65);
    put_text(&b, "ssh:");
    const char *line = wire_line(sk_ec, &b);
    assert_int_equal(pubkey_parse(line, strlen(line), &k, comment, &e), 0);
    assert_string_equal(k.algorithm, sk_ec);
    assert_int_equal(k.type, HOSTKEY_ECDSA);
    assert_int_equal(parse(line, &k, &e), -1);
}

static void test_comment(void **state)
{
    (void)state;
    char comment[130], want[129], tail[300];
    struct hostkey k;
    const char *line = line_of(ED25519, " \t a\tb \xc3\xa9\x1b[0m\n");

    memset(comment, 'x', sizeof comment);
    assert_int_equal(pubkey_parse(line, strlen(line), &k, comment, NULL), 0);
    assert_string_equal(comment, "a?b ???[0m");
    line = line_of(ED25519, "");
    assert_int_equal(pubkey_parse(line, strlen(line), &k, comment, NULL), 0);
    assert_string_equal(comment, "");
    memset(tail, 'c', sizeof tail);
    tail[0] = ' ';
    tail[sizeof tail - 1] = '\0';
    line = line_of(ED25519, tail);
    assert_int_equal(pubkey_parse(line, strlen(line), &k, comment, NULL), 0);
    memset(want, 'c', 128);
    want[128] = '\0';
    assert_string_equal(comment, want);
    assert_int_equal(comment[129], 'x');
    line = line_of(ED25519, " a\nssh-rsa AAAA");
    assert_int_equal(pubkey_parse(line, strlen(line), &k, comment, NULL), -1);
    line = "command=\"x\" ssh-ed25519 AAAA";
    assert_int_equal(pubkey_parse(line, strlen(line), &k, comment, NULL), -1);
    assert_string_equal(comment, want);
}

static void test_types(void **state)
{
    (void)state;
    for (int t = 0; t < HOSTKEY_TYPES; t++)
        assert_int_equal(hostkey_type_from_name(hostkey_type_name((enum hostkey_type)t)), t);
    assert_int_equal(hostkey_type_from_name("rsa"), HOSTKEY_RSA);
    assert_int_equal(hostkey_type_from_name("RSA"), -1);
}

/* What `ssh-keygen -l` says in front of the fingerprint. */
static void test_strength(void **state)
{
    static const unsigned bits[] = {
        [RSA2048] = 2048, [RSA3072] = 3072, [RSA1024] = 1024, [ECDSA256] = 256,
        [ECDSA384] = 384, [ECDSA521] = 521, [ED25519] = 256,  [DSA1024] = 1024,
    };
    struct hostkey k;
    struct err e;

    (void)state;
    for (int i = 0; i <= DSA1024; i++) {
        assert_int_equal(parse(line_of(i, ""), &k, &e), 0);
        assert_int_equal(hostkey_bits(&k), bits[i]);
        assert_int_equal(hostkey_weakness(&k) != NULL, i == RSA1024 || i == DSA1024);
    }
    assert_non_null(strstr(hostkey_weakness(&k), "DSA"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_real_keys),      cmocka_unit_test(test_no_key_cut_anywhere),
        cmocka_unit_test(test_bad_lines),      cmocka_unit_test(test_rsa_numbers),
        cmocka_unit_test(test_curve_mismatch), cmocka_unit_test(test_ed25519_fields),
        cmocka_unit_test(test_sk_keys),        cmocka_unit_test(test_comment),
        cmocka_unit_test(test_types),          cmocka_unit_test(test_strength),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
