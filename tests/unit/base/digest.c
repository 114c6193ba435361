/* Digests by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/digest.h"

/* FIPS 180-4's examples, as sha256sum and sha512sum print them for "abc". */
#define ABC256 "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
#define ABC512                                                                                     \
    "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3fe" \
    "ebbd454d4423643ce80e2a9ac94fa54ca49f"

static void test_stream(void **state)
{
    static const char *const want[DIGESTS] = { ABC256, ABC512 };
    struct checksum c;

    (void)state;
    for (int d = 0; d < DIGESTS; d++) {
        struct digest_stream *s = digest_new((enum digest)d);
        digest_update(s, "a", 1);
        digest_update(s, "", 0);
        digest_update(s, "bc", 2);
        digest_final(s, &c);
        assert_string_equal(c.hex, want[d]);
        assert_int_equal(c.digest, d);
        assert_int_equal(strlen(c.hex), digest_hex_len((enum digest)d));
        assert_int_equal(digest_from_hex_len(strlen(c.hex)), d);
    }
    assert_int_equal(digest_from_hex_len(40), -1);
    digest_free(digest_new(DIGEST_SHA512));
    digest_free(NULL);
}

static void test_text(void **state)
{
    static const char *const bad[] = {
        "",
        "sha256",
        "sha256:",
        "sha256:zz",
        "sha512:" ABC256,
        "sha256:" ABC512,
        "sha256:" ABC256 "0",
        "SHA256:" ABC256,
        "md5:0",
        ABC256,
        "sha256: " ABC256,
    };
    struct checksum c = { .hex = "kept" };
    struct err e;
    char text[CHECKSUM_TEXT];

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++)
        assert_int_equal(checksum_parse(bad[i], &c, &e), -1);
    assert_string_equal(c.hex, "kept");
    assert_int_equal(checksum_parse("sha512:" ABC512, &c, &e), 0);
    assert_string_equal(checksum_format(&c, text), "sha512:" ABC512);
    assert_int_equal(
        checksum_parse("sha256:BA7816BF8F01CFEA414140DE5DAE2223B00361A396177A9CB410FF61"
                       "F20015AD",
                       &c, &e),
        0);
    assert_string_equal(checksum_format(&c, text), "sha256:" ABC256);
    c.hex[0] = '\0';
    assert_string_equal(checksum_format(&c, text), "");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_stream),
        cmocka_unit_test(test_text),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
