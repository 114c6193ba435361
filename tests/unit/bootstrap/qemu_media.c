/* What is put into a guest beside its own disk, as QEMU's arguments. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "bootstrap/qemu.h"

#define FIRST_FD 20

static struct launch launch(void)
{
    return (struct launch){
        .instance = { "web1" },
        .launch_id = 7,
        .tag = { "web1" },
        .uuid = { "0a1b2c3d-4e5f-8607-8809-0a0b0c0d0e0f" },
        .mac = { { 0x52, 0x54, 0x00, 0xaa, 0xbb, 0xcc } },
        .cpus = 1,
        .memory = 256u << 20,
        .image = { "debian" },
        .image_format = DISK_QCOW2,
        .network_kind = NETWORK_USER,
        .network = { "user" },
    };
}

static struct qemu_place place(const struct launch *l)
{
    struct qemu_place p;

    qemu_place_init(&p);
    p.binary = "qemu";
    p.qmp_socket = "q";
    p.console_socket = "c";
    for (int f = 0; f < QEMU_FILES; f++)
        if (qemu_needs(l, (enum qemu_file)f))
            p.fd[f] = FIRST_FD + f;
    return p;
}

static void render(const struct launch *l, const struct qemu_place *p, struct buf *out)
{
    auto_argv struct argv a = ARGV_INIT;

    assert_int_equal(qemu_args(l, p, &a, NULL), 0);
    for (int i = 0; i < a.n; i++)
        buf_printf(out, "%s\n", a.v[i]);
}

static void has(const struct buf *b, const char *text)
{
    if (!strstr(buf_str(b), text))
        fail_msg("no %s in\n%s", text, buf_str(b));
}

static void has_not(const struct buf *b, const char *text)
{
    if (strstr(buf_str(b), text))
        fail_msg("%s in\n%s", text, buf_str(b));
}

/* Read-only from the descriptor on, and never by SMBIOS too. */
static void test_seed(void **state)
{
    (void)state;
    struct launch l = launch();
    auto_buf struct buf none = BUF_INIT;
    auto_buf struct buf b = BUF_INIT;
    struct qemu_place p = place(&l);

    render(&l, &p, &none);
    has_not(&none, "seed");
    l.seed_volume = true;
    p = place(&l);
    assert_int_equal(p.fd[QEMU_SEED], FIRST_FD + QEMU_SEED);
    render(&l, &p, &b);
    has(&b, "driver=file,node-name=seed-file,filename=/dev/fdset/");
    has(&b, "driver=raw,node-name=seed,file=seed-file,read-only=on\n");
    has(&b, "virtio-blk-pci,id=seed0,drive=seed\n");
    has_not(&b, "type=1");
}

static void test_cdrom(void **state)
{
    (void)state;
    struct launch l = launch();
    auto_buf struct buf empty = BUF_INIT;
    auto_buf struct buf full = BUF_INIT;
    auto_buf struct buf virt = BUF_INIT;

    l.media.cdrom = true;
    struct qemu_place p = place(&l);
    assert_int_equal(p.fd[QEMU_CDROM], -1);
    render(&l, &p, &empty);
    has(&empty, "ide-cd,bus=ide.0,id=cdrom0,bootindex=2\n");
    has(&empty, "drive=disk,bootindex=1\n");
    has_not(&empty, "node-name=cdrom");

    strcpy(l.media.iso, "/isos/a,b.iso");
    p = place(&l);
    render(&l, &p, &full);
    has(&full, "driver=raw,node-name=cdrom,file=cdrom-file,read-only=on\n");
    has(&full, "ide-cd,bus=ide.0,id=cdrom0,drive=cdrom,bootindex=2\n");
    has_not(&full, "/isos");

    p.fd[QEMU_CDROM] = -1;
    p.path[QEMU_CDROM] = l.media.iso;
    render(&l, &p, &virt);
    has(&virt, "filename=/isos/a,,b.iso,read-only=on\n");
}

/* The first device, then what else there is; the network is not waited for unless it is asked for,
 * and a kernel of the image's would come before all. */
static void test_boot(void **state)
{
    (void)state;
    struct launch l = launch();
    auto_buf struct buf disk = BUF_INIT;
    auto_buf struct buf cdrom = BUF_INIT;
    auto_buf struct buf network = BUF_INIT;

    l.has_kernel = l.has_initrd = true;
    strcpy(l.cmdline, "quiet");
    struct qemu_place p = place(&l);
    render(&l, &p, &disk);
    has(&disk, "-kernel\n");
    has(&disk, "romfile=\n");
    has_not(&disk, "bootindex");

    l.media = (struct media){ .cdrom = true, .boot = BOOT_CDROM };
    p = place(&l);
    assert_int_equal(p.fd[QEMU_KERNEL], -1);
    render(&l, &p, &cdrom);
    has(&cdrom, "ide-cd,bus=ide.0,id=cdrom0,bootindex=1\n");
    has(&cdrom, "drive=disk,bootindex=2\n");
    has(&cdrom, "romfile=\n");
    has_not(&cdrom, "-kernel");
    has_not(&cdrom, "-append");

    l.media = (struct media){ .boot = BOOT_NETWORK };
    l.image_format = DISK_NONE; /* nothing but the network has to boot */
    p = place(&l);
    render(&l, &p, &network);
    has(&network, "mac=52:54:00:aa:bb:cc,bootindex=1\n");
    has_not(&network, "romfile");
    has_not(&network, "-kernel");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seed),
        cmocka_unit_test(test_cdrom),
        cmocka_unit_test(test_boot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
