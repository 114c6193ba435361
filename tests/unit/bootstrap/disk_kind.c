/* Formats by content, and what may not name another file; made by the real qemu-img. */
#include "bootstrap/disk_kind.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "bootstrap/disk_head.h"

static char dir[] = "/tmp/roost-kind.XXXXXX";
static char head[DISK_HEAD_SIZE];

static size_t make(const char *command, const char *file)
{
    char line[512];
    auto_close int fd = -1;

    snprintf(line, sizeof line, "cd %s && %s", dir, command);
    if (system(line) != 0)
        fail_msg("%s", line);
    snprintf(line, sizeof line, "%s/%s", dir, file);
    fd = open(line, O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    ssize_t n = read(fd, head, sizeof head);
    assert_true(n >= 0);
    return (size_t)n;
}

static void test_kinds(void **state)
{
    static const struct {
        const char *make, *file, *qemu;
        enum disk_format format;
        uint64_t size; /* 0: not told */
    } rows[] = {
        { "qemu-img create -q -f qcow2 a.qcow2 3M", "a.qcow2", "qcow2", DISK_QCOW2, 3 << 20 },
        { "qemu-img create -q -f qcow2 -o compat=0.10 b 1M", "b", "qcow2", DISK_QCOW2, 1 << 20 },
        { "truncate -s 1M c.qcow2", "c.qcow2", "raw", DISK_RAW, 1 << 20 },
        { "qemu-img create -q -f vmdk d 1M", "d", "vmdk", DISK_NONE, 0 },
        { "qemu-img create -q -f vmdk -o subformat=streamOptimized e 1M", "e", "vmdk", DISK_NONE, 0 },
        { "qemu-img create -q -f vhdx f 1M", "f", "vhdx", DISK_NONE, 0 },
        { "qemu-img create -q -f vpc g 1M", "g", "vpc", DISK_NONE, 0 },
        { "qemu-img create -q -f vdi h.raw 1M", "h.raw", "vdi", DISK_NONE, 0 },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct disk_kind *k = NULL;
        struct err e = { 0 };
        size_t n = make(rows[i].make, rows[i].file);
        if (disk_kind_of(head, n, &k, &e) < 0)
            fail_msg("%s: %s", rows[i].make, e.text);
        assert_string_equal(k->qemu, rows[i].qemu);
        assert_int_equal(k->format, rows[i].format);
        assert_int_equal(disk_kind_size(k, head, n, 1 << 20), rows[i].size);
    }
}

static void test_refused(void **state)
{
    static const struct {
        const char *make, *file, *why;
    } rows[] = {
        { "qemu-img create -q -f qcow2 -b a.qcow2 -F qcow2 child", "child",
          "backing file (a.qcow2)" },
        { "qemu-img create -q -f qcow2 -u -b /etc/shadow -F raw spy 1M", "spy",
          "backing file (/etc/shadow)" },
        { "qemu-img create -q -f qcow2 -o data_file=other.raw outside 1M", "outside",
          "data in another file" },
        { "cp a.qcow2 locked && printf '\\0\\0\\0\\2' | "
          "dd of=locked bs=1 seek=32 conv=notrunc status=none",
          "locked", "encrypted" },
        { "qemu-img create -q -f vmdk -o subformat=monolithicFlat flat.vmdk 1M", "flat.vmdk",
          "VMDK descriptor" },
        { "qemu-img create -q -f vmdk base.vmdk 1M && "
          "qemu-img create -q -f vmdk -b base.vmdk -F vmdk over.vmdk",
          "over.vmdk", "parent" },
        { "printf 'QFI\\373\\0\\0\\0\\1' >old && truncate -s 4096 old", "old", "version 1" },
        { "head -c 60 a.qcow2 >cut", "cut", "cut off" },
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        const struct disk_kind *k = NULL;
        struct err e = { 0 };
        size_t n = make(rows[i].make, rows[i].file);
        assert_int_equal(disk_kind_of(head, n, &k, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        if (!strstr(e.text, rows[i].why))
            fail_msg("%s: \"%s\" does not say \"%s\"", rows[i].make, e.text, rows[i].why);
        assert_null(k);
    }
}

/* Wherever it is cut, nothing behind its end is read. */
static void test_cut(void **state)
{
    static const char *const files[] = { "a.qcow2", "d", "f", "g", "h.raw" };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        size_t n = make("true", files[i]);
        for (size_t len = 0; len < n && len < 1200; len++) {
            char *copy = malloc(len + 1);
            const struct disk_kind *k;
            assert_non_null(copy);
            memcpy(copy, head, len);
            disk_kind_of(copy, len, &k, NULL);
            free(copy);
        }
    }
}

static int make_dir(void **state)
{
    (void)state;
    return mkdtemp(dir) ? 0 : -1;
}

static int remove_dir(void **state)
{
    (void)state;
    auto_close int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir_remove(tmp, dir + strlen("/tmp/"), NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_cut),
    };
    return cmocka_run_group_tests(tests, make_dir, remove_dir);
}
