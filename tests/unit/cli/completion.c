/* What is shipped is what the command table makes. */
#include "cli/completion.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"

static void check(const char *shell, const char *file)
{
    auto_buf struct buf want = { .cap = 1 << 20 }, have = BUF_INIT;
    auto_close int dir = open("contrib/completions", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct err e = { .kind = ERR_NONE };

    assert_true(dir >= 0);
    assert_int_equal(completion_render(shell, &want, &e), 0);
    if (getenv("REGEN") && file_replace(dir, file, buf_str(&want), want.len, 0644, NULL, &e) < 0)
        fail_msg("%s", e.text);
    if (file_read(dir, file, 1 << 20, &have, &e) < 0)
        fail_msg("%s", e.text);
    if (strcmp(buf_str(&want), buf_str(&have)) != 0)
        fail_msg("contrib/completions/%s is not what the table says; REGEN=1 writes it", file);
}

static void test_scripts(void **state)
{
    (void)state;
    check("bash", "roost.bash");
    check("zsh", "_roost");
    check("fish", "roost.fish");
}

static void test_another_shell(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    struct err e;

    (void)state;
    assert_int_equal(completion_render("csh", &b, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scripts),
        cmocka_unit_test(test_another_shell),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
