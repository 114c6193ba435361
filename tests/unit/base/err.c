#include "base/err.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void test_set(void **state)
{
    (void)state;
    struct err e = { .kind = ERR_IO, .os = 5 };
    assert_int_equal(err_set(&e, ERR_INVALID, "count is %d", 7), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_int_equal(e.os, 0);
    assert_string_equal(e.text, "count is 7");
    assert_int_equal(err_set(NULL, ERR_INVALID, "nobody listens"), -1);
    assert_int_equal(err_sys(NULL, "nobody listens"), -1);
    assert_int_equal(err_wrap(NULL, "nobody listens"), -1);
}

static void test_masks_controls(void **state)
{
    (void)state;
    struct err e;
    err_set(&e, ERR_INVALID, "host \"a\nb\033[2Jc\x7f\xc2\x9b\"");
    assert_string_equal(e.text, "host \"a?b?[2Jc???\"");
    err_set(&e, ERR_INVALID, "gr\xc3\xbc\xc3\x9f \xff");
    assert_string_equal(e.text, "gr\xc3\xbc\xc3\x9f ?");
}

static void test_cuts(void **state)
{
    (void)state;
    struct err e;
    char big[2000];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    err_set(&e, ERR_INVALID, "%s", big);
    assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
    err_wrap(&e, "instance web1");
    assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
    assert_memory_equal(e.text, "instance web1: xxx", 18);
    err_wrap(&e, "%s", big);
    assert_int_equal(strlen(e.text), sizeof(e.text) - 1);
    memset(big, 0, sizeof(big));
    /* A character of two bytes across the end does not stay in half. */
    for (size_t i = 0; i + 2 < sizeof(big); i += 2)
        memcpy(big + i, "\xc3\xbc", 2);
    err_set(&e, ERR_INVALID, "%s", big);
    assert_int_equal(e.text[sizeof(e.text) - 2], '?');
}

static void test_sys(void **state)
{
    (void)state;
    static const struct {
        int os;
        enum err_kind kind;
    } cases[] = {
        { ENOENT, ERR_NOT_FOUND }, { EACCES, ERR_DENIED }, { EPERM, ERR_DENIED },
        { EEXIST, ERR_CONFLICT },  { EAGAIN, ERR_BUSY },   { EBUSY, ERR_BUSY },
        { ENOSPC, ERR_IO },        { EIO, ERR_IO },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct err e;
        errno = cases[i].os;
        assert_int_equal(err_sys(&e, "cannot open \"%s\"", "x"), -1);
        assert_int_equal(e.kind, cases[i].kind);
        assert_int_equal(e.os, cases[i].os);
        assert_int_equal(errno, cases[i].os);
        assert_memory_equal(e.text, "cannot open \"x\": ", 17);
        assert_string_equal(e.text + 17, strerror(cases[i].os));
    }
}

static void test_wrap(void **state)
{
    (void)state;
    struct err e;
    errno = ENOSPC;
    err_sys(&e, "write");
    assert_int_equal(err_wrap(&e, "instance %s", "web1"), -1);
    assert_string_equal(e.text, "instance web1: write: No space left on device");
    assert_int_equal(e.kind, ERR_IO);
    assert_int_equal(e.os, ENOSPC);
    /* Its own text as an argument. */
    err_set(&e, ERR_CONFLICT, "(%s)", e.text);
    assert_string_equal(e.text, "(instance web1: write: No space left on device)");
}

static void test_kinds(void **state)
{
    (void)state;
    static const struct {
        enum err_kind kind;
        const char *name;
        int exit_code, http;
    } rows[] = {
        { ERR_NOT_FOUND, "not-found", 3, 404 }, { ERR_INVALID, "invalid", 2, 400 },
        { ERR_CONFLICT, "conflict", 4, 409 },   { ERR_TOO_BIG, "too-big", 2, 413 },
        { ERR_DENIED, "denied", 5, 403 },       { ERR_BUSY, "busy", 6, 503 },
        { ERR_TIMEOUT, "timeout", 7, 504 },     { ERR_IO, "io", 1, 500 },
        { ERR_INTERNAL, "internal", 1, 500 },
    };
    assert_int_equal(ARRAY_SIZE(rows), ERR_KINDS - 1);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_string_equal(err_kind_name(rows[i].kind), rows[i].name);
        assert_int_equal(err_kind_from_name(rows[i].name), rows[i].kind);
        assert_int_equal(err_exit_code(rows[i].kind), rows[i].exit_code);
        assert_int_equal(err_http_status(rows[i].kind), rows[i].http);
    }
    assert_int_equal(err_exit_code(ERR_NONE), 0);
    assert_int_equal(err_kind_from_name("sunshine"), -1);
    assert_string_equal(err_kind_name((enum err_kind)99), "internal");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_set),  cmocka_unit_test(test_masks_controls),
        cmocka_unit_test(test_cuts), cmocka_unit_test(test_sys),
        cmocka_unit_test(test_wrap), cmocka_unit_test(test_kinds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
