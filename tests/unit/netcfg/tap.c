/* Taps against the real kernel, in network namespaces of this program's own. */
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "netcfg/link.h"
#include "unit/netcfg/netns.h"

static const char alias[] = "roost lab";
static const struct step bridge_step = { .kind = STEP_BRIDGE,
                                         .device = "rb-lab",
                                         .mac = { { 0x02, 0x11, 0x22, 0x33, 0x44, 0x55 } },
                                         .mtu = 1400 };
static const struct mac guest = { { 0x52, 0x54, 0x00, 0xaa, 0xbb, 0xcc } };
static bool possible;
static struct netlink *n;

static int setup_group(void **state)
{
    (void)state;
    possible = netns_possible();
    if (possible && access("/dev/net/tun", R_OK | W_OK) < 0) {
        print_message("SKIPPED: /dev/net/tun: %s\n", strerror(errno));
        possible = false;
    }
    return 0;
}

static int setup(void **state)
{
    (void)state;
    if (!possible)
        return 0;
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    n = netlink_open(NULL);
    assert_non_null(n);
    return link_do(n, &bridge_step, alias, "", NULL);
}

static int teardown(void **state)
{
    (void)state;
    netlink_close(n);
    n = NULL;
    return 0;
}

static int open_guest(unsigned mtu, struct err *e)
{
    char name[IFNAME_SIZE];
    struct mac mac;
    network_tap(&guest, name);
    network_tap_mac(&guest, &mac);
    return tap_open(n, name, &mac, "rb-lab", alias, mtu, e);
}

static bool get(const char *name, struct fact_link *ret)
{
    struct facts f;
    assert_int_equal(link_facts(n, &f, NULL), 0);
    const struct fact_link *l = facts_link(&f, name);
    if (l)
        *ret = *l;
    facts_done(&f);
    return l != NULL;
}

static void test_open(void **state)
{
    (void)state;
    if (!possible)
        skip();
    struct err e = { 0 };
    struct fact_link l, bridge;
    int fd = open_guest(0, &e);
    if (fd < 0)
        fail_msg("%s", e.text);
    assert_true(fcntl(fd, F_GETFD) & FD_CLOEXEC);
    assert_true(get("rt525400aabbcc", &l));
    assert_string_equal(l.kind, "tun");
    assert_string_equal(l.master, "rb-lab");
    assert_string_equal(l.alias, alias);
    assert_int_equal(l.mtu, 1400);
    assert_int_equal(l.mac.b[0], 0xfe);
    assert_memory_equal(l.mac.b + 1, guest.b + 1, 5);
    assert_true(l.up && l.running);
    sh("ip -d -j link show dev rt525400aabbcc | grep -q '\"type\":\"tap\",\"pi\":false,"
       "\"vnet_hdr\":true,\"multi_queue\":false,\"persist\":false'");
    assert_true(get("rb-lab", &bridge));
    assert_int_equal(bridge.mtu, 1400);
    assert_memory_equal(bridge.mac.b, bridge_step.mac.b, 6);
    close(fd); /* lives as long as the descriptor */
    assert_false(get("rt525400aabbcc", &l));
}

/* What the descriptor says is what the bridge hears: a frame of a guest's on the wire. */
static void test_frames(void **state)
{
    (void)state;
    if (!possible)
        skip();
    uint8_t frame[10 + 60] = { 0 }; /* virtio_net_hdr, Ethernet */
    int fd = open_guest(0, NULL);
    assert_true(fd >= 0);
    memset(frame + 10, 0xff, 6);
    memcpy(frame + 16, guest.b, 6);
    frame[22] = 0x88; /* IEEE 802 local experimental */
    frame[23] = 0xb5;
    assert_int_equal(write(fd, frame, sizeof(frame)), sizeof(frame));
    sh("bridge fdb show br rb-lab | grep -q '52:54:00:aa:bb:cc dev rt525400aabbcc'");
    close(fd);
}

static void test_mtu(void **state)
{
    (void)state;
    if (!possible)
        skip();
    struct fact_link l, bridge;
    int fd = open_guest(1300, NULL);
    assert_true(fd >= 0);
    assert_true(get("rt525400aabbcc", &l) && get("rb-lab", &bridge));
    assert_int_equal(l.mtu, 1300);
    assert_int_equal(bridge.mtu, 1400);
    close(fd);
}

static void test_busy(void **state)
{
    (void)state;
    if (!possible)
        skip();
    struct err e = { 0 };
    struct fact_link l;
    int fd = open_guest(0, NULL);
    assert_true(fd >= 0);
    assert_int_equal(open_guest(0, &e), -1);
    assert_int_equal(e.kind, ERR_BUSY);
    assert_true(get("rt525400aabbcc", &l));
    assert_string_equal(l.master, "rb-lab");
    close(fd);
    /* Somebody's persistent tap of that name is not taken over either. */
    sh("ip tuntap add rt525400aabbcc mode tap");
    assert_int_equal(open_guest(0, &e), -1);
    assert_int_equal(e.kind, ERR_BUSY);
}

static void test_no_bridge(void **state)
{
    (void)state;
    if (!possible)
        skip();
    struct err e = { 0 };
    struct fact_link l;
    sh("ip link del rb-lab");
    assert_int_equal(open_guest(0, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    assert_false(get("rt525400aabbcc", &l));
    sh("ip link add rb-lab type veth peer name x");
    assert_int_equal(open_guest(0, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
}

static void test_bad_name(void **state)
{
    (void)state;
    if (!possible)
        skip();
    static const char *const bad[] = { "", "rt%d", "a/b", "sixteen-letters-" };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct err e = { 0 };
        assert_int_equal(tap_open(n, bad[i], &guest, "rb-lab", alias, 0, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
    }
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_open), TEST(test_frames),    TEST(test_mtu),
        TEST(test_busy), TEST(test_no_bridge), TEST(test_bad_name),
    };
    return cmocka_run_group_tests(tests, setup_group, NULL);
}
