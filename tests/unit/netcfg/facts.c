/* What is judged from facts alone. */
#include "netcfg/facts.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static struct cidr net(const char *text)
{
    struct cidr c;
    if (cidr_parse(text, &c, NULL) < 0)
        fail_msg("%s", text);
    return c;
}

static void put_address(struct fact_address *a, const char *device, const char *text, int prefix)
{
    *a = (struct fact_address){ .prefix = (uint8_t)prefix };
    strcpy(a->device, device);
    assert_int_equal(ip_parse(text, &a->ip, NULL), 0);
}

static void put_route(struct fact_route *r, const char *device, const char *to, unsigned metric)
{
    *r = (struct fact_route){ .to = net(to), .metric = metric };
    strcpy(r->device, device);
}

static void test_default_device(void **state)
{
    (void)state;
    struct fact_route routes[4];
    struct facts f = { .routes = routes };
    assert_null(facts_default_device(&f));
    put_route(&routes[0], "eth0", "0.0.0.0/0", 200);
    put_route(&routes[1], "wlan0", "0.0.0.0/0", 100);
    put_route(&routes[2], "eth9", "::/0", 1);
    put_route(&routes[3], "eth8", "10.0.0.0/8", 0);
    f.n_routes = 1;
    assert_string_equal(facts_default_device(&f), "eth0");
    f.n_routes = 4;
    assert_string_equal(facts_default_device(&f), "wlan0");
}

static void test_link(void **state)
{
    (void)state;
    struct fact_link links[2] = { { .name = "eth0" }, { .name = "eth1" } };
    struct facts f = { .links = links, .n_links = 2 };
    assert_ptr_equal(facts_link(&f, "eth1"), &links[1]);
    assert_null(facts_link(&f, "eth"));
    assert_null(facts_link(&f, ""));
}

static void test_taken(void **state)
{
    (void)state;
    struct fact_address addresses[2];
    struct fact_route routes[5];
    struct facts f = { .addresses = addresses, .n_addresses = 2, .routes = routes, .n_routes = 5 };
    char by[80] = "untouched";
    put_address(&addresses[0], "eth1", "172.16.5.9", 24);
    put_address(&addresses[1], "eth2", "fe80::1", 64);
    put_route(&routes[0], "eth0", "0.0.0.0/0", 0);
    put_route(&routes[1], "wg0", "0.0.0.0/1", 0); /* a VPN's way to say default */
    put_route(&routes[2], "wg0", "128.0.0.0/1", 0);
    put_route(&routes[3], "tun0", "10.0.0.0/8", 0);
    put_route(&routes[4], "br0", "172.20.0.0/16", 0);
    static const struct {
        const char *cidr, *except, *by;
    } rows[] = {
        { "172.16.5.0/24", NULL, "172.16.5.0/24 on eth1" },
        { "172.16.0.0/16", NULL, "172.16.5.0/24 on eth1" },
        { "172.16.5.128/25", NULL, "172.16.5.0/24 on eth1" },
        { "172.16.5.0/24", "eth1", NULL },
        { "172.16.6.0/24", NULL, NULL },
        { "10.200.0.0/16", NULL, "10.0.0.0/8 on tun0" },
        { "10.200.0.0/16", "tun0", NULL },
        { "172.20.4.0/24", "eth1", "172.20.0.0/16 on br0" },
        { "192.168.0.0/16", NULL, NULL },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct cidr c = net(rows[i].cidr);
        strcpy(by, "untouched");
        bool taken = facts_taken(&f, &c, rows[i].except, by, sizeof(by));
        assert_int_equal(taken, rows[i].by != NULL);
        assert_string_equal(by, rows[i].by ? rows[i].by : "untouched");
        assert_int_equal(facts_taken(&f, &c, rows[i].except, NULL, 0), taken);
    }
    struct cidr wide = net("172.16.0.0/12");
    assert_true(facts_taken_beside(&f, &wide, "eth1", NULL, by, sizeof(by)));
    assert_false(facts_taken_beside(&f, &wide, "eth1", "br0", by, sizeof(by)));
}

static void moved(const struct facts *f, const char *wanted, const char *free)
{
    struct cidr c = net(wanted), got;
    char text[CIDR_TEXT];
    struct err e = { 0 };
    if (facts_next_free(f, &c, &got, &e) < 0)
        fail_msg("%s: %s", wanted, e.text);
    assert_string_equal(cidr_format(&got, text), free);
    assert_false(facts_taken(f, &got, NULL, NULL, 0));
}

static void test_next_free(void **state)
{
    (void)state;
    struct fact_route routes[3];
    struct facts f = { .routes = routes };
    moved(&f, "172.16.5.0/24", "172.16.5.0/24");
    moved(&f, "192.168.7.0/24", "192.168.7.0/24");
    put_route(&routes[0], "eth0", "172.16.4.0/23", 0);
    f.n_routes = 1;
    moved(&f, "172.16.4.0/24", "172.16.6.0/24");
    moved(&f, "172.16.5.0/25", "172.16.6.0/25");
    /* The end of the pool leads to its beginning. */
    put_route(&routes[1], "eth1", "172.31.128.0/17", 0);
    f.n_routes = 2;
    moved(&f, "172.31.255.0/24", "172.16.0.0/24");
    /* A whole pool is taken, and one that this length does not fit into. */
    put_route(&routes[0], "eth0", "172.16.0.0/12", 0);
    f.n_routes = 1;
    moved(&f, "172.16.5.0/24", "10.0.0.0/24");
    put_route(&routes[1], "eth1", "10.0.0.0/9", 0);
    f.n_routes = 2;
    moved(&f, "172.16.5.0/24", "10.128.0.0/24");
    moved(&f, "10.0.0.0/9", "10.128.0.0/9");
    /* From elsewhere into the first pool. */
    put_route(&routes[0], "eth0", "192.168.0.0/16", 0);
    moved(&f, "192.168.7.0/24", "172.16.0.0/24");
}

static void test_next_free_none(void **state)
{
    (void)state;
    struct fact_route routes[2];
    struct facts f = { .routes = routes, .n_routes = 2 };
    struct cidr c = net("172.16.5.0/24"), got = { .prefix = 99 };
    struct err e = { 0 };
    put_route(&routes[0], "eth0", "172.16.0.0/12", 0);
    put_route(&routes[1], "eth0", "10.0.0.0/8", 0);
    assert_int_equal(facts_next_free(&f, &c, &got, &e), -1);
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_int_equal(got.prefix, 99);
    c = net("172.16.5.0/31");
    assert_int_equal(facts_next_free(&f, &c, &got, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
}

static void test_done(void **state)
{
    (void)state;
    struct facts f = { .links = calloc(1, sizeof(struct fact_link)), .n_links = 1 };
    facts_done(&f);
    assert_null(f.links);
    assert_int_equal(f.n_links, 0);
    facts_done(&f);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_default_device), cmocka_unit_test(test_link),
        cmocka_unit_test(test_taken),          cmocka_unit_test(test_next_free),
        cmocka_unit_test(test_next_free_none), cmocka_unit_test(test_done),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
