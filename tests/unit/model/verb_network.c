#include "model/verb_network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/buf.h"
#include "base/cleanup.h"

static struct ip ip(const char *s)
{
    struct ip a;

    assert_int_equal(ip_parse(s, &a, NULL), 0);
    return a;
}

/* A network with all that one can have. */
static struct net_up sample(void)
{
    struct net_up v = { .salt = { 1, 2, 3 }, .seed_port = 10200, .made = true, .n_allow_up = 1 };
    struct network *n = &v.network;
    struct err e;
    json_t *j =
        json_pack("{s:s, s:s, s:s, s:s, s:s, s:i, s:b, s:[s,s], s:[s,s], s:[s,s], s:s}", "kind",
                  "shared", "cidr", "172.16.5.0/24", "domain", "lab.internal", "policy", "address",
                  "advertise", "http://172.16.5.1:10200", "mtu", 1400, "autostart", 1, "allow",
                  "backup", "store", "forwards", ":8080 web1:80", "10.0.0.1:53 dns1:53/udp",
                  "nameservers", "9.9.9.9", "1.1.1.1", "dhcp", "172.16.5.10-172.16.5.99");

    assert_int_equal(network_from_json("lab", j, n, &e), 0);
    json_decref(j);
    v.forward_to[0] = ip("172.16.5.20");
    strcpy(v.allow_up[0].s, "store");
    return v;
}

static struct net_up bridged(void)
{
    struct net_up v = { .network = { .name = { "vlan7" }, .kind = NETWORK_BRIDGED, .vlan = 7 } };

    strcpy(v.network.parent, "eth0");
    assert_int_equal(cidr_parse("10.1.1.0/24", &v.network.cidr, NULL), 0);
    v.network.host = ip("10.1.1.2");
    v.network.gateway = ip("10.1.1.1");
    v.network.dhcp = true;
    return v;
}

static int decode_up(const struct buf *b, size_t len, struct net_up *ret, struct err *e)
{
    struct msg_cur c = msg_cur(b->data, len);

    return net_up_decode(&c, ret, e);
}

/* Encodes what it is given, right or wrong, and decodes that. */
static int round_up(const struct net_up *v, struct net_up *ret)
{
    auto_buf struct buf b = BUF_INIT;
    struct err e;

    net_up_encode(v, &b);
    assert_int_equal(buf_check(&b, NULL), 0);
    int r = decode_up(&b, b.len, ret, &e);
    if (r < 0)
        assert_int_equal(e.kind, ERR_INVALID);
    return r;
}

static void test_up(void **state)
{
    (void)state;
    const struct net_up all[] = { sample(), bridged() };

    for (size_t i = 0; i < ARRAY_SIZE(all); i++) {
        auto_buf struct buf a = BUF_INIT, b = BUF_INIT;
        struct net_up got;
        assert_int_equal(round_up(&all[i], &got), 0);
        net_up_encode(&all[i], &a);
        net_up_encode(&got, &b);
        assert_int_equal(a.len, b.len);
        assert_memory_equal(a.data, b.data, a.len);
        json_t *x = network_to_json(&all[i].network), *y = network_to_json(&got.network);
        assert_true(json_equal(x, y));
        json_decref(x);
        json_decref(y);
        assert_string_equal(got.network.name.s, all[i].network.name.s);
        assert_memory_equal(got.salt, all[i].salt, sizeof got.salt);
        assert_int_equal(got.seed_port, all[i].seed_port);
        assert_int_equal(got.made, all[i].made);
        assert_int_equal(got.n_allow_up, all[i].n_allow_up);
        assert_true(ip_equal(&got.forward_to[0], &all[i].forward_to[0]));
        assert_int_equal(got.forward_to[1].family, 0);
    }
}

static void test_up_cut_anywhere(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    struct net_up v = sample(), got;
    struct err e;

    net_up_encode(&v, &b);
    for (size_t len = 0; len < b.len; len++)
        assert_int_equal(decode_up(&b, len, &got, &e), -1);
    assert_int_equal(decode_up(&b, b.len, &got, &e), 0);
    buf_putc(&b, '\0');
    assert_int_equal(decode_up(&b, b.len, &got, &e), -1);
    assert_non_null(strstr(e.text, "left over"));
}

#define WRONG(make, ...)                                                                           \
    do {                                                                                           \
        struct net_up v = make(), got;                                                             \
        struct network *n = &v.network;                                                            \
        (void)n;                                                                                   \
        __VA_ARGS__;                                                                               \
        assert_int_equal(round_up(&v, &got), -1);                                                  \
    } while (0)

/* What a taken-over core could try to send to root. */
static void test_up_wrong_names(void **state)
{
    (void)state;
    WRONG(sample, strcpy(n->name.s, "../etc"));
    WRONG(sample, strcpy(n->name.s, ""));
    WRONG(sample, strcpy(n->domain, "lab\ndhcp-script=/bin/sh"));
    WRONG(sample, strcpy(n->domain, "Lab"));
    WRONG(sample, strcpy(n->advertise, "http://h/x"));
    WRONG(sample, strcpy(n->advertise, "file:///etc/passwd"));
    WRONG(sample, strcpy(n->allow[0].s, "a b"));
    WRONG(sample, strcpy(n->forwards[0].instance.s, "web1;reboot"));
    WRONG(sample, strcpy(n->parent, "eth0"));
    WRONG(bridged, strcpy(n->parent, "../../x"));
    WRONG(bridged, strcpy(n->parent, "eth0\nx"));
    WRONG(bridged, strcpy(n->parent, ""));
    WRONG(sample, strcpy(v.allow_up[0].s, "prod")); /* not in its definition */
    WRONG(sample, v.n_allow_up = 2; v.allow_up[1] = v.allow_up[0]);
    WRONG(sample, v.n_allow_up = 3);
    WRONG(sample, v.n_allow_up = NETWORK_ALLOW_MAX + 1);
    WRONG(sample, v.n_allow_up = -1);
}

static void test_up_wrong_values(void **state)
{
    (void)state;
    WRONG(sample, n->kind = NETWORK_USER);
    WRONG(sample, *n = ((struct network){ .name = { "u" }, .kind = NETWORK_USER }));
    WRONG(sample, n->kind = NETWORK_KINDS);
    WRONG(sample, n->kind = (enum network_kind)(256 + NETWORK_SHARED));
    WRONG(sample, n->policy = SEED_POLICIES);
    WRONG(sample, n->cidr.ip.b[3] = 1);
    WRONG(sample, n->cidr.prefix = 33);
    WRONG(sample, n->cidr = (struct cidr){ .prefix = 24 });
    WRONG(sample, n->cidr = (struct cidr){ .ip.family = 4 });
    WRONG(sample, n->host = ip("172.16.6.1"));
    WRONG(sample, n->gateway = ip("172.16.5.2"));
    WRONG(sample, n->dhcp_first = ip("172.16.5.1"));
    WRONG(sample, n->dhcp_last = ip("172.16.6.1"));
    WRONG(sample, n->n_nameservers = NETWORK_NAMESERVERS_MAX + 1);
    WRONG(sample, n->nameservers[0] = ip("::1"));
    WRONG(sample, n->nameservers[0] = (struct ip){ .family = 6, .b = { [10] = 0xff, 0xff, 9 } });
    WRONG(sample, n->mtu = 100);
    WRONG(sample, n->vlan = 7);
    WRONG(bridged, n->vlan = 4095);
    WRONG(sample, n->n_allow = NETWORK_ALLOW_MAX + 1);
    WRONG(sample, n->n_forwards = NETWORK_FORWARDS_MAX + 1);
    WRONG(sample, n->n_forwards = -1);
    WRONG(sample, n->forwards[0].at = (struct endpoint){ ip("127.0.0.1"), 80 });
    WRONG(sample, n->forwards[0].at.port = 0);
    WRONG(sample, n->forwards[0].transport = TRANSPORTS);
    /* Somebody else's machine: DNAT would send the host's traffic there. */
    WRONG(sample, v.forward_to[0] = ip("10.0.0.1"));
    WRONG(sample, v.forward_to[0] = ip("172.16.5.1"));
    WRONG(sample, v.forward_to[0] = ip("172.16.5.255"));
}

static void test_bytes_of_wrong_length(void **state)
{
    (void)state;
    auto_buf struct buf b = BUF_INIT;
    struct net_up v = bridged(), got;

    net_up_encode(&v, &b);
    /* Its length; then itself, the port, whether the bridge was made, a count. */
    char *salt = b.data + b.len - 1 - 1 - 2 - 16 - 4;
    assert_int_equal(salt[0], 16);
    salt[0] = 15;
    assert_int_equal(decode_up(&b, b.len, &got, NULL), -1);
}

static int round_ref(const char *name, struct net_ref *got)
{
    auto_buf struct buf b = BUF_INIT;
    struct net_ref v = { 0 };

    strcpy(v.network.s, name);
    net_ref_encode(&v, &b);
    struct msg_cur c = msg_cur(b.data, b.len);
    return net_ref_decode(&c, got, NULL);
}

static void test_ref(void **state)
{
    (void)state;
    struct net_ref got;

    assert_int_equal(round_ref("lab", &got), 0);
    assert_string_equal(got.network.s, "lab");
    assert_int_equal(round_ref("a/b", &got), -1);
    assert_int_equal(round_ref("", &got), -1);
    assert_string_equal(got.network.s, "lab");
}

static int round_step(const struct net_step *v, struct net_step *got)
{
    auto_buf struct buf b = BUF_INIT;

    net_step_encode(v, &b);
    struct msg_cur c = msg_cur(b.data, b.len);
    return net_step_decode(&c, got, NULL);
}

static void test_step(void **state)
{
    (void)state;
    struct net_step v = { .network = { "lab" },
                          .number = UINT32_MAX,
                          .line = "bridge rb-lab mac 02:00:00:00:00:01 mtu 1500" },
                    got;

    assert_int_equal(round_step(&v, &got), 0);
    assert_string_equal(got.network.s, "lab");
    assert_int_equal(got.number, UINT32_MAX);
    assert_string_equal(got.line, v.line);
    assert_string_equal(got.undo, "");
    /* Both at their longest. */
    memset(v.line, 'l', sizeof v.line - 1);
    memset(v.undo, 'u', sizeof v.undo - 1);
    assert_int_equal(round_step(&v, &got), 0);
    assert_string_equal(got.line, v.line);
    assert_string_equal(got.undo, v.undo);
    /* One row is one line: nothing is replaced on its way, since it is carried out. */
    v.undo[7] = '\n';
    assert_int_equal(round_step(&v, &got), -1);
    v.undo[7] = 'u';
    v.line[7] = '\t';
    assert_int_equal(round_step(&v, &got), -1);
    v.line[0] = '\0';
    assert_int_equal(round_step(&v, &got), -1);
    strcpy(v.line, "x");
    strcpy(v.network.s, "x/y");
    assert_int_equal(round_step(&v, &got), -1);
}

static int round_state(const struct net_state *v, struct net_state *got)
{
    auto_buf struct buf b = BUF_INIT;

    net_state_encode(v, &b);
    struct msg_cur c = msg_cur(b.data, b.len);
    return net_state_decode(&c, got, NULL);
}

static void test_state(void **state)
{
    (void)state;
    struct net_state v = { .network = { "lab" }, .up = true, .bridge = "rb-lab", .listener = 3 },
                     got;

    v.address = ip("172.16.5.1");
    assert_int_equal(round_state(&v, &got), 0);
    assert_string_equal(got.network.s, "lab");
    assert_true(got.up);
    assert_string_equal(got.bridge, "rb-lab");
    assert_true(ip_equal(&got.address, &v.address));
    assert_int_equal(got.listener, 3);
    /* Down, and why: what dnsmasq or the kernel said is for people. */
    v = (struct net_state){ .network = { "lab" },
                            .problem = "dnsmasq:\tport 53\nis taken \x1b[31m" };
    assert_int_equal(round_state(&v, &got), 0);
    assert_string_equal(got.problem, "dnsmasq: port 53 is taken ?[31m");
    assert_string_equal(got.bridge, "");
    assert_int_equal(got.address.family, 0);
    memset(v.problem, 'x', sizeof v.problem); /* without its NUL */
    assert_int_equal(round_state(&v, &got), 0);
    assert_int_equal(strlen(got.problem), sizeof got.problem - 1);
    v.address = ip("127.0.0.1");
    assert_int_equal(round_state(&v, &got), -1);
    v.address.family = 0;
    strcpy(v.bridge, "a/b");
    assert_int_equal(round_state(&v, &got), -1);
    strcpy(v.bridge, "rb-lab");
    v.network.s[0] = '\0';
    assert_int_equal(round_state(&v, &got), -1);
}

static int round_lease(const struct net_lease *v, struct net_lease *got)
{
    auto_buf struct buf b = BUF_INIT;

    net_lease_encode(v, &b);
    struct msg_cur c = msg_cur(b.data, b.len);
    return net_lease_decode(&c, got, NULL);
}

static void test_lease(void **state)
{
    (void)state;
    const struct net_lease good = {
        .network = { "lab" },
        .lease = { .action = LEASE_DEL,
                   .mac = { { 0x52, 0x54, 0, 1, 2, 3 } },
                   .ip = { .family = 4, .b = { 172, 16, 5, 20 } },
                   .bridge = "rb-lab",
                   .hostname = "web1" },
    };
    struct net_lease v = good, got;

    assert_int_equal(round_lease(&v, &got), 0);
    assert_string_equal(got.network.s, "lab");
    assert_int_equal(got.lease.action, LEASE_DEL);
    assert_memory_equal(&got.lease.mac, &v.lease.mac, sizeof v.lease.mac);
    assert_true(ip_equal(&got.lease.ip, &v.lease.ip));
    assert_string_equal(got.lease.bridge, "rb-lab");
    assert_string_equal(got.lease.hostname, "web1");
    strcpy(v.lease.hostname, "a\nb\xff"); /* a guest's own word */
    assert_int_equal(round_lease(&v, &got), 0);
    assert_string_equal(got.lease.hostname, "a b?");
#define BAD(...)                                                                                   \
    do {                                                                                           \
        v = good;                                                                                  \
        __VA_ARGS__;                                                                               \
        assert_int_equal(round_lease(&v, &got), -1);                                               \
    } while (0)
    BAD(v.lease.action = LEASE_ACTIONS);
    BAD(v.lease.mac.b[0] = 0x53);
    BAD(memset(&v.lease.mac, 0, sizeof v.lease.mac));
    BAD(v.lease.ip.family = 0);
    BAD(v.lease.ip = ip("fd00::1"));
    BAD(v.lease.ip = ip("224.0.0.1"));
    BAD(strcpy(v.lease.bridge, "a b"));
    BAD(strcpy(v.network.s, "-"));
}

static void test_check(void **state)
{
    (void)state;
    struct net_check v = { .of_network = true, .up = sample(), .is_up = true }, got;
    struct err e;

    for (int kind = 0; kind < 3; kind++) {
        auto_buf struct buf b = BUF_INIT;
        if (kind == 1) { /* of a user network too, which is never brought up */
            json_t *j = json_pack("{s:s}", "kind", "user");
            v.up = (struct net_up){ .seed_port = 10200 };
            assert_int_equal(network_from_json("u", j, &v.up.network, &e), 0);
            json_decref(j);
        }
        v.of_network = kind < 2;
        net_check_encode(&v, &b);
        for (size_t len = 0; len <= b.len; len++) {
            struct msg_cur c = msg_cur(b.data, len);
            assert_int_equal(net_check_decode(&c, &got, &e), len < b.len ? -1 : 0);
        }
        assert_true(got.is_up && got.of_network == v.of_network);
        assert_string_equal(got.up.network.name.s, kind == 0 ? "lab" : kind == 1 ? "u" : "");
    }
    v.of_network = true;
    v.up = sample();
    strcpy(v.up.network.name.s, "-");
    auto_buf struct buf b = BUF_INIT;
    net_check_encode(&v, &b);
    struct msg_cur c = msg_cur(b.data, b.len);
    assert_int_equal(net_check_decode(&c, &got, &e), -1);
}

static void test_finding(void **state)
{
    (void)state;
    struct net_finding v = { NET_BAD, "port-53", "it\nis held", "" }, got;
    struct err e;

    for (int wrong = 0; wrong < 4; wrong++) {
        auto_buf struct buf b = BUF_INIT;
        if (wrong == 1)
            v.grade = NET_GRADES;
        else
            v.grade = NET_BAD;
        strcpy(v.what, wrong == 2 ? "" : "port-53");
        strcpy(v.cause, wrong == 3 ? "" : "it\nis held");
        net_finding_encode(&v, &b);
        struct msg_cur c = msg_cur(b.data, b.len);
        assert_int_equal(net_finding_decode(&c, &got, &e), wrong ? -1 : 0);
        if (!wrong) {
            assert_int_equal(got.grade, NET_BAD);
            assert_string_equal(got.what, "port-53");
            assert_null(strchr(got.cause, '\n'));
        }
    }
}

static void test_names(void **state)
{
    (void)state;
    for (int a = 0; a < LEASE_ACTIONS; a++)
        assert_int_equal(lease_action_from_name(lease_action_name((enum lease_action)a)), a);
    for (int t = 0; t < TRANSPORTS; t++)
        assert_int_equal(transport_from_name(transport_name((enum transport)t)), t);
    assert_int_equal(lease_action_from_name("init"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_up),
        cmocka_unit_test(test_up_cut_anywhere),
        cmocka_unit_test(test_up_wrong_names),
        cmocka_unit_test(test_up_wrong_values),
        cmocka_unit_test(test_bytes_of_wrong_length),
        cmocka_unit_test(test_ref),
        cmocka_unit_test(test_step),
        cmocka_unit_test(test_state),
        cmocka_unit_test(test_lease),
        cmocka_unit_test(test_check),
        cmocka_unit_test(test_finding),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
