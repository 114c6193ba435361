#include "ansible/sshpath.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

static void test_words(void **state)
{
    (void)state;
    static const struct {
        const char *path, *word, *quoted;
    } paths[] = {
        { "/srv/known_hosts", "/srv/known_hosts", "/srv/known_hosts" },
        { "/srv/a b", "\"/srv/a b\"", "/srv/a b" },
        { "/srv/100%h", "\"/srv/100%%h\"", "/srv/100%%h" },
        { "/srv/\"a\\", "\"/srv/\\\"a\\\\\"", "/srv/\\\"a\\\\" },
        { "/srv/#x", "\"/srv/#x\"", "/srv/#x" },
        { "", "\"\"", "" },
    };

    for (size_t i = 0; i < sizeof(paths) / sizeof(paths[0]); i++) {
        auto_buf struct buf word = BUF_INIT, quoted = BUF_INIT;
        assert_int_equal(sshpath_check(paths[i].path, NULL), 0);
        sshpath_word(&word, paths[i].path);
        sshpath_quoted(&quoted, paths[i].path);
        assert_string_equal(buf_str(&word), paths[i].word);
        assert_string_equal(buf_str(&quoted), paths[i].quoted);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const bad[] = { "/${HOME}", "/a\n", "/\x01", "/\x7f", "/\xc3" };
    struct err e;

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        e = (struct err){ 0 };
        assert_int_equal(sshpath_check(bad[i], &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
    }
    assert_int_equal(sshpath_check("/$HOME/{x}", NULL), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_words),
        cmocka_unit_test(test_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
