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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_seed),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
