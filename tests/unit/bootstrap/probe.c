#include "bootstrap/probe.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/spawn.h"
#include "bootstrap/probe_boot.h"
#include "model/layout.h"

static struct loop *loop;
static char dir[] = "/tmp/roost-probe-XXXXXX";
static int dirfd_;

static int setup(void **state)
{
    (void)state;
    loop = loop_new(NULL);
    if (!loop || !mkdtemp(dir))
        return -1;
    dirfd_ = open(dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    return dirfd_ < 0 ? -1 : 0;
}

static int teardown(void **state)
{
    (void)state;
    loop_free(loop);
    close(dirfd_);
    char command[64];
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return system(command);
}

static const char *script(const char *name, const char *text)
{
    static char path[128];
    assert_int_equal(file_replace(dirfd_, name, text, strlen(text), 0755, NULL, NULL), 0);
    snprintf(path, sizeof(path), "%s/%s", dir, name);
    return path;
}

struct got {
    int n;
    struct accel_report r;
};

static void done_cb(const struct accel_report *r, void *arg)
{
    struct got *g = arg;
    g->n++;
    g->r = *r;
}

static struct accel_report probe(const struct probe_opts *o, int64_t *ret_ms)
{
    struct got g = { .n = 0 };
    int64_t start = clock_now().boot_ms;
    assert_non_null(probe_start(loop, o, done_cb, &g, NULL));
    assert_int_equal(g.n, 0); /* never from probe_start itself */
    while (!g.n)
        assert_int_equal(loop_turn(loop, -1, NULL), 0);
    assert_int_equal(g.n, 1);
    if (ret_ms)
        *ret_ms = clock_now().boot_ms - start;
    return g.r;
}

static const struct probe_opts usual = {
#ifdef __aarch64__
    .arch = ARCH_ARM64,
    .qemu = "qemu-system-aarch64",
#else
    .arch = ARCH_AMD64,
    .qemu = "qemu-system-x86_64",
#endif
    .kvm = "/dev/kvm",
    .state_dir = -1,
    .limit_ms = 5000
};

/* Whatever this machine is: an answer within the limit, with a reason that fits it. */
static void test_here(void **state)
{
    (void)state;
    int64_t ms;
    struct accel_report r = probe(&usual, &ms);
    assert_true(ms < 5500);
    assert_true(strncmp(r.qemu_version, "7.", 2) >= 0);
    if (r.accel == ACCEL_KVM)
        assert_string_equal(r.reason, "KVM runs guest code");
    else
        assert_non_null(strstr(r.reason, "/dev/kvm"));
}

static void test_absent(void **state)
{
    (void)state;
    struct probe_opts o = usual;
    o.kvm = "/nonexistent/kvm";
    struct accel_report r = probe(&o, NULL);
    assert_int_equal(r.accel, ACCEL_TCG);
    assert_int_equal(strncmp(r.reason, "no /nonexistent/kvm: the ", 25), 0);
    assert_true(r.qemu_version[0] != '\0');

    o.arch = ARCH_ARM64; /* the reasons are others there, and no module helps */
    r = probe(&o, NULL);
    assert_non_null(strstr(r.reason, "EL2"));
    assert_null(strstr(r.reason, "modprobe"));
}

/* systemd-tmpfiles makes the node from the modules' static ones, whether they load or not. */
static void test_node_without_a_driver(void **state)
{
    (void)state;
    char node[64];
    struct probe_opts o = usual;
    struct accel_report r;
    int fd;
    snprintf(node, sizeof(node), "%s/node", dir);
    if (mknod(node, S_IFCHR | 0600, makedev(10, 251)) < 0)
        skip();
    fd = open(node, O_RDWR | O_CLOEXEC);
    if (fd >= 0 || errno != ENODEV)
        skip();
    o.kvm = node;
    r = probe(&o, NULL);
    assert_int_equal(r.accel, ACCEL_TCG);
    assert_non_null(strstr(r.reason, "no KVM behind "));
    assert_non_null(strstr(r.reason, ": the "));
}

/* What a cgroup without the device answers, root too; here by a file that nobody may write to. */
static void test_forbidden_device(void **state)
{
    (void)state;
    struct probe_opts o = usual;
    struct accel_report r;
    o.kvm = script("immutable", "");
    int fd = open(o.kvm, O_RDONLY | O_CLOEXEC), flags = FS_IMMUTABLE_FL, none = 0;
    if (ioctl(fd, FS_IOC_SETFLAGS, &flags) < 0) {
        close(fd);
        skip();
    }
    r = probe(&o, NULL);
    assert_int_equal(ioctl(fd, FS_IOC_SETFLAGS, &none), 0);
    close(fd);
    assert_int_equal(r.accel, ACCEL_TCG);
    assert_non_null(strstr(r.reason, "DeviceAllow="));
}

static void test_another_device(void **state)
{
    (void)state;
    struct kvm_sight none, first, again, second;
    const char *path = "/nonexistent/kvm";
    kvm_look(path, &none);
    assert_int_equal(none.error, ENOENT);
    path = script("device", "one");
    kvm_look(path, &first);
    kvm_look(path, &again);
    assert_int_equal(first.error, 0);
    assert_true(kvm_same(&first, &again));
    assert_false(kvm_same(&first, &none));
    path = script("device", "another"); /* a file in its place */
    kvm_look(path, &second);
    assert_false(kvm_same(&first, &second));
}

static void test_opens_but_is_none(void **state)
{
    (void)state;
    struct probe_opts o = usual;
    o.kvm = script("plain", "no device\n");
    struct accel_report r = probe(&o, NULL);
    assert_int_equal(r.accel, ACCEL_TCG);
    assert_non_null(strstr(r.reason, "opens, but is no KVM"));
}

static void test_no_qemu(void **state)
{
    (void)state;
    struct probe_opts o = usual;
    o.qemu = "/nonexistent/qemu";
    struct accel_report r = probe(&o, NULL);
    assert_string_equal(r.qemu_version, "");
    assert_int_equal(strncmp(r.reason, "QEMU is missing", 15), 0);
    o.qemu = script("true", "#!/bin/sh\nexit 3\n");
    r = probe(&o, NULL);
    assert_string_equal(r.qemu_version, "");
    assert_non_null(strstr(r.reason, "exit code 3"));
}

static void test_hangs_at_version(void **state)
{
    (void)state;
    struct probe_opts o = usual;
    int64_t ms;
    o.qemu = script("hang", "#!/bin/sh\nexec sleep 60\n");
    o.limit_ms = 300;
    struct accel_report r = probe(&o, &ms);
    assert_int_equal(r.accel, ACCEL_TCG);
    assert_non_null(strstr(r.reason, "timed out"));
    assert_true(ms >= 290 && ms < 4000);
}

/* A grandchild outside the process group keeps the output open for ever. */
static void test_grandchild_hangs(void **state)
{
    (void)state;
    struct probe_opts o = usual;
    int64_t ms;
    o.qemu = script("grand", "#!/bin/sh\nsetsid sleep 3 &\nexit 0\n");
    o.limit_ms = 300;
    struct accel_report r = probe(&o, &ms);
    assert_int_equal(r.accel, ACCEL_TCG);
    assert_true(ms >= 290 && ms < 4000);
}

/* The guest itself: needs a device that passes for KVM. */
static void test_guest_runs(void **state)
{
    (void)state;
    static const struct {
        enum arch arch;
        const char *then, *reason;
        enum accel accel;
    } cases[] = {
        { ARCH_AMD64, "exec sleep 60", "hung", ACCEL_TCG },
        { ARCH_AMD64, "setsid sleep 3 & wait", "hung", ACCEL_TCG },
        { ARCH_AMD64, "echo 'no MSR' >&2; kill -ABRT $$", "(Aborted): no MSR", ACCEL_TCG },
        { ARCH_AMD64, "exit 1", "exit code 1", ACCEL_TCG },
        { ARCH_AMD64, "exit 33", "KVM runs guest code", ACCEL_KVM },
        { ARCH_ARM64, "printf ro; exec sleep 60", "hung", ACCEL_TCG },
        { ARCH_ARM64, "echo 'no GIC' >&2; exit 1", "exit code 1: no GIC", ACCEL_TCG },
        { ARCH_ARM64, "exit 0", "failed", ACCEL_TCG }, /* off, and nobody said why */
        { ARCH_ARM64, "printf roo", "failed", ACCEL_TCG },
        { ARCH_ARM64, "printf roost; exit 33", "exit code 33", ACCEL_TCG },
        { ARCH_ARM64, "printf roost", "KVM runs guest code", ACCEL_KVM },
    };
    if (access("/dev/kvm", R_OK | W_OK) < 0)
        skip();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        struct probe_opts o = usual;
        char text[300];
        int64_t ms;
        snprintf(text, sizeof(text),
                 "#!/bin/sh\ncase $1 in --version) echo 'QEMU emulator version 9.9 (x)'; exit;; "
                 "esac\n%s\n",
                 cases[i].then);
        o.arch = cases[i].arch;
        o.qemu = script("fake", text);
        o.limit_ms = 500;
        struct accel_report r = probe(&o, &ms);
        assert_int_equal(r.accel, cases[i].accel);
        assert_string_equal(r.qemu_version, "9.9 (x)");
        assert_non_null(strstr(r.reason, cases[i].reason));
        assert_true(ms < 2000);
    }
}

static void test_cached(void **state)
{
    (void)state;
    static const char fake[] = "#!/bin/sh\ncase $1 in --version) echo 'QEMU emulator version 9.9'; "
                               "exit;; esac\necho run >>%s/runs\nexit 33\n";
    char text[300];
    struct probe_opts o = usual;
    auto_buf struct buf b = BUF_INIT;
    if (access("/dev/kvm", R_OK | W_OK) < 0)
        skip();
    snprintf(text, sizeof(text), fake, dir);
    o.arch = ARCH_AMD64;
    o.qemu = script("counted", text);
    o.state_dir = dirfd_;
    for (int i = 0; i < 3; i++)
        assert_int_equal(probe(&o, NULL).accel, ACCEL_KVM);
    assert_int_equal(file_read(dirfd_, "runs", 100, &b, NULL), 0);
    assert_string_equal(buf_str(&b), "run\n");
    assert_int_equal(file_read(dirfd_, FILE_ACCEL, 10000, &b, NULL), 0);
    assert_int_equal(strncmp(buf_str(&b), "kvm\n", 4), 0); /* what vm.sh reads */

    strcat(text, "# another QEMU\n");
    script("counted", text);
    assert_int_equal(probe(&o, NULL).accel, ACCEL_KVM);
    assert_int_equal(file_read(dirfd_, "runs", 100, &b, NULL), 0);
    assert_string_equal(buf_str(&b), "run\nrun\n");
}

/* What the reason told to do is done: the next start finds the device. So with a longer limit. */
static void test_mended(void **state)
{
    (void)state;
    static const char slow[] = "#!/bin/sh\ncase $1 in --version) echo 'QEMU emulator version 9.9'; "
                               "exit;; esac\nsleep 1\nexit 33\n";
    struct probe_opts o = usual;
    auto_buf struct buf b = BUF_INIT;
    if (access("/dev/kvm", R_OK | W_OK) < 0)
        skip();
    o.qemu = script("slow", slow);
    o.state_dir = dirfd_;
    o.kvm = "/nonexistent/kvm";
    assert_non_null(strstr(probe(&o, NULL).reason, "no /nonexistent/kvm"));
    assert_int_equal(file_read(dirfd_, FILE_ACCEL, 10000, &b, NULL), 0);
    assert_int_equal(strncmp(buf_str(&b), "tcg\n", 4), 0);
    o.kvm = "/dev/kvm";
    o.limit_ms = 300;
    assert_non_null(strstr(probe(&o, NULL).reason, "hung"));
    o.limit_ms = 5000;
    assert_string_equal(probe(&o, NULL).reason, "KVM runs guest code");
}

static void test_forced(void **state)
{
    (void)state;
    struct probe_opts o = usual;
    o.forced = true;
    o.force = ACCEL_KVM;
    o.kvm = "/nonexistent/kvm";
    struct accel_report r = probe(&o, NULL);
    assert_int_equal(r.accel, ACCEL_KVM);
    assert_string_equal(r.reason, "kvm by configuration");
    assert_true(r.qemu_version[0] != '\0');
}

static void test_cancel(void **state)
{
    (void)state;
    struct got g = { .n = 0 };
    struct probe_opts o = usual;
    o.qemu = script("hang2", "#!/bin/sh\nexec sleep 60\n");
    probe_cancel(probe_start(loop, &o, done_cb, &g, NULL));
    probe_cancel(NULL);
    assert_int_equal(loop_turn(loop, 0, NULL), 0);
    assert_int_equal(g.n, 0);
}

/* --- the guest code --------------------------------------------------------------------------- */

struct ended {
    bool done, timed_out;
    int status;
    char said[64];
};

static void ended_cb(const struct spawn_exit *x, void *arg)
{
    struct ended *r = arg;
    r->done = true;
    r->timed_out = x->timed_out;
    r->status = x->status;
    snprintf(r->said, sizeof(r->said), "%s", buf_str(x->out));
}

/* The real QEMU with the arguments of the probe, but for the accelerator. */
static struct ended boot(enum arch a, const char *qemu, const char *more, const void *code,
                         int64_t ms)
{
    const struct probe_boot *b = probe_boot_of(a);
    auto_argv struct argv args = ARGV_INIT;
    struct spawn_opts o = SPAWN_OPTS_INIT;
    struct ended r = { .done = false };
    char file[64];
    assert_int_equal(file_replace(dirfd_, "image", code, b->size, 0600, NULL, NULL), 0);
    snprintf(file, sizeof(file), "%s/image", dir);
    assert_int_equal(truncate(file, b->image), 0);
    argv_add(&args, qemu);
    probe_boot_args(a, ACCEL_TCG, file, &args);
    argv_add(&args, "-machine");
    argv_add(&args, more);
    o.capture = true;
    o.own_session = true;
    o.limit_ms = ms;
    assert_non_null(child_spawn(loop, &args, &o, ended_cb, &r, NULL));
    while (!r.done)
        assert_int_equal(loop_turn(loop, -1, NULL), 0);
    return r;
}

/* It does what its listing says. Returns how long that takes here, in milliseconds. */
static int64_t boots(enum arch a, const char *qemu, const char *more)
{
    const struct probe_boot *b = probe_boot_of(a);
    int64_t start = clock_now().boot_ms;
    struct ended r = boot(a, qemu, more, b->code, 60000);
    assert_false(r.timed_out);
    assert_int_equal(r.status, b->status << 8);
    if (b->said)
        assert_string_equal(r.said, b->said);
    return clock_now().boot_ms - start;
}

static void test_boot_code_amd64(void **state)
{
    (void)state;
    if (system("qemu-system-x86_64 --version >/dev/null 2>&1") != 0) {
        print_message("SKIPPED: qemu-system-x86_64 is missing (make deps)\n");
        skip();
    }
    boots(ARCH_AMD64, "qemu-system-x86_64", "graphics=off");
}

/* Interrupt controllers of both versions: a host has one of them, and guests on KVM get that. */
static void test_boot_code_arm64(void **state)
{
    (void)state;
    static const char qemu[] = "qemu-system-aarch64";
    if (system("qemu-system-aarch64 --version >/dev/null 2>&1") != 0) {
        print_message("SKIPPED: qemu-system-aarch64 is missing (make deps)\n");
        skip();
    }
    boots(ARCH_ARM64, qemu, "gic-version=max");
    boots(ARCH_ARM64, qemu, "gic-version=2");
    int64_t ms = boots(ARCH_ARM64, qemu, "gic-version=3");

    /* As on a KVM that delivers no interrupts: it comes so far, and waits. */
    uint32_t deaf[128];
    assert_true(probe_boot_arm64.size < sizeof(deaf));
    memcpy(deaf, probe_boot_arm64.code, probe_boot_arm64.size);
    assert_int_equal(deaf[0x64 / 4], 0x52a10006); /* the interrupt that it enables */
    deaf[0x64 / 4] = 0x52800006;                  /* mov w6, #0 */
    struct ended r = boot(ARCH_ARM64, qemu, "gic-version=3", deaf, 500 + 3 * ms);
    assert_true(r.timed_out);
    assert_string_equal(r.said, "roo");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_here),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_node_without_a_driver),
        cmocka_unit_test(test_forbidden_device),
        cmocka_unit_test(test_another_device),
        cmocka_unit_test(test_opens_but_is_none),
        cmocka_unit_test(test_no_qemu),
        cmocka_unit_test(test_hangs_at_version),
        cmocka_unit_test(test_grandchild_hangs),
        cmocka_unit_test(test_guest_runs),
        cmocka_unit_test(test_cached),
        cmocka_unit_test(test_mended),
        cmocka_unit_test(test_forced),
        cmocka_unit_test(test_cancel),
        cmocka_unit_test(test_boot_code_amd64),
        cmocka_unit_test(test_boot_code_arm64),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
