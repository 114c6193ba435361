/* Passwords: what is kept of them, and what is read from a pipe. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>
#include <crypt.h>

#include "cli/password.h"
#include "model/identity.h"

static struct err e;

static void test_hash(void **state)
{
    struct crypt_data *work = calloc(1, sizeof *work);
    char *hash, *again;
    struct identity id;
    json_t *j;

    (void)state;
    assert_non_null(work);
    assert_int_equal(password_hash("correct horse", &hash, &e), 0);
    assert_int_equal(password_hash("correct horse", &again, &e), 0);
    assert_memory_equal(hash, "$y$", 3);
    assert_string_not_equal(hash, again); /* another salt */
    assert_string_equal(crypt_rn("correct horse", hash, work, sizeof *work), hash);
    assert_string_not_equal(crypt_rn("correct house", hash, work, sizeof *work), hash);
    j = json_pack("{s:s}", "password-hash", hash);
    assert_int_equal(identity_from_json("ops", j, &id, &e), 0);
    identity_done(&id);
    json_decref(j);
    free(hash);
    free(again);
    free(work);
}

/* What password_ask() makes of an input that is no terminal: 0 when it is taken as `want`. */
static int piped(const char *input, size_t len, const char *want)
{
    struct crypt_data *work = calloc(1, sizeof *work);
    int p[2], was = dup(STDIN_FILENO), r;
    char *hash = NULL;

    assert_non_null(work);
    assert_int_equal(pipe(p), 0);
    assert_int_equal(write(p[1], input, len), len);
    close(p[1]);
    dup2(p[0], STDIN_FILENO);
    close(p[0]);
    r = password_ask("ops", &hash, &e);
    dup2(was, STDIN_FILENO);
    close(was);
    if (r == 0)
        assert_string_equal(crypt_rn(want, hash, work, sizeof *work), hash);
    free(hash);
    free(work);
    return r;
}

static void test_pipe(void **state)
{
    char longest[600];

    (void)state;
    assert_int_equal(piped("a b\nsecond\n", 11, "a b"), 0);
    assert_int_equal(piped("no end", 6, "no end"), 0);
    assert_int_equal(piped("dos\r\n", 5, "dos"), 0);
    assert_int_equal(piped("", 0, NULL), -1);
    assert_string_equal(e.text, "no password came: standard input is empty");
    assert_int_equal(piped("\n", 1, NULL), -1);
    assert_string_equal(e.text, "an empty password lets everybody in");
    assert_int_equal(piped("a\0b\n", 4, NULL), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_int_equal(piped("a\tb\n", 4, NULL), -1);
    memset(longest, 'x', sizeof longest);
    assert_int_equal(piped(longest, sizeof longest, NULL), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
    assert_null(strstr(e.text, "xxx"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hash),
        cmocka_unit_test(test_pipe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
