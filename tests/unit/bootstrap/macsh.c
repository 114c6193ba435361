/* vm.sh for a Mac: goldens, what the shells and shellcheck say of them, and, with stand-ins for
 * what a Mac has (uname, vmnet), what QEMU says of the arguments. */
#include "bootstrap/macsh.h"

#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "model/layout.h"

struct test_case {
    const char *name;
    enum network_kind kind;
    enum firmware firmware;
    bool kernel, seed;
    const char *host, *cidr, *last; /* of the network; NULL: none */
    enum arch arch;
};
static const struct test_case cases[] = {
    { "mac-user", NETWORK_USER, FIRMWARE_BIOS, true, true, NULL, NULL, NULL, ARCH_AMD64 },
    { "mac-shared", NETWORK_SHARED, FIRMWARE_UEFI, false, true, "172.16.5.1", "172.16.5.0/24",
      "172.16.5.254", ARCH_AMD64 },
    { "mac-shared-public", NETWORK_SHARED, FIRMWARE_BIOS, false, false, "198.18.0.1",
      "198.18.0.0/24", "198.18.0.254", ARCH_AMD64 },
    { "mac-host-only", NETWORK_HOST_ONLY, FIRMWARE_BIOS, true, false, "10.9.0.1", "10.9.0.0/20",
      "10.9.15.254", ARCH_AMD64 },
    { "mac-bridged", NETWORK_BRIDGED, FIRMWARE_UEFI, false, true, NULL, NULL, NULL, ARCH_AMD64 },
    { "mac-arm64", NETWORK_USER, FIRMWARE_UEFI, false, true, NULL, NULL, NULL, ARCH_ARM64 },
};

static char top[PATH_SIZE]; /* of the source tree */
static char dir[] = "/tmp/roost-macsh-XXXXXX";

static void render(const struct test_case *c, struct buf *out)
{
    struct network n = { .name = { "lab" }, .kind = c->kind };
    struct launch l = { .instance = { "web1" },
                        .tag = { "rack7.web_1" },
                        .uuid = { "0a1b2c3d-4e5f-8607-8809-0a0b0c0d0e0f" },
                        .mac = { { 0x52, 0x54, 0x00, 0xaa, 0xbb, 0xcc } },
                        .seed = c->seed,
                        .cpus = 2,
                        .memory = 256u << 20,
                        .arch = c->arch,
                        .firmware = c->firmware,
                        .image = { "debian" },
                        .image_format = DISK_QCOW2,
                        .has_kernel = c->kernel,
                        .has_initrd = c->kernel,
                        .network_kind = c->kind,
                        .network = { "lab" },
                        .tap = c->kind != NETWORK_USER,
                        .mtu = c->kind != NETWORK_USER ? 1400 : 0 };
    struct err e = { 0 };

    if (c->kernel)
        strcpy(l.cmdline, "root=LABEL=root console=ttyS0 it's=$HOME,b");
    if (c->host)
        assert_int_equal(ip_parse(c->host, &n.host, &e), 0);
    if (c->cidr)
        assert_int_equal(cidr_parse(c->cidr, &n.cidr, &e), 0);
    if (c->last)
        assert_int_equal(ip_parse(c->last, &n.dhcp_last, &e), 0);
    assert_int_equal(macsh_render(&l, &n, "/var/lib/my roost", out, &e), 0);
}

static void sh(const char *command)
{
    int status = system(command);

    if (status != 0)
        fail_msg("%s: status %d", command, status);
}

static void put(const char *name, const void *data, size_t len, mode_t mode)
{
    assert_int_equal(file_replace(AT_FDCWD, name, data, len, mode, NULL, NULL), 0);
}

static void test_golden(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        char where[PATH_SIZE + 100];
        auto_buf struct buf have = BUF_INIT, want = BUF_INIT;
        render(&cases[i], &have);
        snprintf(where, sizeof where, "%s/tests/golden/bootstrap/%s", top, cases[i].name);
        if (getenv("REGEN"))
            assert_int_equal(dir_make_all(where, 0755, NULL), 0);
        auto_close int fd = open(where, O_DIRECTORY | O_RDONLY | O_CLOEXEC);
        assert_true(fd >= 0);
        if (getenv("REGEN"))
            assert_int_equal(file_replace(fd, "vm.sh", have.data, have.len, 0644, NULL, NULL), 0);
        assert_int_equal(file_read(fd, "vm.sh", 1 << 16, &want, NULL), 0);
        assert_string_equal(buf_str(&have), buf_str(&want));
    }
}

static void test_shells(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_buf struct buf b = BUF_INIT;
        render(&cases[i], &b);
        put("checked.sh", b.data, b.len, 0755);
        sh("sh -n checked.sh && bash -n checked.sh");
        sh("! command -v shellcheck >/dev/null || shellcheck -e SC2016 checked.sh");
    }
}

/* A Mac to this script: an Intel one, where Homebrew has edk2 and vmnet is a user network. */
static void make_mac(void)
{
    static const char uname[] = "#!/bin/sh\necho ${MACHINE:-sparc}\n";
    static const char id[] = "#!/bin/sh\necho ${ID:-0}\n";

    sh("mkdir -p bin share/qemu && rm -f " FILE_VARS " && "
       "ln -sf /usr/share/OVMF/OVMF_CODE_4M.fd share/qemu/edk2-x86_64-code.fd && "
       "cp /usr/share/OVMF/OVMF_VARS_4M.fd share/qemu/edk2-i386-vars.fd && "
       "qemu-img create -q -f qcow2 base 1M && "
       "qemu-img create -q -f qcow2 " FILE_DISK " 2M && head -c 300 /dev/zero >" FILE_SMBIOS);
    put("uname", uname, sizeof uname - 1, 0755);
    put("id", id, sizeof id - 1, 0755);
    sh("mv uname id bin");
    assert_int_equal(setenv("QEMU_SHARE", "share/qemu", true), 0);
}

/* QEMU takes what it would get; its monitor ends it. */
static void test_arguments(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        auto_buf struct buf b = BUF_INIT;
        if (cases[i].arch != ARCH_AMD64) /* its QEMU may not be here */
            continue;
        render(&cases[i], &b);
        make_mac();
        put("vm.sh", b.data, b.len, 0755);
        sh("sed -i 's/vmnet-[a-z]*,\\(id=net0\\)[^ ]*/user,\\1/; /-smbios file=/d; /-kernel /d; "
           "/-initrd /d; /-append /d' vm.sh");
        sh("printf '\\001cquit\\n' | PATH=$PWD/bin:$PATH timeout 60 ./vm.sh -S >said 2>&1 || "
           "{ cat said; exit 1; }");
        sh("[ ! -e running ]");
    }
}

static void test_choices(void **state)
{
    auto_buf struct buf b = BUF_INIT;

    (void)state;
    render(&cases[4], &b);
    make_mac();
    put("vm.sh", b.data, b.len, 0755);
    sh("sed -i 's/^qemu-system-x86_64/echo qemu/' vm.sh && cd / && export PATH=$OLDPWD/bin:$PATH "
       "&& "
       "cd $OLDPWD && MACHINE=x86_64 ./vm.sh more >said && grep -q -e '-accel hvf -cpu host more$' "
       "said && "
       "grep -q 'vmnet-bridged,id=net0,ifname=en0 ' said && [ -e " FILE_VARS " ] && "
       "grep -q -e '-smbios file=smbios.bin' said && "
       "rm " FILE_SMBIOS " && IFNAME=en7 MACHINE=arm64 ./vm.sh >said && "
       "grep -q -e '-accel tcg,tb-size=256 -cpu max$' said && grep -q 'ifname=en7 ' said && "
       "! grep -q 'smbios file' said");
    sh("PATH=$PWD/bin:$PATH; ID=501 ./vm.sh 2>said; [ $? = 5 ] && grep -q 'by sudo' said && [ ! -e "
       "running ]");
    sh("mkdir running; PATH=$PWD/bin:$PATH ./vm.sh 2>said; [ $? = 6 ] && "
       "grep -q '^web1 runs already; if not: rmdir' said && rmdir running");
}

static int setup(void **state)
{
    (void)state;
    return getcwd(top, sizeof top) && mkdtemp(dir) && chdir(dir) == 0 ? 0 : -1;
}

static int teardown(void **state)
{
    char command[64];

    (void)state;
    snprintf(command, sizeof command, "rm -rf '%s'", dir);
    return chdir(top) == 0 ? system(command) : -1;
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_shells),
        cmocka_unit_test(test_arguments),
        cmocka_unit_test(test_choices),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
