#include "base/msg.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void fill(struct buf *b)
{
    msg_put_u8(b, 1);
    msg_put_u16(b, 0xbeef);
    msg_put_u32(b, 0xdeadbeef);
    msg_put_u64(b, UINT64_MAX - 1);
    msg_put_str(b, "web1");
    msg_put_bytes(b, "a\0b", 3);
    msg_put_str(b, "");
}

/* Reads what fill() wrote. */
static int take(const void *data, size_t len, bool check)
{
    struct msg_cur c = msg_cur(data, len);
    char name[5], empty[1];
    size_t n;
    bool flag = msg_get_bool(&c);
    uint16_t u16 = msg_get_u16(&c);
    uint32_t u32 = msg_get_u32(&c);
    uint64_t u64 = msg_get_u64(&c);
    msg_get_str(&c, name, sizeof(name));
    const void *bytes = msg_get_bytes(&c, &n);
    msg_get_str(&c, empty, sizeof(empty));
    if (check) {
        assert_true(flag);
        assert_int_equal(u16, 0xbeef);
        assert_int_equal(u32, 0xdeadbeef);
        assert_true(u64 == UINT64_MAX - 1);
        assert_string_equal(name, "web1");
        assert_int_equal(n, 3);
        assert_memory_equal(bytes, "a\0b", 3);
        assert_string_equal(empty, "");
    }
    struct err e = { 0 };
    int rc = msg_end(&c, "TEST", &e);
    if (rc < 0)
        assert_int_equal(e.kind, ERR_INVALID);
    return rc;
}

static void test_round_trip(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    fill(&b);
    assert_int_equal(take(b.data, b.len, true), 0);
}

/* Each prefix in memory of exactly its size, so that a sanitizer sees a step beyond it. */
static void test_truncated(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    fill(&b);
    for (size_t len = 0; len < b.len; len++) {
        auto_free char *copy = malloc(len ? len : 1);
        assert_non_null(copy);
        memcpy(copy, b.data, len);
        assert_int_equal(take(copy, len, false), -1);
    }
    msg_put_u8(&b, 0);
    assert_int_equal(take(b.data, b.len, false), -1);
}

static void test_failure_sticks(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    msg_put_u32(&b, 5); /* a length without its bytes */
    msg_put_u8(&b, 7);
    struct msg_cur c = msg_cur(b.data, b.len);
    size_t n = 9;
    assert_null(msg_get_bytes(&c, &n));
    assert_int_equal(n, 0);
    assert_int_equal(msg_get_u8(&c), 0);
    assert_int_equal(msg_get_u64(&c), 0);
    char s[4] = "xyz";
    msg_get_str(&c, s, sizeof(s));
    assert_string_equal(s, "");
    struct err e;
    assert_int_equal(msg_end(&c, "PING", &e), -1);
    assert_string_equal(e.text, "message PING: a field is missing or out of its range");
}

static void fails_as_str(const void *data, size_t len, size_t size)
{
    auto_buf struct buf b = BUF_INIT;
    char out[8] = "";
    msg_put_bytes(&b, data, len);
    struct msg_cur c = msg_cur(b.data, b.len);
    msg_get_str(&c, out, size);
    assert_true(c.failed);
    assert_string_equal(out, "");
}

static void test_refusals(void **state)
{
    (void)state;
    fails_as_str("abcd", 4, 4);
    fails_as_str("a\0b", 3, 8);
    fails_as_str("", 0, 0);
    uint8_t two = 2;
    struct msg_cur c = msg_cur(&two, 1);
    assert_false(msg_get_bool(&c));
    assert_true(c.failed);
    static const uint8_t huge[] = { 0xff, 0xff, 0xff, 0xff, 1 };
    size_t n;
    c = msg_cur(huge, sizeof(huge));
    assert_null(msg_get_bytes(&c, &n));
    assert_true(c.failed);
}

static void test_empty(void **state)
{
    (void)state;
    struct msg_cur c = msg_cur(NULL, 0);
    assert_int_equal(msg_end(&c, "EMPTY", NULL), 0);
    assert_int_equal(msg_get_u8(&c), 0);
    assert_int_equal(msg_end(&c, "EMPTY", NULL), -1);
    auto_buf struct buf b = BUF_INIT;
    msg_put_bytes(&b, NULL, 0);
    c = msg_cur(b.data, b.len);
    size_t n = 1;
    assert_non_null(msg_get_bytes(&c, &n));
    assert_int_equal(n, 0);
    assert_int_equal(msg_end(&c, "EMPTY", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),     cmocka_unit_test(test_truncated),
        cmocka_unit_test(test_failure_sticks), cmocka_unit_test(test_refusals),
        cmocka_unit_test(test_empty),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
