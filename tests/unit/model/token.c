#include "model/token.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

static uint8_t key[SECRET_KEY_SIZE];

static int fill_key(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof key; i++)
        key[i] = (uint8_t)i;
    return 0;
}

static void derive(enum token_purpose purpose, const char *iid, uint32_t epoch, struct token *ret)
{
    struct hmac_key *k = hmac_key_new(key, sizeof key);

    token_derive(k, TOKEN_PURPOSES - 1 - purpose, "iid-of-another", epoch,
                 ret); /* leaves nothing */
    token_derive(k, purpose, iid, epoch, ret);
    hmac_key_free(k);
}

/* Computed beside by Python's hmac: tokens are in running guests' firmware and must stay. */
static void test_vectors(void **state)
{
    (void)state;
    struct token t;

    derive(TOKEN_SEED, "iid-web1-1", 1, &t);
    assert_string_equal(t.s, "609fef52a655efebcf02248e761713e1");
    derive(TOKEN_POST, "iid-web1-1", 1, &t);
    assert_string_equal(t.s, "8b3a195e1127cf8f7e52fc91a7824700");
}

static void test_everything_counts(void **state)
{
    (void)state;
    struct token base, other;

    derive(TOKEN_SEED, "iid-web1-1", 1, &base);
    derive(TOKEN_SEED, "iid-web1-1", 1, &other);
    assert_true(token_equal(&base, &other));
    derive(TOKEN_POST, "iid-web1-1", 1, &other);
    assert_false(token_equal(&base, &other));
    derive(TOKEN_SEED, "iid-web1-2", 1, &other);
    assert_false(token_equal(&base, &other));
    derive(TOKEN_SEED, "iid-web1-1", 2, &other);
    assert_false(token_equal(&base, &other));
    key[31] ^= 1;
    derive(TOKEN_SEED, "iid-web1-1", 1, &other);
    key[31] ^= 1;
    assert_false(token_equal(&base, &other));
    other = base;
    other.s[TOKEN_LEN - 1] ^= 1;
    assert_false(token_equal(&base, &other));
}

static void test_parse(void **state)
{
    (void)state;
    const char *text = "0123456789abcdef0123456789abcdef";
    struct token t = { "kept" };

    assert_int_equal(token_parse(text, 31, &t), -1);
    assert_int_equal(token_parse("0123456789abcdef0123456789abcdef0", 33, &t), -1);
    assert_int_equal(token_parse("0123456789ABCDEF0123456789abcdef", 32, &t), -1);
    assert_int_equal(token_parse("0123456789abcdeg0123456789abcdef", 32, &t), -1);
    assert_int_equal(token_parse("", 0, &t), -1);
    assert_string_equal(t.s, "kept");
    assert_int_equal(token_parse(text, 32, &t), 0);
    assert_string_equal(t.s, text);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors),
        cmocka_unit_test(test_everything_counts),
        cmocka_unit_test(test_parse),
    };
    return cmocka_run_group_tests(tests, fill_key, NULL);
}
