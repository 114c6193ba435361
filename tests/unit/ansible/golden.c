/* tests/golden/ansible/CASE/hosts.yaml gives inventory.yaml, inventory.json, known_hosts and
 * ssh_config beside it;
 * REGEN=1 rewrites them. Real consumers read them in tests/integration/test_generated_files.py. */
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "rows.h"

static void compare(const char *path, const struct buf *got)
{
    auto_buf struct buf want = BUF_INIT;

    if (getenv("REGEN")) {
        auto_fclose FILE *out = fopen(path, "w");
        assert_non_null(out);
        fputs(buf_str(got), out);
        return;
    }
    assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &want, NULL), 0);
    if (strcmp(buf_str(got), buf_str(&want)) != 0)
        fail_msg("%s: got\n%s", path, buf_str(got));
}

static void golden(const char *dir)
{
    struct rows rows;
    struct buf out[GOLDEN_FILES] = { BUF_INIT };
    struct err e;
    char path[512];

    snprintf(path, sizeof(path), "%s/hosts.yaml", dir);
    if (rows_load(path, &rows, &e) < 0 || rows_render(&rows, out, &e) < 0)
        fail_msg("%s: %s", dir, e.text);
    for (int i = 0; i < GOLDEN_FILES; i++) {
        snprintf(path, sizeof(path), "%s/%s", dir, golden_files[i]);
        compare(path, &out[i]);
        buf_done(&out[i]);
    }
    json_decref(rows.tree);
}

static void test_golden(void **state)
{
    (void)state;
    glob_t found;

    assert_int_equal(glob("tests/golden/ansible/*", 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= 4);
    for (size_t i = 0; i < found.gl_pathc; i++)
        golden(found.gl_pathv[i]);
    globfree(&found);
}

/* For test_generated_files.py: golden HOSTS OUTDIR writes what the room makes of other hosts. */
static int render(const char *hosts, const char *dir)
{
    struct buf out[GOLDEN_FILES] = { 0 };
    auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct rows rows = { 0 };
    struct err e;
    for (int i = 0; i < GOLDEN_FILES; i++)
        out[i].cap = 1u << 30;
    int r = fd < 0 ? err_sys(&e, "%s", dir) : rows_load(hosts, &rows, &e);

    if (r == 0)
        r = rows_render(&rows, out, &e);
    for (int i = 0; i < GOLDEN_FILES; i++) {
        if (r == 0)
            r = file_replace(fd, golden_files[i], buf_str(&out[i]), out[i].len, 0644, NULL, &e);
        buf_done(&out[i]);
    }
    json_decref(rows.tree);
    if (r < 0)
        fprintf(stderr, "%s\n", e.text);
    return r < 0;
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
    };

    return argc == 3 ? render(argv[1], argv[2]) : cmocka_run_group_tests(tests, NULL, NULL);
}
