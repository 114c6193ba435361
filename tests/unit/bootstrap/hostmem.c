/* The memory of a host, and of the control group that says less. */
#include "bootstrap/hostmem.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"

#define MIB      (1ull << 20)
#define MEMINFO  "MemTotal:        8388608 kB\nMemFree:          100000 kB\nMemAvailable:    4194304 kB\n"

static char root[64];

static void put(const char *path, const char *text)
{
    char full[512], *slash;

    snprintf(full, sizeof full, "%s%s", root, path);
    slash = strrchr(full, '/');
    *slash = '\0';
    assert_int_equal(dir_make_all(full, 0700, NULL), 0);
    *slash = '/';
    auto_close int fd = open(full, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    assert_true(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
}

static int fresh(void **state)
{
    (void)state;
    snprintf(root, sizeof root, "/tmp/roost-hostmem.XXXXXX");
    assert_non_null(mkdtemp(root));
    put("/proc/meminfo", MEMINFO);
    return 0;
}

static int gone(void **state)
{
    (void)state;
    auto_close int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir_remove(tmp, root + strlen("/tmp/"), NULL);
}

static struct hostmem read_it(void)
{
    struct hostmem m;
    struct err e = { 0 };

    if (hostmem_read(root, &m, &e) < 0)
        fail_msg("%s", e.text);
    return m;
}

static void test_host(void **state)
{
    (void)state;
    struct hostmem m = read_it(); /* no control groups at all */
    assert_int_equal(m.total, 8192 * MIB);
    assert_int_equal(m.available, 4096 * MIB);
    assert_false(m.limited);
    put("/proc/self/cgroup", "0::/user.slice\n");
    put("/sys/fs/cgroup/user.slice/memory.max", "max\n");
    assert_false(read_it().limited);
}

static void test_unified(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "0::/system.slice/roost.service\n");
    put("/sys/fs/cgroup/system.slice/roost.service/memory.max", "3221225472\n");
    put("/sys/fs/cgroup/system.slice/roost.service/memory.current", "2147483648\n");
    put("/sys/fs/cgroup/system.slice/roost.service/memory.stat",
        "anon 1073741824\nfile 1073741824\ninactive_file 536870912\n");
    struct hostmem m = read_it();
    assert_true(m.limited);
    assert_int_equal(m.total, 3072 * MIB);
    assert_int_equal(m.available, (3072 - 2048 + 512) * MIB);
    /* One above it gives less. */
    put("/sys/fs/cgroup/system.slice/memory.max", "1073741824\n");
    put("/sys/fs/cgroup/system.slice/memory.current", "2147483648\n");
    m = read_it();
    assert_int_equal(m.total, 1024 * MIB);
    assert_int_equal(m.available, 0);
    /* More than there is says nothing. */
    put("/sys/fs/cgroup/system.slice/memory.max", "max\n");
    put("/sys/fs/cgroup/system.slice/roost.service/memory.max", "99999999999999\n");
    m = read_it();
    assert_false(m.limited);
    assert_int_equal(m.total, 8192 * MIB);
}

static void test_old_hierarchy(void **state)
{
    (void)state;
    put("/proc/self/cgroup", "9:name=systemd:/\n5:cpu,cpuacct:/x\n4:memory:/box/7\n0::/\n");
    put("/sys/fs/cgroup/memory/box/7/memory.limit_in_bytes", "9223372036854771712\n"); /* none */
    assert_false(read_it().limited);
    put("/sys/fs/cgroup/memory/memory.limit_in_bytes", "2147483648\n"); /* a container's own */
    put("/sys/fs/cgroup/memory/memory.usage_in_bytes", "1073741824\n");
    put("/sys/fs/cgroup/memory/memory.stat", "inactive_file 1\ntotal_inactive_file 268435456\n");
    struct hostmem m = read_it();
    assert_true(m.limited);
    assert_int_equal(m.total, 2048 * MIB);
    assert_int_equal(m.available, (1024 + 256) * MIB);
}

static void test_nonsense(void **state)
{
    static const char *const groups[] = { "", "\n", "::::", "0:", "4:memory", "0::" };
    struct hostmem m;
    struct err e;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(groups); i++) {
        put("/proc/self/cgroup", groups[i]);
        assert_int_equal(read_it().total, 8192 * MIB);
    }
    put("/proc/self/cgroup", "0::/a\n");
    put("/sys/fs/cgroup/a/memory.max", "-5\n");
    assert_false(read_it().limited);
    put("/sys/fs/cgroup/a/memory.max", "");
    assert_false(read_it().limited);
    put("/proc/meminfo", "MemTotal: 5 kB\n");
    assert_int_equal(hostmem_read(root, &m, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    put("/proc/meminfo", "MemTotal: 99999999999999999999999 kB\nMemAvailable: 1 kB\n");
    assert_int_equal(hostmem_read(root, &m, &e), -1);
    assert_int_equal(hostmem_read("/nowhere", &m, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
}

static void test_this_host(void **state)
{
    struct hostmem m;
    struct err e;

    (void)state;
    assert_int_equal(hostmem_read("", &m, &e), 0);
    assert_true(m.total >= m.available && m.total > 64 * MIB);
    assert_true(hostmem_resident("", getpid()) > 4096);
    assert_int_equal(hostmem_resident("", 0x7ffffff0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_host, fresh, gone),
        cmocka_unit_test_setup_teardown(test_unified, fresh, gone),
        cmocka_unit_test_setup_teardown(test_old_hierarchy, fresh, gone),
        cmocka_unit_test_setup_teardown(test_nonsense, fresh, gone),
        cmocka_unit_test(test_this_host),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
