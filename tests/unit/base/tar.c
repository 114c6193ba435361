/* Headers of archives: tar(1) reads what is written, and nothing else is read. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/tar.h"

static struct tar_member sample(const char *name, uint64_t size)
{
    struct tar_member m = { .size = size, .mtime_s = 1700000000 };

    snprintf(m.name, sizeof m.name, "%s", name);
    return m;
}

static void test_there_and_back(void **state)
{
    static const uint64_t sizes[] = { 0, 1, 511, 512, 123456789, TAR_OCTAL_MAX,
                                      TAR_OCTAL_MAX + 1, UINT64_C(1) << 40, TAR_SIZE_MAX };
    uint8_t block[TAR_BLOCK];
    struct tar_member m;

    (void)state;
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct tar_member was = sample("store.db", sizes[i]);
        assert_int_equal(tar_header(&was, block, NULL), 0);
        assert_int_equal(tar_parse(block, &m, NULL), 1);
        assert_string_equal(m.name, "store.db");
        assert_true(m.size == sizes[i] && m.mtime_s == was.mtime_s);
    }
}

static void test_tar_lists_it(void **state)
{
    struct tar_member was = sample("MANIFEST", 3);
    uint8_t file[4 * TAR_BLOCK] = { 0 };
    char line[200] = "";
    FILE *f;

    (void)state;
    assert_int_equal(tar_header(&was, file, NULL), 0);
    memcpy(file + TAR_BLOCK, "abc", 3);
    f = popen("tar --utc -tvf - >/tmp/roost-tar.$PPID 2>&1; echo $? >>/tmp/roost-tar.$PPID", "w");
    assert_non_null(f);
    assert_int_equal(fwrite(file, 1, sizeof file, f), sizeof file);
    pclose(f);
    snprintf(line, sizeof line, "/tmp/roost-tar.%d", (int)getpid());
    f = fopen(line, "r");
    assert_non_null(f);
    unlink(line);
    assert_non_null(fgets(line, sizeof line, f));
    assert_string_equal(line, "-rw------- 0/0               3 2023-11-14 22:13 MANIFEST\n");
    assert_non_null(fgets(line, sizeof line, f));
    assert_string_equal(line, "0\n");
    fclose(f);
}

static void test_names(void **state)
{
    static const char *const bad[] = { "", ".", "..", ".x", "a/b", "/etc", "a b", "a\n", "ä" };
    uint8_t block[TAR_BLOCK];
    struct err e;

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct tar_member m = sample(bad[i], 1);
        assert_int_equal(tar_header(&m, block, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
    }
    struct tar_member large = sample("x", TAR_SIZE_MAX + 1);
    assert_int_equal(tar_header(&large, block, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
}

/* Any bit that is turned around is noticed. */
static void test_every_bit_counts(void **state)
{
    struct tar_member was = sample("store.db", 4096), m;
    uint8_t block[TAR_BLOCK];

    (void)state;
    assert_int_equal(tar_header(&was, block, NULL), 0);
    for (int i = 0; i < 8 * TAR_BLOCK; i++) {
        block[i / 8] ^= (uint8_t)(1 << i % 8);
        /* The two bytes behind the sum's digits are taken either way. */
        if (i / 8 < 154 || i / 8 > 155)
            assert_int_equal(tar_parse(block, &m, NULL), -1);
        block[i / 8] ^= (uint8_t)(1 << i % 8);
    }
    memset(block, 0, sizeof block);
    assert_int_equal(tar_parse(block, &m, NULL), 0);
}

static void test_padding(void **state)
{
    (void)state;
    assert_int_equal(tar_padding(0), 0);
    assert_int_equal(tar_padding(1), 511);
    assert_int_equal(tar_padding(512), 0);
    assert_int_equal(tar_padding(TAR_SIZE_MAX), 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_there_and_back), cmocka_unit_test(test_tar_lists_it),
        cmocka_unit_test(test_names),          cmocka_unit_test(test_every_bit_counts),
        cmocka_unit_test(test_padding),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
