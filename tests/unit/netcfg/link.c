/* Links against the real kernel, in network namespaces of this program's own: as root, else in a
 * user namespace, else all of it is skipped. A crash is a message that never left: sendmsg(2),
 * which libnl calls, is this file's, and stops when its budget is spent. */
#include "netcfg/link.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "unit/netcfg/netns.h"

ssize_t sendmsg(int fd, const struct msghdr *m, int flags);

static const char alias[] = "roost lab";
static const struct step bridge_step = { .kind = STEP_BRIDGE,
                                         .device = "rb-lab",
                                         .mac = { { 0x02, 0x11, 0x22, 0x33, 0x44, 0x55 } },
                                         .mtu = 1500 };
static const struct step move_step = { .kind = STEP_MOVE, .device = "rb-lab", .parent = "port0" };
static const struct step port_step = { .kind = STEP_PORT, .device = "rb-lab", .parent = "port0" };

static int budget = -1; /* messages that may leave; -1: all */
static struct netlink *n;

ssize_t sendmsg(int fd, const struct msghdr *m, int flags)
{
    if (budget == 0) {
        errno = EIO;
        return -1;
    }
    budget -= budget > 0;
    return syscall(SYS_sendmsg, fd, m, flags);
}

/* --- namespaces ------------------------------------------------------------------------------ */

static bool possible;

static int setup_group(void **state)
{
    (void)state;
    possible = netns_possible();
    return 0;
}

static int setup(void **state)
{
    (void)state;
    budget = -1;
    if (!possible)
        return 0;
    assert_int_equal(unshare(CLONE_NEWNET), 0);
    n = netlink_open(NULL);
    return n ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    netlink_close(n);
    n = NULL;
    return 0;
}

#define NEEDS_NAMESPACE                                                                            \
    do {                                                                                           \
        if (!possible)                                                                             \
            skip();                                                                                \
    } while (0)

static void equal(const char *before, const char *after)
{
    char command[100];
    if (strcmp(before, after) == 0)
        return;
    FILE *f = tmpfile();
    assert_non_null(f);
    fputs(after, f);
    fflush(f);
    snprintf(command, sizeof(command), "diff - /proc/%d/fd/%d", (int)getpid(), fileno(f));
    FILE *p = popen(command, "w");
    assert_non_null(p);
    fputs(before, p);
    pclose(p);
    fclose(f);
    fail_msg("that is what changed");
}

/* Whoever was killed comes back with a new socket. */
static void end_budget(void)
{
    budget = -1;
    netlink_close(n);
    n = netlink_open(NULL);
    assert_non_null(n);
}

/* An interface with a peer, up; no addresses that come by themselves later. The kernel tells the
 * carrier a moment after it is there (linkwatch). */
static void make_parent(void)
{
    sh("ip link set lo up && ip link add port0 type veth peer name far0 && "
       "ip link set port0 addrgenmode none && ip link set far0 addrgenmode none && "
       "ip link set port0 up && ip link set far0 up && i=0 && "
       "until ip -o link show dev port0 | grep -q 'state UP' && "
       "ip -o link show dev far0 | grep -q 'state UP'; do i=$((i + 1)); test $i -lt 2000 || exit 1; "
       "done");
}

/* Everything that the kernel says about links, addresses and routes, but for the age of a lease,
 * the carrier, which it tells a moment later (linkwatch), and what it does of itself a moment after
 * it has an IPv6 address: its own local route, the end of its trial. */
static char *snapshot(void)
{
    FILE *p = popen("(ip -d addr; ip route show table all; ip -6 route show table all; "
                    "ip -d link) | sed -E 's/_lft [0-9]+sec/_lft SEC/g; s/expires [0-9]+sec//; "
                    "s/[a-z]+_timer +[0-9.]+//g; s/NO-CARRIER,//; s/,(LOWER_UP|M-DOWN)//g; "
                    "s/ state [A-Z]+//; s/ linkdown//; s/ tentative//; /^(local|anycast|multicast) [0-9a-f]*:.* proto kernel /d'",
                    "r");
    auto_buf struct buf b = BUF_INIT;
    char line[4096];

    assert_non_null(p);
    while (fgets(line, sizeof(line), p))
        buf_puts(&b, line);
    assert_int_equal(pclose(p), 0);
    return buf_steal(&b);
}

static struct fact_link get(const char *name)
{
    struct facts f;
    assert_int_equal(link_facts(n, &f, NULL), 0);
    const struct fact_link *l = facts_link(&f, name);
    assert_non_null(l);
    struct fact_link copy = *l;
    facts_done(&f);
    return copy;
}

static bool there(const char *name)
{
    struct facts f;
    assert_int_equal(link_facts(n, &f, NULL), 0);
    bool yes = facts_link(&f, name) != NULL;
    facts_done(&f);
    return yes;
}

static bool holds(const struct step *s)
{
    struct facts f;
    assert_int_equal(link_facts(n, &f, NULL), 0);
    bool yes = link_holds(&f, s, alias);
    facts_done(&f);
    return yes;
}

static void apply(const struct step *s, const char *undo)
{
    struct err e = { 0 };
    if (link_do(n, s, alias, undo, &e) < 0)
        fail_msg("%s %s: %s", step_kind_name(s->kind), s->device, e.text);
    assert_true(holds(s));
}

static void take_back(const struct step *s, const char *undo)
{
    struct err e = { 0 };
    if (link_undo(n, s, alias, undo, &e) < 0)
        fail_msg("%s %s: %s", step_kind_name(s->kind), s->device, e.text);
}

static void remember(const struct step *s, struct buf *undo)
{
    struct err e = { 0 };
    if (link_remember(n, s, undo, &e) < 0)
        fail_msg("%s %s: %s", step_kind_name(s->kind), s->device, e.text);
}

/* --- facts ----------------------------------------------------------------------------------- */

static void test_facts(void **state)
{
    (void)state;
    NEEDS_NAMESPACE;
    struct facts f;
    make_parent();
    sh("ip addr add 10.1.2.3/24 dev port0 && ip addr add 10.1.2.4/24 dev port0 valid_lft 500 "
       "preferred_lft 400 && "
       "ip route add default via 10.1.2.1 metric 50 src 10.1.2.3 && "
       "ip route add blackhole 10.9.0.0/16 && ip link set port0 alias 'to the north' && "
       "ip route add 10.8.0.0/16 nexthop via 10.1.2.7 nexthop via 10.1.2.8 && "
       "ip route add 10.7.0.0/16 dev port0 table 77");
    assert_int_equal(link_facts(n, &f, NULL), 0);
    const struct fact_link *l = facts_link(&f, "port0");
    assert_non_null(l);
    assert_string_equal(l->kind, "veth");
    assert_string_equal(l->alias, "to the north");
    assert_string_equal(l->parent, "far0");
    assert_int_equal(l->mtu, 1500);
    assert_true(l->up && l->running);
    assert_string_equal(facts_default_device(&f), "port0");
    int fixed = 0, dynamic = 0, hops = 0;
    for (size_t i = 0; i < f.n_addresses; i++) {
        bool mine = strcmp(f.addresses[i].device, "port0") == 0;
        fixed += mine && !f.addresses[i].dynamic && f.addresses[i].prefix == 24;
        dynamic += mine && f.addresses[i].dynamic;
    }
    assert_int_equal(fixed, 1);
    assert_int_equal(dynamic, 1);
    for (size_t i = 0; i < f.n_routes; i++) {
        const struct fact_route *r = &f.routes[i];
        char to[CIDR_TEXT], via[IP_TEXT];
        cidr_format(&r->to, to);
        assert_string_not_equal(to, "10.9.0.0/16");
        assert_string_not_equal(to, "10.7.0.0/16");
        hops += strcmp(to, "10.8.0.0/16") == 0 && r->via.family == 4;
        if (r->to.ip.family == 4 && r->to.prefix == 0) {
            assert_string_equal(ip_format(&r->via, via), "10.1.2.1");
            assert_string_equal(ip_format(&r->source, via), "10.1.2.3");
            assert_int_equal(r->metric, 50);
        }
    }
    assert_int_equal(hops, 2);
    facts_done(&f);
}

/* sysfs is another namespace's here, so it is judged by the ports. */
static void test_facts_pinned(void **state)
{
    (void)state;
    NEEDS_NAMESPACE;
    sh("ip link add follows type bridge && ip link add pinned address 02:00:00:00:00:09 type bridge"
       " && ip link add p1 type veth peer name q1 && ip link add p2 type veth peer name q2 && "
       "ip link set p1 master follows && ip link set p2 master pinned");
    assert_false(get("follows").mac_pinned);
    assert_true(get("pinned").mac_pinned);
    assert_string_equal(get("p1").master, "follows");
}

/* --- bridge ---------------------------------------------------------------------------------- */

static void test_bridge(void **state)
{
    (void)state;
    NEEDS_NAMESPACE;
    auto_free char *before = snapshot();
    auto_buf struct buf undo = BUF_INIT;
    remember(&bridge_step, &undo);
    assert_string_equal(buf_str(&undo), "");
    apply(&bridge_step, "");
    struct fact_link l = get("rb-lab");
    assert_string_equal(l.kind, "bridge");
    assert_string_equal(l.alias, alias);
    assert_memory_equal(&l.mac, &bridge_step.mac, 6);
    assert_int_equal(l.mtu, 1500);
    assert_true(l.up);
    sh("ip -j -d link show rb-lab | grep -q '\"forward_delay\":0,' && "
       "ip -j -d link show rb-lab | grep -q '\"stp_state\":0,' && "
       "ip -j -d link show rb-lab | grep -q '\"mcast_snooping\":1,'");
    auto_free char *once = snapshot();
    apply(&bridge_step, "");
    auto_free char *twice = snapshot();
    equal(once, twice);
    take_back(&bridge_step, "");
    assert_false(there("rb-lab"));
    take_back(&bridge_step, "");
    auto_free char *after = snapshot();
    equal(before, after);
}

/* Neither MAC nor MTU follows what joins. */
static void test_bridge_keeps_itself(void **state)
{
    (void)state;
    NEEDS_NAMESPACE;
    apply(&bridge_step, "");
    sh("ip link add low address 00:00:00:00:00:01 mtu 1300 type veth peer name far && "
       "ip link set low master rb-lab && ip link set low up && ip link del low");
    assert_true(holds(&bridge_step));
    sh("ip link add low address 00:00:00:00:00:01 mtu 1300 type veth peer name far && "
       "ip link set low master rb-lab");
    assert_true(holds(&bridge_step));
}

static void test_bridge_mended(void **state)
{
    (void)state;
    NEEDS_NAMESPACE;
    apply(&bridge_step, "");
    sh("ip link set rb-lab address 02:00:00:00:00:01 mtu 1400 down");
    assert_false(holds(&bridge_step));
    apply(&bridge_step, "");
    assert_true(get("rb-lab").up);
}

static void test_bridge_of_somebody_else(void **state)
{
    (void)state;
    NEEDS_NAMESPACE;
    static const char *const others[] = {
        "ip link add rb-lab type bridge",
        "ip link add rb-lab address 02:11:22:33:44:55 alias 'mine' type bridge && "
        "ip link set rb-lab alias mine",
        "ip link add rb-lab address 02:11:22:33:44:55 type veth peer name x",
    };
    const struct step address = { .kind = STEP_ADDRESS,
                                  .device = "rb-lab",
                                  .address = { .family = 4, .b = { 10, 3, 0, 1 } },
                                  .prefix = 24 };
    make_parent();
    for (size_t i = 0; i < ARRAY_SIZE(others); i++) {
        struct err e = { 0 };
        sh(others[i]);
        auto_free char *before = snapshot();
        const struct step *const steps[] = { &bridge_step, &address, &port_step, &move_step };
        for (size_t k = 0; k < ARRAY_SIZE(steps); k++) {
            assert_int_equal(link_do(n, steps[k], alias, "up", &e), -1);
            assert_int_equal(e.kind, ERR_CONFLICT);
            take_back(steps[k], "up");
        }
        auto_free char *after = snapshot();
        equal(before, after);
        sh("ip link del rb-lab");
    }
}

/* --- address, port --------------------------------------------------------------------------- */

static void test_address(void **state)
{
    (void)state;
    NEEDS_NAMESPACE;
    const struct step s = { .kind = STEP_ADDRESS,
                            .device = "rb-lab",
                            .address = { .family = 4, .b = { 10, 3, 0, 1 } },
                            .prefix = 24 };
    struct err e = { 0 };
    assert_int_equal(link_do(n, &s, alias, "", &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
    take_back(&s, ""); /* nothing there to take it from */
    apply(&bridge_step, "");
    assert_false(holds(&s));
    apply(&s, "");
    apply(&s, "");
    sh("ip -j addr show rb-lab | grep -q '\"local\":\"10.3.0.1\",\"prefixlen\":24,"
       "\"broadcast\":\"10.3.0.255\"'");
    take_back(&s, "");
    assert_false(holds(&s));
    take_back(&s, "");
}

static void test_port(void **state)
{
    (void)state;
    NEEDS_NAMESPACE;
    auto_buf struct buf undo = BUF_INIT;
    make_parent();
    sh("ip link set port0 down");
    auto_free char *before = snapshot();
    apply(&bridge_step, "");
    remember(&port_step, &undo);
    assert_string_equal(buf_str(&undo), "down");
    apply(&port_step, buf_str(&undo));
    assert_string_equal(get("port0").master, "rb-lab");
    assert_true(get("port0").up);
    apply(&port_step, buf_str(&undo));
    take_back(&port_step, buf_str(&undo));
    assert_string_equal(get("port0").master, "");
    assert_false(get("port0").up);
    take_back(&port_step, buf_str(&undo));
    take_back(&bridge_step, "");
    auto_free char *after = snapshot();
    equal(before, after);
}

static void test_port_of_another(void **state)
{
    (void)state;
    NEEDS_NAMESPACE;
    struct err e = { 0 };
    make_parent();
    apply(&bridge_step, "");
    sh("ip link add br0 type bridge && ip link set port0 master br0");
    assert_int_equal(link_do(n, &port_step, alias, "up", &e), -1);
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_non_null(strstr(e.text, "br0"));
    take_back(&port_step, "up");
    assert_string_equal(get("port0").master, "br0");
}

/* Was down before us, but somebody relies on it by now. */
static void test_port_stays_up_for_others(void **state)
{
    (void)state;
    NEEDS_NAMESPACE;
    make_parent();
    apply(&bridge_step, "");
    sh("ip link set port0 down");
    apply(&port_step, "down");
    sh("ip addr add 10.5.5.5/24 dev port0");
    take_back(&port_step, "down");
    assert_true(get("port0").up);
}

static void test_undo_text_refused(void **state)
{
    (void)state;
    NEEDS_NAMESPACE;
    static const char *const bad[] = {
        "",
        "sideways",
        "up address",
        "up address 1.2.3.4",
        "up address 1.2.3.4/33",
        "up address 1.2.3.4/24 flags 1",
        "up route 1.2.3.4/24",
        "up via 1.2.3.4",
        "up route 10.0.0.0/8 via fe80::1",
        "up route 10.0.0.0/8 metrics 99=1",
        "up route 10.0.0.0/8 address 10.0.0.1/8",
        "up address 1.2.3.4/24 label aaaaaaaaaaaaaaaaaa",
    };
    make_parent();
    apply(&bridge_step, "");
    auto_free char *before = snapshot();
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct err e = { 0 };
        if (link_do(n, &move_step, alias, bad[i], &e) == 0)
            fail_msg("\"%s\" was taken", bad[i]);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_int_equal(link_undo(n, &move_step, alias, bad[i], &e), -1);
    }
    auto_free char *after = snapshot();
    equal(before, after);
}

/* --- move ------------------------------------------------------------------------------------ */

static void make_busy_parent(void)
{
    make_parent();
    sh("ip addr add 10.1.2.3/24 brd + dev port0 && ip addr add 10.1.2.9/24 dev port0 && "
       "ip addr add 10.2.0.1/16 dev port0 label port0:x valid_lft 5000 preferred_lft 4000 && "
       "ip addr add 10.4.0.1 peer 10.4.0.2/32 dev port0 && "
       "ip addr add 10.6.0.1/24 dev port0 noprefixroute && "
       "ip route add 10.6.0.0/24 dev port0 proto static scope link src 10.6.0.1 metric 7 && "
       "ip addr add fd00:1::5/64 dev port0 nodad && "
       "ip route add default via 10.1.2.1 proto dhcp src 10.1.2.3 metric 100 mtu 1400 && "
       "ip route add 192.168.99.0/24 via 10.6.0.7 && "
       "ip route add default via 10.1.2.1 table 77 && "
       "ip route add 192.168.50.0/24 via 203.0.113.1 dev port0 onlink && "
       "ip -6 route add default via fd00:1::1 metric 30 && "
       "ip -6 route add fd00:9::/48 via fe80::1 dev port0");
}

static void check_moved(void)
{
    sh("test -z \"$(ip -4 addr show dev port0)\" && test -z \"$(ip -4 route show dev port0)\"");
    sh("ip route get 8.8.8.8 | grep -q 'via 10.1.2.1 dev rb-lab src 10.1.2.3' && "
       "ip route get 192.168.99.1 | grep -q 'via 10.6.0.7 dev rb-lab' && "
       "ip route show default | grep -q 'proto dhcp src 10.1.2.3 metric 100 mtu 1400' && "
       "ip route show table 77 | grep -q 'default via 10.1.2.1 dev rb-lab' && "
       "ip route get 192.168.50.1 | grep -q 'via 203.0.113.1 dev rb-lab' && "
       "ip -6 route get fd00:2::1 | grep -q 'via fd00:1::1 dev rb-lab' && "
       "ip -6 route get fd00:9::1 | grep -q 'via fe80::1 dev rb-lab'");
}

static void test_move(void **state)
{
    (void)state;
    NEEDS_NAMESPACE;
    auto_buf struct buf undo = BUF_INIT;
    make_busy_parent();
    auto_free char *before = snapshot();
    remember(&move_step, &undo);
    assert_null(strchr(buf_str(&undo), '\n'));
    apply(&bridge_step, "");
    apply(&move_step, buf_str(&undo));
    check_moved();
    auto_free char *once = snapshot();
    apply(&move_step, buf_str(&undo));
    auto_free char *twice = snapshot();
    equal(once, twice);
    apply(&port_step, "up");
    take_back(&port_step, "up");
    take_back(&move_step, buf_str(&undo));
    take_back(&move_step, buf_str(&undo));
    take_back(&bridge_step, "");
    auto_free char *after = snapshot();
    equal(before, after);
    take_back(&move_step, buf_str(&undo));
    auto_free char *again = snapshot();
    equal(before, again);
}

/* Killed after each message of the way there: taken back it is as before, done again it is done. */
static void test_move_killed(void **state)
{
    (void)state;
    NEEDS_NAMESPACE;
    auto_buf struct buf undo = BUF_INIT;
    int points = 0;
    bool done = false;
    make_busy_parent();
    auto_free char *before = snapshot();
    remember(&move_step, &undo);
    for (; !done; points++) {
        apply(&bridge_step, "");
        budget = points;
        done = link_do(n, &move_step, alias, buf_str(&undo), NULL) == 0;
        end_budget();
        if (points % 2) {
            apply(&move_step, buf_str(&undo));
            check_moved();
        }
        take_back(&move_step, buf_str(&undo));
        take_back(&bridge_step, "");
        auto_free char *after = snapshot();
        equal(before, after);
    }
    print_message("%d points on the way there\n", points);
    assert_true(points > 20);
}

/* And after each message of the way back. */
static void test_move_undo_killed(void **state)
{
    (void)state;
    NEEDS_NAMESPACE;
    auto_buf struct buf undo = BUF_INIT;
    int points = 0;
    bool done = false;
    make_busy_parent();
    auto_free char *before = snapshot();
    remember(&move_step, &undo);
    for (; !done; points++) {
        apply(&bridge_step, "");
        apply(&move_step, buf_str(&undo));
        budget = points;
        done = link_undo(n, &move_step, alias, buf_str(&undo), NULL) == 0;
        end_budget();
        take_back(&move_step, buf_str(&undo));
        take_back(&bridge_step, "");
        auto_free char *after = snapshot();
        equal(before, after);
    }
    print_message("%d points on the way back\n", points);
    assert_true(points > 20);
}

/* The bridge deleted behind our back took the addresses with it; they are remembered. */
static void test_move_bridge_gone(void **state)
{
    (void)state;
    NEEDS_NAMESPACE;
    auto_buf struct buf undo = BUF_INIT;
    make_busy_parent();
    auto_free char *before = snapshot();
    remember(&move_step, &undo);
    apply(&bridge_step, "");
    apply(&move_step, buf_str(&undo));
    sh("ip link del rb-lab");
    assert_false(holds(&move_step));
    take_back(&move_step, buf_str(&undo));
    take_back(&bridge_step, "");
    auto_free char *after = snapshot();
    equal(before, after);
}

/* The plan of a VLAN's bridge is told before the first of its steps is done. */
static void test_port_still_to_be_made(void **state)
{
    (void)state;
    NEEDS_NAMESPACE;
    auto_buf struct buf undo = BUF_INIT, of_vlan = BUF_INIT;
    const struct step vlan = { .kind = STEP_VLAN, .device = "rv-lab", .parent = "port0", .vlan = 7 };
    struct err e = { 0 };

    assert_int_equal(link_remember(n, &vlan, &of_vlan, &e), -1);
    assert_non_null(strstr(e.text, "port0"));
    remember(&port_step, &undo);
    assert_string_equal(buf_str(&undo), "down");
    apply(&bridge_step, "");
    make_parent();
    apply(&port_step, buf_str(&undo));
    sh("ip link show port0 master rb-lab | grep -q port0");
    sh("ip link del port0");
    take_back(&port_step, buf_str(&undo)); /* gone before its port: an undone VLAN takes it along */
    take_back(&bridge_step, "");
}

static void test_move_refused(void **state)
{
    (void)state;
    NEEDS_NAMESPACE;
    auto_buf struct buf undo = BUF_INIT;
    struct err e = { 0 };
    make_parent();
    sh("ip addr add 10.1.2.3/24 dev port0 && "
       "ip route add 10.8.0.0/16 nexthop via 10.1.2.7 nexthop via 10.1.2.8");
    assert_int_equal(link_remember(n, &move_step, &undo, &e), -1);
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_non_null(strstr(e.text, "10.8.0.0/16"));
    const struct step nowhere = { .kind = STEP_MOVE, .device = "rb-lab", .parent = "eth77" };
    assert_int_equal(link_remember(n, &nowhere, &undo, &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
}

/* --- bridge killed, VLAN --------------------------------------------------------------------- */

static void test_bridge_killed(void **state)
{
    (void)state;
    NEEDS_NAMESPACE;
    auto_free char *before = snapshot();
    bool done = false;
    int points = 0;
    for (; !done; points++) {
        for (int again = 0; again < 2; again++) {
            budget = points;
            done = link_do(n, &bridge_step, alias, "", NULL) == 0;
            end_budget();
            if (again)
                apply(&bridge_step, "");
            take_back(&bridge_step, "");
            auto_free char *after = snapshot();
            equal(before, after);
        }
    }
    assert_true(points >= 4); /* look, make, mark, finish */
}

static void test_vlan(void **state)
{
    (void)state;
    NEEDS_NAMESPACE;
    const struct step s = {
        .kind = STEP_VLAN, .device = "rv-lab", .parent = "port0", .vlan = 7, .mtu = 1400
    };
    auto_buf struct buf undo = BUF_INIT;
    struct err e = { 0 };
    make_parent();
    if (system("ip link add link port0 name probe type vlan id 9 2>/dev/null") != 0) {
        assert_int_equal(link_do(n, &s, alias, "up", &e), -1);
        print_message("SKIPPED: this kernel has no VLANs (%s)\n", e.text);
        skip();
    }
    sh("ip link del probe && ip link set port0 down");
    auto_free char *before = snapshot();
    remember(&s, &undo);
    apply(&s, buf_str(&undo));
    apply(&s, buf_str(&undo));
    sh("ip -d link show rv-lab | grep -q 'mtu 1400 .*' && "
       "ip -d link show rv-lab | grep -q 'vlan protocol 802.1Q id 7 '");
    assert_true(get("port0").up);
    take_back(&s, buf_str(&undo));
    auto_free char *after = snapshot();
    equal(before, after);
    sh("ip link add link port0 name rv-lab type vlan id 8");
    assert_int_equal(link_do(n, &s, alias, "up", &e), -1);
    assert_int_equal(e.kind, ERR_CONFLICT);
    take_back(&s, "up");
    assert_true(there("rv-lab"));
}

static void test_not_a_link_step(void **state)
{
    (void)state;
    NEEDS_NAMESPACE;
    const struct step s = { .kind = STEP_RULES, .device = "rb-lab" };
    auto_buf struct buf undo = BUF_INIT;
    struct err e = { 0 };
    remember(&s, &undo);
    assert_string_equal(buf_str(&undo), "");
    assert_int_equal(link_do(n, &s, alias, "", &e), -1);
    assert_int_equal(e.kind, ERR_INTERNAL);
    assert_true(holds(&s));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        TEST(test_facts),
        TEST(test_facts_pinned),
        TEST(test_bridge),
        TEST(test_bridge_keeps_itself),
        TEST(test_bridge_mended),
        TEST(test_bridge_of_somebody_else),
        TEST(test_bridge_killed),
        TEST(test_address),
        TEST(test_port),
        TEST(test_port_of_another),
        TEST(test_port_stays_up_for_others),
        TEST(test_undo_text_refused),
        TEST(test_move),
        TEST(test_move_killed),
        TEST(test_move_undo_killed),
        TEST(test_move_bridge_gone),
        TEST(test_port_still_to_be_made),
        TEST(test_move_refused),
        TEST(test_vlan),
        TEST(test_not_a_link_step),
    };
    return cmocka_run_group_tests(tests, setup_group, NULL);
}
