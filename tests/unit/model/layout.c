#include "model/layout.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/encode.h"

/* A directory of the test's own, and an environment without what could decide. */
struct world {
    char dir[64];
};

static int setup(void **state)
{
    static struct world w;

    strcpy(w.dir, "/tmp/roost-layout-XXXXXX");
    if (!mkdtemp(w.dir) || chdir(w.dir) < 0)
        return -1;
    unsetenv("ROOST_STATE");
    unsetenv("XDG_STATE_HOME");
    unsetenv("XDG_RUNTIME_DIR");
    setenv("HOME", "/home/someone", 1);
    *state = &w;
    return 0;
}

static int teardown(void **state)
{
    const struct world *w = *state;

    unlink("link");
    unlink("dangling");
    rmdir("real/state");
    rmdir("real");
    return chdir("/") < 0 ? -1 : rmdir(w->dir);
}

static void test_default_state(void **state)
{
    (void)state;
    char path[PATH_SIZE], want[PATH_SIZE], cwd[512];
    struct err e;

    assert_int_equal(layout_default_state(true, path, &e), 0);
    assert_string_equal(path, "/var/lib/roost");
    assert_int_equal(layout_default_state(false, path, &e), 0);
    assert_string_equal(path, "/home/someone/.local/state/roost");
    setenv("XDG_STATE_HOME", "relative", 1); /* to be ignored, says the specification */
    assert_int_equal(layout_default_state(false, path, &e), 0);
    assert_string_equal(path, "/home/someone/.local/state/roost");
    setenv("XDG_STATE_HOME", "/home/someone/xdg", 1);
    assert_int_equal(layout_default_state(false, path, &e), 0);
    assert_string_equal(path, "/home/someone/xdg/roost");
    setenv("ROOST_STATE", "/srv/roost", 1);
    assert_int_equal(layout_default_state(false, path, &e), 0);
    assert_string_equal(path, "/srv/roost");
    setenv("ROOST_STATE", "here", 1);
    assert_int_equal(layout_default_state(false, path, &e), 0);
    assert_non_null(getcwd(cwd, sizeof cwd));
    snprintf(want, sizeof want, "%s/here", cwd);
    assert_string_equal(path, want);
    assert_int_equal(layout_default_state(true, path, &e), 0);
    assert_string_equal(path, "/var/lib/roost");
}

static void run_of(const char *state, char ret[PATH_SIZE])
{
    struct err e;

    if (layout_run_dir(true, state, ret, &e) < 0)
        fail_msg("%s: %s", state, e.text);
}

static void test_id_is_of_the_resolved_path(void **state)
{
    const struct world *w = *state;
    char before[PATH_SIZE], path[PATH_SIZE], want[PATH_SIZE], absolute[PATH_SIZE];
    uint8_t digest[SHA256_SIZE];
    char hex[2 * SHA256_SIZE + 1], real[PATH_SIZE];

    assert_non_null(realpath(w->dir, real));
    assert_true(strlen(real) < 100);
    snprintf(absolute, sizeof absolute, "%.100s/real/state", real);
    sha256(absolute, strlen(absolute), digest);
    hex_encode(digest, sizeof digest, hex);
    snprintf(want, sizeof want, "/run/roost/%.8s", hex);

    run_of(absolute, before); /* nothing of it exists */
    assert_string_equal(before, want);
    assert_int_equal(mkdir("real", 0700), 0);
    run_of("real/state", path);
    assert_string_equal(path, want);
    run_of("./real//./state/", path);
    assert_string_equal(path, want);
    assert_int_equal(symlink("real", "link"), 0);
    run_of("link/state", path);
    assert_string_equal(path, want);
    assert_int_equal(mkdir("real/state", 0700), 0);
    run_of("link/state/", path);
    assert_string_equal(path, want);
    run_of("real/../link/state", path);
    assert_string_equal(path, want);
    run_of("real", path);
    assert_string_not_equal(path, want);
}

static void test_state_that_cannot_be(void **state)
{
    (void)state;
    char path[PATH_SIZE] = "kept";
    struct err e;

    assert_int_equal(layout_run_dir(true, "missing/../state", path, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_int_equal(symlink("nowhere", "dangling"), 0);
    assert_int_equal(layout_run_dir(true, "dangling", path, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_non_null(strstr(e.text, "dangling"));
    assert_int_equal(layout_run_dir(true, "/dev/null/state", path, &e), -1);
    assert_int_equal(e.kind, ERR_IO);
    char large[2 * PATH_SIZE];
    memset(large, 'a', sizeof large);
    large[0] = '/';
    large[sizeof large - 1] = '\0';
    assert_int_equal(layout_run_dir(true, large, path, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
    assert_string_equal(path, "kept");
}

static void test_rootless_run(void **state)
{
    (void)state;
    char path[PATH_SIZE], system[PATH_SIZE], want[PATH_SIZE], user[64];
    const char *id = system + strlen("/run/roost/");
    struct stat st;
    struct err e;

    run_of("state", system);
    assert_int_equal(strlen(id), 8);
    setenv("XDG_RUNTIME_DIR", "/run/user/1000", 1);
    assert_int_equal(layout_run_dir(false, "state", path, &e), 0);
    snprintf(want, sizeof want, "/run/user/1000/roost/%.8s", id);
    assert_string_equal(path, want);
    setenv("XDG_RUNTIME_DIR", "relative", 1);
    assert_int_equal(layout_run_dir(false, "state", path, &e), 0);
    snprintf(user, sizeof user, "/run/user/%u", geteuid());
    if (lstat(user, &st) || !S_ISDIR(st.st_mode) || st.st_uid != geteuid())
        snprintf(want, sizeof want, "/tmp/roost-%u/%.8s", geteuid(), id);
    else
        snprintf(want, sizeof want, "%s/roost/%.8s", user, id);
    assert_string_equal(path, want);
}

/* The longest name's socket must fit into sun_path: 107 bytes and the NUL. */
static void test_sockets_fit(void **state)
{
    (void)state;
    char xdg[64] = "/", path[PATH_SIZE] = "kept", sock[PATH_SIZE];
    struct name n = { { 0 } };
    struct err e;

    memset(n.s, 'a', NAME_MAX_LEN);
    memset(xdg + 1, 'x', 24);
    setenv("XDG_RUNTIME_DIR", xdg, 1);
    assert_int_equal(layout_run_dir(false, "state", path, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_non_null(strstr(e.text, "XDG_RUNTIME_DIR"));
    assert_non_null(strstr(e.text, "at most 24 bytes"));
    assert_string_equal(path, "kept");
    xdg[24] = '\0'; /* 24 bytes */
    setenv("XDG_RUNTIME_DIR", xdg, 1);
    assert_int_equal(layout_run_dir(false, "state", path, &e), 0);
    layout_socket(path, &n, SUFFIX_QMP, sock);
    assert_int_equal(strlen(sock), 107);
    layout_socket("/run/roost/01234567", &(struct name){ "web1" }, SUFFIX_CONSOLE, sock);
    assert_string_equal(sock, "/run/roost/01234567/web1.con");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_default_state, setup, teardown),
        cmocka_unit_test_setup_teardown(test_id_is_of_the_resolved_path, setup, teardown),
        cmocka_unit_test_setup_teardown(test_state_that_cannot_be, setup, teardown),
        cmocka_unit_test_setup_teardown(test_rootless_run, setup, teardown),
        cmocka_unit_test_setup_teardown(test_sockets_fit, setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
