/* What is taken for a disk, and what is told from it before it is copied. */
#include "bootstrap/disk_head.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"

static char head[DISK_HEAD_SIZE];

/* Zeros with some bytes in them. */
static int check_with(size_t at, const char *bytes, size_t len, uint64_t size, bool *ret_marked,
                      struct err *e)
{
    memset(head, 0, sizeof head);
    if (len)
        memcpy(head + at, bytes, len);
    return disk_head_check(head, size < sizeof head ? size : sizeof head, size, ret_marked, e);
}

static void test_disks(void **state)
{
    static const struct {
        size_t at;
        const char *bytes;
        size_t len;
    } rows[] = {
        { 0, "QFI\xfb", 4 },      { 510, "\x55\xaa", 2 }, { 512, "EFI PART", 8 },
        { 4096, "EFI PART", 8 },  { 32769, "CD001", 5 },  { 1080, "\x53\xef", 2 },
        { 65600, "_BHRfS_M", 8 }, { 0, "XFSB", 4 },       { 0, "# Disk DescriptorFile", 21 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct err e = { 0 };
        bool marked = false;
        if (check_with(rows[i].at, rows[i].bytes, rows[i].len, 1 << 20, &marked, &e) < 0)
            fail_msg("%zu: %s", i, e.text);
        assert_true(marked);
        /* Its mark lies behind the end of a shorter file. */
        marked = true;
        assert_int_equal(check_with(rows[i].at, rows[i].bytes, rows[i].len, 512, &marked, &e),
                         rows[i].at > 0 && rows[i].at < 510 ? -1 : 0);
        assert_int_equal(marked, rows[i].at + rows[i].len <= 512);
    }
}

static void test_no_disks(void **state)
{
    static const char page[] = "<!DOCTYPE html>\n<html><head><title>404 Not Found</title>\n";
    static const struct {
        size_t at;
        const char *bytes;
        size_t len;
        uint64_t size;
        const char *says;
    } rows[] = {
        { 0, page, sizeof page - 1, sizeof page - 1, "it is text" },
        { 0,
          "\xfd"
          "7zXZ",
          6, 1 << 20, "unxz" },
        { 0, "\x1f\x8b\x08", 3, 1 << 20, "gunzip" },
        { 0, "\x28\xb5\x2f\xfd", 4, 1 << 20, "unzstd" },
        { 257, "ustar", 5, 1 << 20, "tar archive" },
        { 0, "070701", 6, 1 << 20, "initrd" },
        { 0, "", 0, 0, "it is empty" },
        { 0, "", 0, 1000, "1000 bytes are no whole number of sectors" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct err e = { 0 };
        bool marked;
        assert_int_equal(
            check_with(rows[i].at, rows[i].bytes, rows[i].len, rows[i].size, &marked, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        if (!strstr(e.text, rows[i].says))
            fail_msg("%zu: %s", i, e.text);
    }
}

/* Whole sectors without a mark may be anything: that is for the caller to say. */
static void test_unmarked(void **state)
{
    struct err e = { 0 };
    bool marked = true;

    (void)state;
    assert_int_equal(check_with(0, "", 0, 4096, &marked, &e), 0);
    assert_false(marked);
    /* A page in a file that goes on in binary. */
    memset(head, 'x', sizeof head);
    assert_int_equal(disk_head_check(head, sizeof head, 1 << 20, &marked, &e), -1);
    head[100] = '\0';
    assert_int_equal(disk_head_check(head, sizeof head, 1 << 20, &marked, &e), 0);
}

/* The real tools' own marks. */
static void test_real_file_systems(void **state)
{
    static const char *const tools[] = { "mkfs.ext4 -q -F", "mkfs.vfat" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(tools); i++) {
        char file[] = "/tmp/roost-head-XXXXXX", command[160];
        auto_close int fd = mkstemp(file);
        struct err e = { 0 };
        bool marked = false;
        assert_int_equal(ftruncate(fd, 4 << 20), 0);
        snprintf(command, sizeof command, "PATH=$PATH:/sbin:/usr/sbin %s %s >/dev/null 2>&1",
                 tools[i], file);
        int status = system(command);
        ssize_t n = pread(fd, head, sizeof head, 0);
        unlink(file);
        if (WIFEXITED(status) && WEXITSTATUS(status) == 127)
            continue; /* not here */
        assert_int_equal(status, 0);
        assert_int_equal(disk_head_check(head, n, 4 << 20, &marked, &e), 0);
        assert_true(marked);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_disks),
        cmocka_unit_test(test_no_disks),
        cmocka_unit_test(test_unmarked),
        cmocka_unit_test(test_real_file_systems),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
