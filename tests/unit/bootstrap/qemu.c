/* QEMU's arguments and vm.sh: against what was reviewed (tests/golden/bootstrap/CASE/), and against
 * the real QEMU, which has to start with them, answer QMP and leave. */
#include "bootstrap/qemu.h"

#include <fcntl.h>
#include <linux/if_tun.h>
#include <net/if.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/spawn.h"
#include "bootstrap/qmp.h"
#include "bootstrap/smbios.h"
#include "bootstrap/vmsh.h"
#include "model/layout.h"

#define OVMF_CODE  "/usr/share/OVMF/OVMF_CODE_4M.fd"
#define OVMF_VARS  "/usr/share/OVMF/OVMF_VARS_4M.fd"
#define AAVMF_CODE "/usr/share/AAVMF/AAVMF_CODE.fd"

enum { FIRST_FD = 20 };

struct test_case {
    const char *name;
    enum accel accel;
    enum firmware firmware;
    enum disk_format format;
    bool kernel, initrd, seed;
    uint32_t cpus;
    const char *domain;
    bool tap;
    uint16_t mtu;
    const struct drive *root, *drives;
    uint32_t n_drives;
    enum arch arch;
    bool nics; /* two further ones: a tap on dmz, a user network */
};
static const struct drive drives[] = {
    { .serial = "data", .size = 1 << 20 },
    { .serial = "fast", .size = 1 << 20, .bus = DRIVE_NVME, .cache = CACHE_UNSAFE },
    { .serial = "s1", .size = 1 << 20, .bus = DRIVE_SCSI, .cache = CACHE_WRITETHROUGH },
    { .serial = "s2", .size = 1 << 20, .bus = DRIVE_SCSI, .no_discard = true },
    { .serial = "old", .size = 1 << 20, .bus = DRIVE_SATA, .throw_away = true },
    { .serial = "stick", .size = 1 << 20, .bus = DRIVE_USB },
    { .serial = "iso", .file = "/srv/a,b.img", .format = DISK_QCOW2, .read_only = true },
};
/* A launch with a disk of every kind; started by descriptors, make_drives() makes the files. */
static const struct test_case disks_case = { .name = "disks",
                                             .format = DISK_QCOW2,
                                             .seed = true,
                                             .cpus = 1,
                                             .domain = "",
                                             .drives = drives,
                                             .n_drives = 7 };
static const struct drive file_root = { .file = "/srv/the root.img",
                                        .format = DISK_RAW,
                                        .bus = DRIVE_SATA,
                                        .cache = CACHE_NONE,
                                        .throw_away = true };
/* No image: the root disk is a file. */
static const struct drive file_drives[] = {
    { .serial = "lun",
      .file = "/dev/mapper/lun",
      .format = DISK_RAW,
      .device = true,
      .cache = CACHE_DIRECTSYNC },
};
static const struct test_case file_case = { .name = "file",
                                            .cpus = 1,
                                            .domain = "",
                                            .root = &file_root,
                                            .drives = file_drives,
                                            .n_drives = 1 };
/* A launch with a tap; it is started in a network namespace of its own. */
static const struct test_case tap_case = { .name = "tap",
                                           .format = DISK_QCOW2,
                                           .seed = true,
                                           .cpus = 1,
                                           .domain = "lab.internal",
                                           .tap = true,
                                           .mtu = 1400 };
static const struct test_case nics_case = { .name = "nics",
                                            .format = DISK_QCOW2,
                                            .seed = true,
                                            .cpus = 1,
                                            .domain = "",
                                            .nics = true };
static const struct test_case cases[] = {
    { "kernel-disk", ACCEL_TCG, FIRMWARE_BIOS, DISK_QCOW2, true, true, true, 1, "lab.internal",
      false, 0, NULL, NULL, 0, ARCH_AMD64, false },
    { "bios", ACCEL_TCG, FIRMWARE_BIOS, DISK_QCOW2, false, false, true, 1, "", false, 0, NULL, NULL, 0, ARCH_AMD64, false },
    { "uefi", ACCEL_TCG, FIRMWARE_UEFI, DISK_RAW, false, false, true, 1, "", false, 0, NULL, NULL, 0, ARCH_AMD64, false },
    { "micro", ACCEL_TCG, FIRMWARE_BIOS, DISK_NONE, true, true, false, 1, "", false, 0, NULL, NULL, 0, ARCH_AMD64, false },
    { "cpus", ACCEL_TCG, FIRMWARE_BIOS, DISK_QCOW2, true, false, true, 4, "", false, 0, NULL, NULL, 0, ARCH_AMD64, false },
    { "kvm", ACCEL_KVM, FIRMWARE_BIOS, DISK_QCOW2, true, true, true, 2, "", false, 0, NULL, NULL, 0, ARCH_AMD64, false },
    { "arm64", ACCEL_TCG, FIRMWARE_UEFI, DISK_QCOW2, false, false, true, 12, "", false, 0, NULL, NULL, 0,
      ARCH_ARM64, false },
    { "arm64-kernel", ACCEL_TCG, FIRMWARE_UEFI, DISK_NONE, true, true, true, 1, "", false, 0, NULL, NULL,
      0, ARCH_ARM64, false },
    { "arm64-kvm", ACCEL_KVM, FIRMWARE_UEFI, DISK_RAW, false, false, true, 2, "", false, 0, NULL, NULL, 0,
      ARCH_ARM64, false },
};

static char top[PATH_SIZE]; /* of the source tree */
static char dir[] = "/tmp/roost-qemu-XXXXXX";
static struct loop *loop;

static struct launch launch_of(const struct test_case *c)
{
    struct launch l = {
        .instance = { "web1" },
        .launch_id = 7,
        .tag = { "rack7.web_1" },
        .uuid = { "0a1b2c3d-4e5f-8607-8809-0a0b0c0d0e0f" },
        .mac = { { 0x52, 0x54, 0x00, 0xaa, 0xbb, 0xcc } },
        .seed = c->seed,
        .cpus = c->cpus,
        .memory = 256u << 20,
        .arch = c->arch,
        .firmware = c->firmware,
        .image = { "debian" },
        .image_format = c->format,
        .has_kernel = c->kernel,
        .has_initrd = c->initrd,
        .network_kind = c->tap ? NETWORK_SHARED : NETWORK_USER,
        .network = { "lab" },
        .tap = c->tap,
        .mtu = c->mtu,
    };
    if (c->nics) {
        l.n_nics = 2;
        l.nics[0] = (struct launch_nic){ { "dmz" }, NETWORK_HOST_ONLY, { { 0x52, 0x54, 0, 0xaa, 0xbb, 0xcd } },
                                         true, 1400 };
        l.nics[1] = (struct launch_nic){ { "other" }, NETWORK_USER, { { 0x52, 0x54, 0, 0xaa, 0xbb, 0xce } },
                                         false, 0 };
        l.n_forwards = 2;
        l.forwards[0] = (struct hostfwd){ TRANSPORT_TCP, { { .family = 4 }, 8080 }, 80 };
        l.forwards[1] = (struct hostfwd){ TRANSPORT_UDP, { { .family = 4, .b = { 127, 0, 0, 1 } }, 5353 }, 53 };
    }
    if (c->kernel)
        strcpy(l.cmdline, "root=LABEL=root console=ttyS0 panic=-1 x=a,b");
    strcpy(l.domain, c->domain);
    if (c->root) {
        l.root = *c->root;
        l.image.s[0] = '\0';
    }
    l.n_drives = c->n_drives;
    for (uint32_t i = 0; i < c->n_drives; i++)
        l.drives[i] = c->drives[i];
    return l;
}

static const char *const binaries[ARCHES] = { "/usr/bin/qemu-system-x86_64",
                                              "/usr/bin/qemu-system-aarch64" };

static const char *code_of(const struct test_case *c)
{
    return c->arch == ARCH_ARM64 ? AAVMF_CODE : OVMF_CODE;
}

static struct qemu_place place_of(const struct launch *l, enum accel accel)
{
    struct qemu_place p;
    qemu_place_init(&p);
    p.binary = binaries[l->arch];
    p.accel = accel;
    p.qmp_socket = "run/web1.qmp";
    p.console_socket = "run/web1.con";
    p.tcg_tb_mib = 256;
    for (int f = 0; f < QEMU_FILES; f++) {
        if (qemu_needs(l, (enum qemu_file)f))
            p.fd[f] = FIRST_FD + f;
    }
    return p;
}

/* --- goldens --------------------------------------------------------------------------------- */

static void golden(const char *name, const char *file, const struct buf *have)
{
    char case_dir[PATH_SIZE + 100];
    auto_buf struct buf want = BUF_INIT;
    snprintf(case_dir, sizeof(case_dir), "%s/tests/golden/bootstrap/%s", top, name);
    if (getenv("REGEN"))
        assert_int_equal(dir_make_all(case_dir, 0755, NULL), 0);
    auto_close int fd = open(case_dir, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
    assert_true(fd >= 0);
    if (getenv("REGEN"))
        assert_int_equal(file_replace(fd, file, have->data, have->len, 0644, NULL, NULL), 0);
    assert_int_equal(file_read(fd, file, 1 << 16, &want, NULL), 0);
    assert_string_equal(buf_str(have), buf_str(&want));
}

static void golden_args(const struct test_case *c)
{
    struct launch l = launch_of(c);
    struct qemu_place p = place_of(&l, c->accel);
    auto_argv struct argv a = ARGV_INIT;
    auto_buf struct buf text = BUF_INIT;
    assert_int_equal(qemu_args(&l, &p, &a, NULL), 0);
    for (int n = 0; n < a.n; n++)
        buf_printf(&text, "%s\n", a.v[n]);
    golden(c->name, "argv", &text);
}

static void test_golden_args(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        golden_args(&cases[i]);
    golden_args(&tap_case);
    golden_args(&disks_case);
    golden_args(&file_case);
    golden_args(&nics_case);
}

static int vmsh(const struct test_case *c, struct buf *out)
{
    struct launch l = launch_of(c);
    return vmsh_render(&l, binaries[c->arch], c->firmware == FIRMWARE_UEFI ? code_of(c) : NULL, NULL,
                       out, NULL);
}

static void test_golden_vmsh(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_buf struct buf text = BUF_INIT;
        assert_int_equal(vmsh(&cases[i], &text), 0);
        golden(cases[i].name, "vm.sh", &text);
    }
    const struct test_case *const more[] = { &tap_case, &disks_case, &file_case };
    for (size_t i = 0; i < ARRAY_SIZE(more); i++) {
        auto_buf struct buf text = BUF_INIT;
        assert_int_equal(vmsh(more[i], &text), 0);
        golden(more[i]->name, "vm.sh", &text);
    }
    auto_buf struct buf text = BUF_INIT;
    assert_int_equal(vmsh(&tap_case, &text), 0);
    golden(tap_case.name, "vm.sh", &text);
    buf_clear(&text);
    assert_int_equal(vmsh(&nics_case, &text), 0);
    golden(nics_case.name, "vm.sh", &text);
}

/* --- refusals -------------------------------------------------------------------------------- */

static void refused(const struct launch *l, const struct qemu_place *p, const char *why)
{
    auto_argv struct argv a = ARGV_INIT;
    struct err e = { 0 };
    assert_int_equal(qemu_args(l, p, &a, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_non_null(strstr(e.text, why));
    assert_non_null(strstr(e.text, "web1"));
    assert_int_equal(a.n, 0);
}

static void test_launch_refused(void **state)
{
    (void)state;
    const struct launch good = launch_of(&cases[0]);
    const struct qemu_place p = place_of(&good, ACCEL_TCG);
    struct launch l = good;
    l.arch = ARCH_ARM64;
    refused(&l, &p, "arm64 machines have no bios");
    l.firmware = FIRMWARE_UEFI;
    l.cpus = 513;
    refused(&l, &p, "513 CPUs, between 1 and 512");
    l = good;
    l.network_kind = NETWORK_BRIDGED;
    refused(&l, &p, "bridged wants a tap");
    l.network_kind = NETWORK_USER;
    l.tap = true;
    refused(&l, &p, "user has no taps");
    l = good;
    l.cpus = 0;
    refused(&l, &p, "0 CPUs");
    l.cpus = 256;
    refused(&l, &p, "256 CPUs");
    l = good;
    l.memory = 1000;
    refused(&l, &p, "1 MiB");
    l = good;
    l.image_format = DISK_NONE;
    l.has_kernel = false;
    refused(&l, &p, "nothing would boot");
    l = good;
    l.has_kernel = false;
    refused(&l, &p, "without a kernel");
    l = good;
    strcpy(l.cmdline, "a\nb");
    refused(&l, &p, "command line");
}

static void test_place_refused(void **state)
{
    (void)state;
    const struct launch l = launch_of(&cases[2]);
    const struct qemu_place good = place_of(&l, ACCEL_TCG);
    for (int f = 0; f < QEMU_LOCK; f++) {
        if (!qemu_needs(&l, (enum qemu_file)f))
            continue;
        struct qemu_place p = good;
        p.fd[f] = -1;
        refused(&l, &p, "nowhere");
        p = good;
        p.path[f] = "x";
        refused(&l, &p, "twice");
    }
    struct qemu_place p = good;
    p.qmp_socket = NULL;
    refused(&l, &p, "together");
    p = good;
    p.binary = NULL;
    refused(&l, &p, "no QEMU");
    const struct launch on_tap = launch_of(&tap_case);
    p = place_of(&on_tap, ACCEL_TCG);
    p.fd[QEMU_TAP] = -1;
    refused(&on_tap, &p, "tap is given nowhere");
    p.path[QEMU_TAP] = "/dev/tap7";
    refused(&on_tap, &p, "a tap has no path");
    p = place_of(&on_tap, ACCEL_TCG);
    p.qmp_socket = p.console_socket = NULL;
    p.path[QEMU_DISK] = p.path[QEMU_BASE] = p.path[QEMU_SMBIOS] = "x";
    p.fd[QEMU_DISK] = p.fd[QEMU_BASE] = p.fd[QEMU_SMBIOS] = -1;
    refused(&on_tap, &p, "no qemu-ifup");
}

/* Whatever a path holds, QEMU's parser gets it back whole, and no option is smuggled in. */
static void test_path_with_comma(void **state)
{
    (void)state;
    struct launch l = launch_of(&cases[1]);
    struct qemu_place p = place_of(&l, ACCEL_TCG);
    auto_argv struct argv a = ARGV_INIT;
    bool seen = false;
    p.fd[QEMU_DISK] = -1;
    p.path[QEMU_DISK] = "a,read-only=on";
    assert_int_equal(qemu_args(&l, &p, &a, NULL), 0);
    for (int i = 0; i < a.n; i++)
        seen |= strstr(a.v[i], "filename=a,,read-only=on,discard") != NULL;
    assert_true(seen);
}

/* The token travels in a file, never where every user of the host can read it. */
static void test_no_token_in_args(void **state)
{
    (void)state;
    struct launch l = launch_of(&cases[0]);
    struct qemu_place p = place_of(&l, ACCEL_TCG);
    auto_argv struct argv a = ARGV_INIT;
    auto_buf struct buf script = BUF_INIT;
    strcpy(l.seed_token.s, "deadbeefdeadbeefdeadbeefdeadbeef");
    strcpy(l.base_url, "http://10.0.2.2:10200");
    assert_int_equal(qemu_args(&l, &p, &a, NULL), 0);
    for (int i = 0; i < a.n; i++)
        assert_null(strstr(a.v[i], "deadbeef"));
    assert_int_equal(vmsh_render(&l, "qemu", NULL, NULL, &script, NULL), 0);
    assert_null(strstr(buf_str(&script), "deadbeef"));
}

/* --- the real QEMU --------------------------------------------------------------------------- */

static void sh(const char *command)
{
    assert_int_equal(system(command), 0);
}

static void put(const char *name, const void *data, size_t len, mode_t mode)
{
    assert_int_equal(file_replace(AT_FDCWD, name, data, len, mode, NULL, NULL), 0);
}

/* Just enough of a bzImage for QEMU's loader (Linux boot protocol, Documentation/x86/boot.rst). */
static void put_kernel(const char *name)
{
    static uint8_t k[64 << 10];
    k[0x1f1] = 4; /* setup sectors */
    k[0x1fe] = 0x55;
    k[0x1ff] = 0xaa;
    memcpy(k + 0x202, "HdrS", 4);
    k[0x206] = 0x0c; /* protocol 2.12 */
    k[0x207] = 0x02;
    k[0x211] = 1;    /* loaded high */
    k[0x22f] = 0x7f; /* initrd_addr_max */
    k[0x238] = 0xff; /* cmdline_size */
    k[0x239] = 0x07;
    put(name, k, sizeof(k), 0644);
}

/* What stands in the launch, as roost-core makes it. */
static void make_drives(const struct launch *l)
{
    char command[200], name[DRIVE_NAME_SIZE];

    for (uint32_t i = 0; i < l->n_drives; i++) {
        drive_name(l->drives[i].serial, name);
        snprintf(command, sizeof(command), "qemu-img create -q -f qcow2 %s 1M", name);
        sh(command);
        drive_top_name(l->drives[i].serial, name);
        snprintf(command, sizeof(command), "qemu-img create -q -f qcow2 %s 1M", name);
        sh(command);
    }
}

/* A state directory as roost makes it; the working directory is the instance's. */
static void make_state(const struct test_case *c)
{
    struct launch l = launch_of(c);
    auto_buf struct buf blob = BUF_INIT;
    assert_int_equal(chdir(dir), 0);
    sh("rm -rf state && mkdir -p state/images/debian state/instances/web1/run");
    assert_int_equal(chdir("state/images/debian"), 0);
    put_kernel(FILE_IMAGE_KERNEL);
    put(FILE_IMAGE_INITRD, "initrd", 6, 0644);
    sh(c->format == DISK_RAW ? "truncate -s 2M disk" : "qemu-img create -q -f qcow2 disk 2M");
    assert_int_equal(chdir("../../instances/web1"), 0);
    sh(c->format == DISK_RAW
           ? "qemu-img create -q -f qcow2 -b ../../images/debian/disk -F raw disk.qcow2 4M"
           : "qemu-img create -q -f qcow2 -b ../../images/debian/disk -F qcow2 disk.qcow2 4M");
    sh(c->arch == ARCH_ARM64 ? "truncate -s 64M " FILE_VARS : "cp " OVMF_VARS " " FILE_VARS);
    sh(": >" FILE_CONSOLE);
    assert_int_equal(smbios_type1("ds=nocloud-net;s=http://h/a,b/", &l.uuid, &blob, NULL), 0);
    put(FILE_SMBIOS, blob.data, blob.len, 0600);
    make_drives(&l);
}

struct visit {
    struct qmp *q;
    struct buf said;
    bool over, exited;
    int status;
    char log[2000];
};

static void quit_cb(const json_t *ret, const struct err *err, void *arg)
{
    struct visit *v = arg;
    assert_null(err);
    if (ret && json_is_object(ret) && json_object_get(ret, "status"))
        buf_puts(&v->said, json_string_value(json_object_get(ret, "status")));
}

static void ready_cb(const struct err *err, void *arg)
{
    struct visit *v = arg;
    assert_null(err);
    assert_int_equal(qmp_command(v->q, "query-status", NULL, quit_cb, v, NULL), 0);
    assert_int_equal(qmp_command(v->q, "quit", NULL, quit_cb, v, NULL), 0);
}

static void gone_cb(const struct err *err, void *arg)
{
    struct visit *v = arg;
    (void)err;
    v->over = true;
}

static void exit_cb(const struct spawn_exit *x, void *arg)
{
    struct visit *v = arg;
    v->exited = true;
    v->status = x->status;
    snprintf(v->log, sizeof(v->log), "%s%s", buf_str(x->out), buf_str(x->err));
}

/* Starts it halted, asks for its status, makes it leave. */
static void visit(const char *name, const struct argv *a, const struct spawn_fd *fds, int n_fds)
{
    struct visit v = { .q = NULL };
    struct qmp_calls calls = { .ready = ready_cb, .gone = gone_cb, .arg = &v };
    struct spawn_opts o = SPAWN_OPTS_INIT;
    o.fds = fds;
    o.n_fds = n_fds;
    o.capture = true;
    o.own_session = true;
    o.limit_ms = 30000;
    unlink("run/web1.qmp");
    assert_non_null(child_spawn(loop, a, &o, exit_cb, &v, NULL));
    v.q = qmp_open(loop, "run/web1.qmp", 20000, &calls, NULL);
    while (!v.exited || (!v.over && v.status == 0))
        assert_int_equal(loop_turn(loop, -1, NULL), 0);
    qmp_close(v.q);
    if (v.status != 0 || v.log[0])
        print_error("%s: status %d\n%s", name, v.status, v.log);
    assert_int_equal(v.status, 0);
    assert_string_equal(v.log, ""); /* not a warning either */
    assert_string_equal(buf_str(&v.said), "prelaunch");
    buf_done(&v.said);
}

static int open_drives(const struct launch *l, struct spawn_fd *fds, int n)
{
    char name[DRIVE_NAME_SIZE];

    for (int f = QEMU_DRIVE0; f <= QEMU_TOP_LAST; f++) {
        const struct drive *d = qemu_drive(l, (enum qemu_file)f);
        if (!qemu_needs(l, (enum qemu_file)f))
            continue;
        if (qemu_is_bottom((enum qemu_file)f))
            drive_name(d->serial, name);
        else
            drive_top_name(d->serial, name);
        fds[n].from =
            open(name, (qemu_writes(l, (enum qemu_file)f) ? O_RDWR : O_RDONLY) | O_CLOEXEC);
        assert_true(fds[n].from >= 0);
        fds[n++].to = FIRST_FD + f;
    }
    return n;
}

static int open_files(const struct launch *l, struct spawn_fd *fds)
{
    const struct {
        enum qemu_file file;
        const char *path;
        int flags;
    } files[] = {
        { QEMU_DISK, FILE_DISK, O_RDWR },
        { QEMU_BASE, "../../images/debian/disk", O_RDONLY },
        { QEMU_KERNEL, "../../images/debian/kernel", O_RDONLY },
        { QEMU_INITRD, "../../images/debian/initrd", O_RDONLY },
        { QEMU_SMBIOS, FILE_SMBIOS, O_RDONLY },
        { QEMU_CODE, l->arch == ARCH_ARM64 ? AAVMF_CODE : OVMF_CODE, O_RDONLY },
        { QEMU_VARS, FILE_VARS, O_RDWR },
        { QEMU_CONSOLE, FILE_CONSOLE, O_WRONLY | O_APPEND },
    };
    int n = 0;
    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        if (!qemu_needs(l, files[i].file))
            continue;
        fds[n].from = open(files[i].path, files[i].flags | O_CLOEXEC);
        assert_true(fds[n].from >= 0);
        fds[n++].to = FIRST_FD + (int)files[i].file;
    }
    return open_drives(l, fds, n);
}

/* As netcfg opens them. */
static int open_tap(const char *name)
{
    struct ifreq r = { .ifr_flags = (short)(IFF_TAP | IFF_NO_PI | IFF_VNET_HDR) };
    int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);
    strcpy(r.ifr_name, name);
    assert_true(fd >= 0);
    assert_int_equal(ioctl(fd, TUNSETIFF, &r), 0);
    return fd;
}

static void start_case(const struct test_case *c, const char *run_as)
{
    struct launch l = launch_of(c);
    struct qemu_place p = place_of(&l, c->accel);
    struct spawn_fd fds[QEMU_FILES];
    auto_argv struct argv a = ARGV_INIT;
    make_state(c);
    p.run_as = run_as;
    assert_int_equal(qemu_args(&l, &p, &a, NULL), 0);
    argv_add(&a, "-S");
    int n = open_files(&l, fds);
    if (c->tap) {
        fds[n].from = open_tap("rt525400aabbcc");
        fds[n++].to = FIRST_FD + QEMU_TAP;
    }
    visit(c->name, &a, fds, n);
    while (n > 0)
        close(fds[--n].from);
}

static void test_starts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (cases[i].accel == ACCEL_TCG)
            start_case(&cases[i], NULL);
    }
    start_case(&disks_case, NULL);
}

/* A display, a machine and CPU of its own, firmware that wants SMM, and words of the operator's. */
static void machine_case(struct launch *l, struct qemu_place *p)
{
    struct machine_def *m = &l->machine;
    *l = launch_of(&cases[2]);
    strcpy(m->cpu, "max,avx2=off");
    strcpy(m->type, "pc-q35-7.1");
    m->display = DISPLAY_VNC;
    strcpy(m->keymap, "de");
    assert_int_equal(machine_argument_add(m, "-device", NULL), 0);
    assert_int_equal(machine_argument_add(m, "virtio-balloon-pci,id=bal0", NULL), 0);
    *p = place_of(l, ACCEL_TCG);
    p->vnc_socket = "run/web1.vnc";
    p->secure_firmware = true;
}

static void test_machine_starts(void **state)
{
    (void)state;
    struct launch l;
    struct qemu_place p;
    struct spawn_fd fds[QEMU_FILES];
    auto_argv struct argv a = ARGV_INIT, with_devices = ARGV_INIT;
    auto_buf struct buf text = BUF_INIT;
    machine_case(&l, &p);
    make_state(&cases[2]);
    assert_int_equal(qemu_args(&l, &p, &a, NULL), 0);
    argv_add(&a, "-S");
    int n = open_files(&l, fds);
    visit("machine", &a, fds, n);
    while (n > 0)
        close(fds[--n].from);
    /* Devices of the host are not there to be started with. */
    strcpy(l.machine.devices[l.machine.n_devices++], "pci:0000:3b:00.0");
    strcpy(l.machine.devices[l.machine.n_devices++], "usb:046d:c52b");
    strcpy(l.machine.devices[l.machine.n_devices++], "usb:1-2.3");
    assert_int_equal(qemu_args(&l, &p, &with_devices, NULL), 0);
    for (int i = 0; i < with_devices.n; i++)
        buf_printf(&text, "%s\n", with_devices.v[i]);
    golden("machine", "argv", &text);
}

static void test_machine_refused(void **state)
{
    (void)state;
    struct launch l;
    struct qemu_place p;
    machine_case(&l, &p);
    p.vnc_socket = NULL;
    refused(&l, &p, "VNC socket");
    machine_case(&l, &p);
    strcpy(l.machine.cpu, "host,avx2=off");
    refused(&l, &p, "cpu: host needs KVM");
    machine_case(&l, &p);
    strcpy(l.machine.type, "pc");
    refused(&l, &p, "no SMM");
    strcpy(l.machine.type, "virt");
    refused(&l, &p, "virt is for arm64");
}

/* As a system service: root opens, an ordinary user runs. */
static void test_starts_as_nobody(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        if (cases[i].accel == ACCEL_TCG)
            start_case(&cases[i], "nobody");
    }
    start_case(&disks_case, "nobody");
}

/* From here on this program is in a network namespace of its own: these tests come last. */
static bool has_taps(void)
{
    if (geteuid() == 0 && access("/dev/net/tun", R_OK | W_OK) == 0 && unshare(CLONE_NEWNET) == 0)
        return true;
    print_message("SKIPPED: taps need root, /dev/net/tun and network namespaces\n");
    return false;
}

static void test_tap_starts(void **state)
{
    (void)state;
    if (!has_taps())
        skip();
    start_case(&tap_case, NULL);
    start_case(&tap_case, "nobody");
}

static void write_vmsh(const struct test_case *c)
{
    auto_buf struct buf text = BUF_INIT;
    make_state(c);
    assert_int_equal(vmsh(c, &text), 0);
    put(FILE_VM_SH, text.data, text.len, 0755);
}

/* From anywhere, with options of the person's own behind. */
static void test_vmsh_starts(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_argv struct argv a = ARGV_INIT;
        if (cases[i].accel != ACCEL_TCG)
            continue;
        write_vmsh(&cases[i]);
        argv_add(&a, "sh");
        argv_add(&a, "-c");
        argv_add(&a, "cd / && exec \"$0\" -S -qmp unix:run/web1.qmp,server=on,wait=off");
        argv_addf(&a, "%s/state/instances/web1/vm.sh", dir);
        visit(cases[i].name, &a, NULL, 0);
    }
}

/* One that lies elsewhere is the same but for where it goes. */
static void test_vmsh_exported(void **state)
{
    auto_buf struct buf text = BUF_INIT;
    struct launch l = launch_of(&cases[0]);
    char *save = NULL;

    (void)state;
    assert_int_equal(vmsh_render(&l, "qemu", NULL, "/srv/my state/instances/web1", &text, NULL), 0);
    assert_non_null(strstr(text.data, "\ncd '/srv/my state/instances/web1'\n"));
    assert_null(strstr(text.data, "dirname"));
    for (char *line = strtok_r(text.data, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
        assert_null(strstr(line, "Written by roostd"));
}

static void test_vmsh_refuses_a_running_guest(void **state)
{
    (void)state;
    write_vmsh(&cases[3]);
    auto_close int fd = lock_take(AT_FDCWD, FILE_LOCK_QEMU, NULL);
    assert_true(fd >= 0);
    assert_int_equal(system("./vm.sh -S 2>said") >> 8, 6);
    sh("grep -q '^web1 runs already' said");
}

/* The accelerator is what roost found out, or what the person says. */
static void test_vmsh_accelerator(void **state)
{
    (void)state;
    write_vmsh(&cases[0]);
    sh("sed -i 's,^exec /usr/bin/qemu-system-x86_64,exec echo,' vm.sh");
    sh("./vm.sh | grep -q -e '-accel tcg,tb-size=256 -cpu max$'");
    sh("mkdir bin && printf '#!/bin/sh\\necho x86_64\\n' >bin/uname && chmod +x bin/uname");
    sh("printf 'kvm\\nwhy\\n' >../../" FILE_ACCEL
       " && PATH=bin:$PATH ./vm.sh | grep -q -e '-accel kvm -cpu host$'");
    sh("ACCEL=tcg ./vm.sh -S | grep -q -e '-accel tcg,tb-size=256 -cpu max -S$'");
    sh("ACCEL=kvm ./vm.sh -S | grep -q -e '-accel kvm -cpu host -S$'");
    /* That verdict is about this host's own architecture. */
    sh("printf '#!/bin/sh\\necho aarch64\\n' >bin/uname");
    sh("PATH=bin:$PATH ./vm.sh | grep -q -e '-accel tcg,tb-size=256 -cpu max$'");
}

/* It makes its tap and hands it to the network's scripts. */
static void test_vmsh_tap(void **state)
{
    (void)state;
    auto_argv struct argv a = ARGV_INIT;
    if (!has_taps())
        skip();
    write_vmsh(&tap_case);
    sh("mkdir -p ../../networks/lab && cd ../../networks/lab && "
       "printf '#!/bin/sh\\nip -br link show \"$1\" >up\\n' >qemu-ifup && "
       "printf '#!/bin/sh\\necho \"$1\" >down\\n' >qemu-ifdown && "
       "sed -i \"s,>,>$PWD/,\" qemu-ifup qemu-ifdown && chmod +x qemu-ifup qemu-ifdown");
    argv_add(&a, "./vm.sh");
    argv_add(&a, "-S");
    argv_add(&a, "-qmp");
    argv_add(&a, "unix:run/web1.qmp,server=on,wait=off");
    visit("tap vm.sh", &a, NULL, 0);
    sh("grep -q '^rt525400aabbcc ' ../../networks/lab/up && "
       "grep -q '^rt525400aabbcc$' ../../networks/lab/down");
}

/* Who may make no taps is told before anything else. */
static void test_vmsh_tap_needs_root(void **state)
{
    (void)state;
    write_vmsh(&tap_case);
    sh("sed 's,^\\[ \"$(id -u)\",[ 1000,' vm.sh >as-user.sh && ! sh as-user.sh 2>said && "
       "grep -q 'web1 is on network lab: a tap needs root' said");
}

static int setup(void **state)
{
    (void)state;
    loop = loop_new(NULL);
    return loop && getcwd(top, sizeof(top)) && mkdtemp(dir) && chmod(dir, 0711) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    char command[64];
    loop_free(loop);
    snprintf(command, sizeof(command), "rm -rf '%s'", dir);
    return chdir("/") == 0 ? system(command) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_args),
        cmocka_unit_test(test_golden_vmsh),
        cmocka_unit_test(test_launch_refused),
        cmocka_unit_test(test_place_refused),
        cmocka_unit_test(test_path_with_comma),
        cmocka_unit_test(test_no_token_in_args),
        cmocka_unit_test(test_starts),
        cmocka_unit_test(test_machine_starts),
        cmocka_unit_test(test_machine_refused),
        cmocka_unit_test(test_starts_as_nobody),
        cmocka_unit_test(test_vmsh_starts),
        cmocka_unit_test(test_vmsh_exported),
        cmocka_unit_test(test_vmsh_refuses_a_running_guest),
        cmocka_unit_test(test_vmsh_accelerator),
        cmocka_unit_test(test_vmsh_tap_needs_root),
        cmocka_unit_test(test_tap_starts),
        cmocka_unit_test(test_vmsh_tap),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
