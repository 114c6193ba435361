#include "base/encode.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void test_hex(void **state)
{
    (void)state;
    static const uint8_t in[] = { 0x00, 0x0f, 0xa5, 0xff };
    char out[9];
    uint8_t back[4];
    hex_encode(in, sizeof(in), out);
    assert_string_equal(out, "000fa5ff");
    assert_int_equal(hex_decode("000FA5ff", 8, back), 0);
    assert_memory_equal(in, back, 4);
    assert_int_equal(hex_decode("", 0, back), 0);
    static const char *const bad[] = { "0", "0g", "g0", " 0", "0x", "00 0" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal(hex_decode(bad[i], strlen(bad[i]), back), -1);
}

/* RFC 4648 section 10. */
static void test_base64(void **state)
{
    (void)state;
    static const char *const vectors[][2] = {
        { "", "" },
        { "f", "Zg==" },
        { "fo", "Zm8=" },
        { "foo", "Zm9v" },
        { "foob", "Zm9vYg==" },
        { "fooba", "Zm9vYmE=" },
        { "foobar", "Zm9vYmFy" },
        { "\xfb\xff\xbf", "+/+/" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(vectors); i++) {
        char out[16];
        uint8_t back[8];
        size_t len = strlen(vectors[i][0]);
        base64_encode((const uint8_t *)vectors[i][0], len, out);
        assert_string_equal(out, vectors[i][1]);
        assert_int_equal(base64_decode(out, strlen(out), back, len), len);
        assert_memory_equal(back, vectors[i][0], len);
        if (len > 0)
            assert_int_equal(base64_decode(out, strlen(out), back, len - 1), -1);
    }
}

static void test_base64_strict(void **state)
{
    (void)state;
    static const char *const bad[] = { "Z",    "Zg",   "Zg=",   "Zg===",  "=",    "====",
                                       "Zh==", "Zm9=", "Zm 9v", "Zm9v\n", "Z=g=", "Zg==Zg==",
                                       "Zm-_", "Zm9*", "===Z",  "A===" };
    uint8_t out[16];
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        if (base64_decode(bad[i], strlen(bad[i]), out, sizeof(out)) >= 0)
            fail_msg("\"%s\" was accepted", bad[i]);
    }
    /* Every byte at every place of a group: digits and nothing else. */
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    for (int c = 0; c < 256; c++) {
        for (int at = 0; at < 4; at++) {
            char text[] = "AAAAAAAA";
            text[at] = (char)c;
            bool is = c && strchr(digits, c);
            assert_int_equal(base64_decode(text, 8, out, sizeof(out)), is ? 6 : -1);
        }
    }
}

static void test_base64_lengths(void **state)
{
    (void)state;
    for (size_t len = 0; len < 200; len++) {
        uint8_t in[200], back[200];
        char text[4 * ((200 + 2) / 3) + 1];
        random_bytes(in, len);
        base64_encode(in, len, text);
        assert_int_equal(strlen(text), 4 * ((len + 2) / 3));
        assert_int_equal(base64_decode(text, strlen(text), back, sizeof(back)), len);
        assert_memory_equal(in, back, len);
    }
}

static void is_hex(const uint8_t *digest, const char *want)
{
    char hex[2 * SHA256_SIZE + 1];
    hex_encode(digest, SHA256_SIZE, hex);
    assert_string_equal(hex, want);
}

/* FIPS 180-4's examples; RFC 4231 test cases 1, 2 and 6. */
static void test_digests(void **state)
{
    (void)state;
    uint8_t out[SHA256_SIZE], key[131];
    sha256("", 0, out);
    is_hex(out, "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    sha256("abc", 3, out);
    is_hex(out, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    memset(key, 0x0b, 20);
    hmac_sha256(key, 20, "Hi There", 8, out);
    is_hex(out, "b0344c61d8db38535ca8afceaf0bf12b881dc200c9833da726e9376c2e32cff7");
    hmac_sha256((const uint8_t *)"Jefe", 4, "what do ya want for nothing?", 28, out);
    is_hex(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    memset(key, 0xaa, sizeof(key));
    hmac_sha256(key, sizeof(key), "Test Using Larger Than Block-Size Key - Hash Key First", 54,
                out);
    is_hex(out, "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

static void test_one_key_for_many(void **state)
{
    (void)state;
    uint8_t out[SHA256_SIZE];
    struct hmac_key *k = hmac_key_new((const uint8_t *)"Jefe", 4);
    for (int i = 0; i < 2; i++) {
        hmac_key_mac(k, "something else", 14, out);
        hmac_key_mac(k, "what do ya want for nothing?", 28, out);
        is_hex(out, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
    }
    hmac_key_free(k);
    hmac_key_free(NULL);
}

static void test_stream(void **state)
{
    (void)state;
    uint8_t whole[SHA256_SIZE], parts[SHA256_SIZE];
    struct sha256_stream *s = sha256_new();
    sha256_update(s, "a", 1);
    sha256_update(s, "", 0);
    sha256_update(s, "bc", 2);
    sha256_final(s, parts);
    sha256("abc", 3, whole);
    assert_memory_equal(whole, parts, SHA256_SIZE);
}

static void test_secrets(void **state)
{
    (void)state;
    uint8_t a[64] = { 0 }, b[64] = { 0 };
    assert_true(equal_secret("abc", "abc", 3));
    assert_false(equal_secret("abc", "abd", 3));
    assert_false(equal_secret("xbc", "abc", 3));
    assert_true(equal_secret("a", "b", 0));
    random_bytes(a, sizeof(a));
    random_bytes(b, sizeof(b));
    assert_memory_not_equal(a, b, sizeof(a));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hex),           cmocka_unit_test(test_base64),
        cmocka_unit_test(test_base64_strict), cmocka_unit_test(test_base64_lengths),
        cmocka_unit_test(test_digests),
        cmocka_unit_test(test_one_key_for_many),       cmocka_unit_test(test_stream),
        cmocka_unit_test(test_secrets),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
