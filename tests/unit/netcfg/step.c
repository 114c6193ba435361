/* Steps as lines: there and back, and nothing but that. */
#include "netcfg/step.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static const struct {
    const char *line, *words;
} good[] = {
    { "vlan rv-lab parent eth0 id 7 mtu 1500", "make rv-lab, VLAN 7 on eth0 (MTU 1500)" },
    { "vlan rv-lab parent bond0.4@x id 4094 mtu 68",
      "make rv-lab, VLAN 4094 on bond0.4@x (MTU 68)" },
    { "bridge rb-lab mac 02:11:22:33:44:55 mtu 65535",
      "make bridge rb-lab (02:11:22:33:44:55, MTU 65535)" },
    { "address rb-lab 172.16.5.1/24", "give rb-lab the address 172.16.5.1/24" },
    { "address rb-lab fd00::1/64", "give rb-lab the address fd00::1/64" },
    { "move rb-lab parent eth0", "move addresses and routes of eth0 to rb-lab, and join the two" },
    { "port rb-lab parent eth0", "make eth0 a port of rb-lab" },
    { "port rb-lab parent rv-lab", "make rv-lab a port of rb-lab" },
    { "sysctl net.ipv4.ip_forward 1", "set net.ipv4.ip_forward to 1" },
    { "sysctl net.ipv4.conf.rb-lab.rp_filter 1", "set net.ipv4.conf.rb-lab.rp_filter to 1" },
    { "sysctl net.ipv6.conf.rb-lab.disable_ipv6 1", "set net.ipv6.conf.rb-lab.disable_ipv6 to 1" },
    { "rules rb-lab", "add chains of iptables rules for rb-lab" },
    { "rules br0", "add chains of iptables rules for br0" },
    { "listen rb-lab 172.16.5.1 10200", "serve seeds on 172.16.5.1 port 10200 of rb-lab" },
    { "listen br0 fd00::1 65535", "serve seeds on fd00::1 port 65535 of br0" },
    { "dnsmasq rb-lab", "start dnsmasq on rb-lab" },
    { "resolved rb-lab", "tell systemd-resolved who knows the names on rb-lab" },
};

static void test_round_trip(void **state)
{
    (void)state;
    bool kinds[STEP_KINDS] = { false };
    for (size_t i = 0; i < ARRAY_SIZE(good); i++) {
        struct step s;
        struct err e = { 0 };
        auto_buf struct buf line = BUF_INIT, words = BUF_INIT;
        if (step_parse(good[i].line, &s, &e) < 0)
            fail_msg("%s: %s", good[i].line, e.text);
        step_format(&s, &line);
        assert_string_equal(buf_str(&line), good[i].line);
        step_describe(&s, &words);
        assert_string_equal(buf_str(&words), good[i].words);
        assert_int_equal(
            strncmp(step_kind_name(s.kind), good[i].line, strlen(step_kind_name(s.kind))), 0);
        kinds[s.kind] = true;
    }
    for (int k = 0; k < STEP_KINDS; k++)
        assert_true(kinds[k]);
    assert_string_equal(step_kind_name(STEP_KINDS), "unknown");
}

static void test_fields(void **state)
{
    (void)state;
    struct step s;
    assert_int_equal(step_parse("vlan rv-lab parent eth0 id 7 mtu 1400", &s, NULL), 0);
    assert_int_equal(s.kind, STEP_VLAN);
    assert_string_equal(s.device, "rv-lab");
    assert_string_equal(s.parent, "eth0");
    assert_int_equal(s.vlan, 7);
    assert_int_equal(s.mtu, 1400);
    assert_int_equal(step_parse("listen rb-lab 10.0.0.1 80", &s, NULL), 0);
    assert_int_equal(s.port, 80);
    assert_int_equal(s.address.b[0], 10);
    assert_string_equal(s.parent, "");
}

/* A ledger that somebody else wrote names nothing of the host. */
static const char *const refused[] = {
    "",
    "bridge",
    "wall rb-lab",
    " rules rb-lab",
    "rules rb-lab ",
    "rules  rb-lab",
    "rules rb-lab\n",
    "rules rb-lab rb-lab",
    "rules",
    "rules lo",
    "rules rv-lab",
    "rules rt525400aabbcc",
    "rules rb-lab/../x",
    "bridge eth0 mac 02:11:22:33:44:55 mtu 1500",
    "bridge rb- mac 02:11:22:33:44:55 mtu 1500",
    "bridge rb-Lab mac 02:11:22:33:44:55 mtu 1500",
    "bridge rb-lab.1 mac 02:11:22:33:44:55 mtu 1500",
    "bridge rb-lab mac 02:11:22:33:44:5G mtu 1500",
    "bridge rb-lab mac 03:11:22:33:44:55 mtu 1500",
    "bridge rb-lab mac 02-11-22-33-44-55 mtu 1500",
    "bridge rb-lab mac 02:11:22:33:44:AA mtu 1500",
    "bridge rb-lab mac 02:11:22:33:44:55 mtu 67",
    "bridge rb-lab mac 02:11:22:33:44:55 mtu 65536",
    "bridge rb-lab mac 02:11:22:33:44:55 mtu 01500",
    "bridge rb-lab mtu 1500 mac 02:11:22:33:44:55",
    "bridge rb-lab mac 02:11:22:33:44:55",
    "bridge rb-averylongname mac 02:11:22:33:44:55 mtu 1500",
    "address eth0 10.0.0.1/24",
    "address rb-lab 10.0.0.1",
    "address rb-lab 10.0.0.1/0",
    "address rb-lab 10.0.0.1/33",
    "address rb-lab 127.0.0.1/8",
    "address rb-lab 0.0.0.0/8",
    "address rb-lab 224.0.0.1/8",
    "address rb-lab fd00::1/129",
    "address rb-lab fd00:0::1/64",
    "address rb-lab 0010.0.0.1/24",
    "move eth0 parent rb-lab",
    "move rb-lab parent lo",
    "move rb-lab parent rv-lab",
    "move rb-lab parent rb-other",
    "port rb-lab parent rt525400aabbcc",
    "port rb-lab parent rb-other",
    "port rb-lab port eth0",
    "vlan eth0.7 parent eth0 id 7 mtu 1500",
    "vlan rv-lab parent rv-other id 7 mtu 1500",
    "vlan rv-lab parent eth0 id 0 mtu 1500",
    "vlan rv-lab parent eth0 id 4095 mtu 1500",
    "sysctl kernel.core_pattern |/tmp/x",
    "sysctl kernel.core_pattern x",
    "sysctl net.ipv4.ip_forward 2",
    "sysctl net.ipv4.ip_forward",
    "sysctl net.ipv4.conf.eth0.rp_filter 0",
    "sysctl net.ipv4.conf.../../../kernel.panic 1",
    "listen rb-lab 10.0.0.1 0",
    "listen rb-lab 10.0.0.1 65536",
    "listen rb-lab 127.0.0.1 80",
    "listen rb-lab 80",
    "dnsmasq",
    "resolved rb-lab x",
};

static void test_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(refused); i++) {
        struct step s = { .port = 77 };
        struct err e = { 0 };
        if (step_parse(refused[i], &s, &e) == 0)
            fail_msg("\"%s\" was taken", refused[i]);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_int_equal(s.port, 77);
    }
}

static void test_long(void **state)
{
    (void)state;
    char line[4000];
    memset(line, 'x', sizeof(line));
    line[sizeof(line) - 1] = '\0';
    struct step s;
    struct err e = { 0 };
    assert_int_equal(step_parse(line, &s, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    for (size_t i = 1; i < sizeof(line) - 1; i += 2)
        line[i] = ' ';
    assert_int_equal(step_parse(line, &s, &e), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_long),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
