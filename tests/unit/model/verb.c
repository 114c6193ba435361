#include "model/verb.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "model/instance.h"

static struct launch sample(void)
{
    struct launch l;

    memset(&l, 0, sizeof l); /* padding too: launches are compared as bytes */
    strcpy(l.instance.s, "web1");
    l.launch_id = 0x0123456789abcdef;
    strcpy(l.tag.s, "WEB_1.lab");
    strcpy(l.uuid.s, "4c4c4544-0042-3510-8031-b4c04f4e3732");
    l.mac = (struct mac){ { 0x52, 0x54, 0, 1, 2, 3 } };
    l.seed = true;
    strcpy(l.base_url, "http://10.0.2.2:10200");
    strcpy(l.seed_token.s, "0123456789abcdef0123456789abcdef");
    l.cpus = 2;
    l.memory = 2ull << 30;
    l.arch = ARCH_ARM64;
    l.firmware = FIRMWARE_UEFI;
    strcpy(l.image.s, "trixie");
    l.image_format = DISK_QCOW2;
    l.has_kernel = l.has_initrd = true;
    strcpy(l.cmdline, "console=ttyS0 quiet");
    l.network_kind = NETWORK_SHARED;
    strcpy(l.domain, "lab.internal");
    strcpy(l.network.s, "lab");
    l.tap = true;
    l.mtu = 1400;
    l.n_nics = 2;
    l.nics[0] = (struct launch_nic){ { "dmz" }, NETWORK_HOST_ONLY, { { 0x52, 0x54, 0, 1, 2, 4 } }, true, 0 };
    l.nics[1] = (struct launch_nic){ { "user" }, NETWORK_USER, { { 0x52, 0x54, 0, 1, 2, 5 } }, false, 0 };
    l.n_forwards = 1;
    l.forwards[0] = (struct hostfwd){ TRANSPORT_UDP, { { .family = 4, .b = { 127, 0, 0, 1 } }, 5353 }, 53 };
    return l;
}

static int decode(const struct buf *b, size_t len, struct launch *ret, struct err *e)
{
    struct msg_cur c = msg_cur(b->data, len);

    return launch_decode(&c, ret, e);
}

/* Encodes what it is given, right or wrong, and decodes that. */
static int round_trip(const struct launch *l, struct launch *ret)
{
    auto_buf struct buf b = BUF_INIT;
    struct err e;

    launch_encode(l, &b);
    assert_int_equal(buf_check(&b, NULL), 0);
    if (decode(&b, b.len, ret, &e) < 0) {
        assert_int_equal(e.kind, ERR_INVALID);
        assert_null(strstr(e.text, "0123456789abcde")); /* a token is never shown */
        return -1;
    }
    return 0;
}

static void assert_same_launch(const struct launch *a, const struct launch *b)
{
    auto_buf struct buf x = BUF_INIT;
    auto_buf struct buf y = BUF_INIT;

    launch_encode(a, &x);
    launch_encode(b, &y);
    assert_int_equal(x.len, y.len);
    assert_memory_equal(x.data, y.data, x.len);
    assert_memory_equal(&a->mac, &b->mac, sizeof a->mac);
    assert_int_equal(a->launch_id, b->launch_id);
    assert_int_equal(a->memory, b->memory);
    assert_int_equal(a->network_kind, b->network_kind);
    assert_int_equal(a->image_format, b->image_format);
    assert_string_equal(a->cmdline, b->cmdline);
    assert_string_equal(a->domain, b->domain);
    assert_string_equal(a->network.s, b->network.s);
    assert_int_equal(a->tap, b->tap);
    assert_int_equal(a->mtu, b->mtu);
    assert_int_equal(a->seed_volume, b->seed_volume);
}

static void test_launch(void **state)
{
    (void)state;
    struct launch l = sample(), got;

    assert_int_equal(round_trip(&l, &got), 0);
    assert_same_launch(&l, &got);
    /* The least there can be: no seed, no disk, kernel only, no domain, no tap. */
    l.seed = l.tap = false;
    l.network_kind = NETWORK_USER;
    l.mtu = 0;
    l.base_url[0] = l.seed_token.s[0] = l.cmdline[0] = l.domain[0] = '\0';
    l.image_format = DISK_NONE;
    l.has_initrd = false;
    l.seed_volume = true;
    assert_int_equal(round_trip(&l, &got), 0);
    assert_same_launch(&l, &got);
}

static void test_launch_cut_anywhere(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    struct launch l = sample(), got;
    struct err e;

    launch_encode(&l, &b);
    for (size_t len = 0; len < b.len; len++)
        assert_int_equal(decode(&b, len, &got, &e), -1);
    assert_int_equal(decode(&b, b.len, &got, &e), 0);
    buf_putc(&b, '\0'); /* and nothing may be left over */
    assert_int_equal(decode(&b, b.len, &got, &e), -1);
    assert_non_null(strstr(e.text, "left over"));
}

#define WRONG(...)                                                                                 \
    do {                                                                                           \
        struct launch l = sample(), got;                                                           \
        __VA_ARGS__;                                                                               \
        assert_int_equal(round_trip(&l, &got), -1);                                                \
    } while (0)

/* What a taken-over core could try to send to root. */
static void test_launch_wrong_names(void **state)
{
    (void)state;
    WRONG(strcpy(l.instance.s, "../../etc"));
    WRONG(strcpy(l.instance.s, ""));
    WRONG(strcpy(l.instance.s, "Web1"));
    WRONG(strcpy(l.image.s, "a/b"));
    WRONG(strcpy(l.image.s, ""));
    WRONG(strcpy(l.tag.s, "a,serial=b"));
    WRONG(strcpy(l.tag.s, "a b"));
    WRONG(strcpy(l.tag.s, ".."));
    WRONG(strcpy(l.uuid.s, "4C4C4544-0042-3510-8031-b4c04f4e3732"));
    WRONG(strcpy(l.uuid.s, "00000000-0000-0000-0000-000000000000"));
    WRONG(strcpy(l.uuid.s, ""));
    WRONG(l.mac.b[0] = 0x53);
    WRONG(memset(&l.mac, 0, sizeof l.mac));
    WRONG(l.launch_id = 0);
    WRONG(strcpy(l.domain, "lab,script=x"));
    WRONG(strcpy(l.domain, "Lab"));
    WRONG(strcpy(l.nics[0].network.s, "../lab"));
    WRONG(l.nics[1].tap = true);
    WRONG(l.forwards[0].at.port = 0);
    WRONG(l.n_nics = 1); /* and no card for the forwards */
}

static void test_launch_wrong_seed(void **state)
{
    (void)state;
    WRONG(strcpy(l.base_url, ""));
    WRONG(strcpy(l.base_url, "http://10.0.2.2/x"));
    WRONG(strcpy(l.base_url, "http://10.0.2.2,x"));
    WRONG(strcpy(l.base_url, "file:///etc/passwd"));
    WRONG(l.seed_token.s[31] = '\0');
    WRONG(l.seed_token.s[31] = 'F');
    WRONG(l.seed = false);
    WRONG(l.seed = false; l.base_url[0] = '\0');
}

static void test_launch_wrong_machine(void **state)
{
    (void)state;
    WRONG(l.cpus = 0);
    WRONG(l.cpus = UINT32_MAX);
    WRONG(l.memory = 0);
    WRONG(l.memory = UINT64_MAX);
    WRONG(l.memory = INSTANCE_MEMORY_MAX + 1);
    WRONG(l.cpus = INSTANCE_CPUS_MAX + 1);
    WRONG(l.arch = ARCHES);
    WRONG(l.firmware = FIRMWARES);
    WRONG(l.image_format = DISK_FORMATS);
    WRONG(l.network_kind = NETWORK_KINDS);
    WRONG(l.network_kind = (enum network_kind)256); /* must not become 0 on its way */
    WRONG(l.has_kernel = false);                    /* an initrd without it */
    WRONG(l.has_kernel = l.has_initrd = false; l.image_format = DISK_NONE);
    WRONG(strcpy(l.cmdline, "quiet\ninit=/x"));
    WRONG(strcpy(l.cmdline, "caf\xc3\xa9"));
}

static void test_launch_wrong_network(void **state)
{
    (void)state;
    WRONG(strcpy(l.network.s, ""));
    WRONG(strcpy(l.network.s, "../lab"));
    WRONG(l.tap = false); /* on a bridge without one */
    WRONG(l.network_kind = NETWORK_USER);
    WRONG(l.network_kind = NETWORK_USER; l.tap = false); /* its MTU is QEMU's */
    WRONG(l.mtu = NETWORK_MTU_MIN - 1);
    WRONG(l.mtu = NETWORK_MTU_MAX + 1);
}

static void test_verb_ref(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    struct verb_ref v = { { "web1" }, 7 }, got;
    struct err e;

    verb_ref_encode(&v, &b);
    struct msg_cur c = msg_cur(b.data, b.len);
    assert_int_equal(verb_ref_decode(&c, &got, &e), 0);
    assert_string_equal(got.instance.s, "web1");
    assert_int_equal(got.launch_id, 7);
    buf_clear(&b);
    verb_ref_encode(&(struct verb_ref){ { "a/b" }, 7 }, &b);
    c = msg_cur(b.data, b.len);
    assert_int_equal(verb_ref_decode(&c, &got, &e), -1);
    assert_string_equal(got.instance.s, "web1");
}

static int trip_launched(uint32_t pid, enum accel accel, struct launched *got)
{
    auto_buf struct buf b = BUF_INIT;

    launched_encode(&(struct launched){ { "web1" }, 9, pid, accel }, &b);
    struct msg_cur c = msg_cur(b.data, b.len);
    return launched_decode(&c, got, NULL);
}

static void test_launched(void **state)
{
    (void)state;
    struct launched got;

    assert_int_equal(trip_launched(4711, ACCEL_KVM, &got), 0);
    assert_string_equal(got.instance.s, "web1");
    assert_int_equal(got.launch_id, 9);
    assert_int_equal(got.pid, 4711);
    assert_int_equal(got.accel, ACCEL_KVM);
    /* As a pid_t these would be "every process" and "my group". */
    assert_int_equal(trip_launched(UINT32_MAX, ACCEL_KVM, &got), -1);
    assert_int_equal(trip_launched(0, ACCEL_KVM, &got), -1);
    assert_int_equal(trip_launched(1, ACCELS, &got), -1);
}

static void test_exited(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    struct exited v = { { "web1" }, 9, true, -1, "" }, got;
    struct err e;

    /* QEMU's log is what a guest and libraries made of it: it travels as one printable line. */
    strcpy(v.tail, "qemu: no\tspace\nleft \x1b[31m\xc3\xa9");
    exited_encode(&v, &b);
    struct msg_cur c = msg_cur(b.data, b.len);
    assert_int_equal(exited_decode(&c, &got, &e), 0);
    assert_string_equal(got.tail, "qemu: no space left ?[31m??");
    assert_true(got.status_known);
    assert_int_equal(got.status, -1);
    memset(v.tail, 'x', sizeof v.tail); /* without its NUL */
    buf_clear(&b);
    exited_encode(&v, &b);
    c = msg_cur(b.data, b.len);
    assert_int_equal(exited_decode(&c, &got, &e), 0);
    assert_int_equal(strlen(got.tail), sizeof got.tail - 1);
    /* A sender that does not clean it is refused. */
    b.data[b.len - 1] = '\n';
    c = msg_cur(b.data, b.len);
    assert_int_equal(exited_decode(&c, &got, &e), -1);
}

static void test_accel_report(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    struct accel_report v = { ACCEL_TCG, "no /dev/kvm: the kvm module is not loaded", "7.2.13" },
                        got;
    struct err e;

    accel_report_encode(&v, &b);
    struct msg_cur c = msg_cur(b.data, b.len);
    assert_int_equal(accel_report_decode(&c, &got, &e), 0);
    assert_int_equal(got.accel, ACCEL_TCG);
    assert_string_equal(got.reason, v.reason);
    assert_string_equal(got.qemu_version, v.qemu_version);
    c = msg_cur(b.data, b.len - 1);
    assert_int_equal(accel_report_decode(&c, &got, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_launch),
        cmocka_unit_test(test_launch_cut_anywhere),
        cmocka_unit_test(test_launch_wrong_names),
        cmocka_unit_test(test_launch_wrong_seed),
        cmocka_unit_test(test_launch_wrong_machine),
        cmocka_unit_test(test_launch_wrong_network),
        cmocka_unit_test(test_verb_ref),
        cmocka_unit_test(test_launched),
        cmocka_unit_test(test_exited),
        cmocka_unit_test(test_accel_report),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
