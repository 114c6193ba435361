#include "netcfg/pool.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static struct ip ip(const char *s)
{
    struct ip a;

    assert_int_equal(ip_parse(s, &a, NULL), 0);
    return a;
}

static struct network lab(const char *cidr, const char *first, const char *last)
{
    struct network n = { .name = { "lab" }, .kind = NETWORK_SHARED, .dhcp = first != NULL };

    assert_int_equal(cidr_parse(cidr, &n.cidr, NULL), 0);
    assert_true(ip_add(&n.cidr.ip, 1, &n.host));
    n.gateway = n.host;
    if (first) {
        n.dhcp_first = ip(first);
        n.dhcp_last = ip(last);
    }
    return n;
}

/* Addresses of 10.x.y.z by their lower three bytes. */
struct taken {
    bool is[1 << 16];
    unsigned asked;
};

static bool is_taken(const struct ip *a, void *arg)
{
    struct taken *t = arg;

    t->asked++;
    return t->is[a->b[2] << 8 | a->b[3]];
}

static bool never(const struct ip *a, void *arg)
{
    (void)a;
    (void)arg;
    return false;
}

static bool always(const struct ip *a, void *arg)
{
    (void)a;
    ++*(unsigned *)arg;
    return true;
}

static struct name named(const char *fmt, int i)
{
    struct name n = { 0 };

    snprintf(n.s, sizeof n.s, "%s%d", fmt, i);
    return n;
}

/* The same name has the same address, and another range another one. */
static void test_computed(void **state)
{
    (void)state;
    struct network n = lab("172.16.5.0/24", "172.16.5.10", "172.16.5.254");
    const struct name web1 = { "web1" }, web2 = { "web2" };
    char text[IP_TEXT];
    struct ip a, b;

    assert_int_equal(pool_pick(&n, &web1, never, NULL, &a, NULL), 0);
    assert_string_equal(ip_format(&a, text), "172.16.5.166"); /* for good: it is on record */
    assert_int_equal(pool_pick(&n, &web1, never, NULL, &b, NULL), 0);
    assert_true(ip_equal(&a, &b));
    assert_int_equal(pool_pick(&n, &web2, never, NULL, &b, NULL), 0);
    assert_false(ip_equal(&a, &b));
}

/* All of a range are given out, each once, none beside it; then it is full. */
static void fill(const struct network *n, int count, const char *first, const char *last,
                 const char *message)
{
    struct taken *t = calloc(1, sizeof *t);
    const struct ip low = ip(first), high = ip(last);
    struct ip a = ip("192.0.2.1"), was;
    struct name name;
    struct err e = { 0 };

    assert_non_null(t);
    for (int i = 0; i < count; i++) {
        name = named("web", i);
        assert_int_equal(pool_pick(n, &name, is_taken, t, &a, &e), 0);
        assert_true(ip_compare(&low, &a) <= 0 && ip_compare(&a, &high) <= 0);
        assert_false(ip_equal(&a, &n->host));
        bool *slot = &t->is[a.b[2] << 8 | a.b[3]];
        assert_false(*slot);
        *slot = true;
    }
    t->asked = 0;
    was = a;
    name = named("one-more-", 0);
    assert_int_equal(pool_pick(n, &name, is_taken, t, &a, &e), -1);
    assert_int_equal(e.kind, ERR_BUSY);
    assert_string_equal(e.text, message);
    assert_true(ip_equal(&a, &was));
    assert_int_equal(t->asked, count); /* each once */
    free(t);
}

static void test_filled(void **state)
{
    (void)state;
    struct network n = lab("10.1.1.0/24", "10.1.1.10", "10.1.1.254");
    fill(&n, 245, "10.1.1.10", "10.1.1.254",
         "network lab: all 245 addresses from 10.1.1.10 to 10.1.1.254 are taken: remove instances, "
         "or give it a larger dhcp range");
    n = lab("10.1.1.0/29", "10.1.1.3", "10.1.1.3");
    fill(&n, 1, "10.1.1.3", "10.1.1.3",
         "network lab: all 1 addresses from 10.1.1.3 to 10.1.1.3 are taken: remove instances, or "
         "give it a larger dhcp range");
    /* Without DHCP all of it, but for the host. */
    n = lab("10.1.1.0/28", NULL, NULL);
    fill(&n, 13, "10.1.1.2", "10.1.1.14",
         "network lab: all 14 addresses from 10.1.1.1 to 10.1.1.14 are taken: remove instances, or "
         "give it a larger cidr");
    /* Bridged: gateway and nameserver stand in the middle of it. */
    n.kind = NETWORK_BRIDGED;
    n.gateway = ip("10.1.1.7");
    n.nameservers[n.n_nameservers++] = ip("10.1.1.8");
    fill(&n, 11, "10.1.1.2", "10.1.1.14",
         "network lab: all 14 addresses from 10.1.1.1 to 10.1.1.14 are taken: remove instances, or "
         "give it a larger cidr");
    n = lab("10.1.0.0/20", "10.1.0.10", "10.1.15.254");
    fill(&n, 4085, "10.1.0.10", "10.1.15.254",
         "network lab: all 4085 addresses from 10.1.0.10 to 10.1.15.254 are taken: remove "
         "instances, or give it a larger dhcp range");
}

static void test_visited_once(void **state)
{
    (void)state;
    struct network n = lab("10.0.0.0/16", "10.0.1.0", "10.0.200.255");
    const struct name web1 = { "web1" };
    unsigned asked = 0;
    struct ip a;

    assert_int_equal(pool_pick(&n, &web1, always, &asked, &a, NULL), -1);
    assert_int_equal(asked, 200 * 256);
}

static void test_without_a_range(void **state)
{
    (void)state;
    struct network user = { .name = { "user" }, .kind = NETWORK_USER },
                   lan = { .name = { "lan" }, .kind = NETWORK_BRIDGED };
    const struct name web1 = { "web1" };
    struct ip a;
    struct err e;

    assert_int_equal(pool_pick(&user, &web1, never, NULL, &a, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_int_equal(pool_pick(&lan, &web1, never, NULL, &a, &e), -1);
    assert_string_equal(e.text, "network lan: no range of addresses is known: say cidr: or dhcp: "
                                "FIRST-LAST");
}

static void test_check(void **state)
{
    (void)state;
    struct network n = lab("10.1.1.0/24", "10.1.1.10", "10.1.1.99");
    static const char *const good[] = { "10.1.1.2", "10.1.1.10", "10.1.1.254" };
    static const char *const bad[] = { "10.1.1.0", "10.1.1.1", "10.1.1.255", "10.1.2.2",
                                       "fd00::2" };
    struct ip a;

    for (size_t i = 0; i < ARRAY_SIZE(good); i++)
        assert_int_equal((a = ip(good[i]), pool_check(&n, &a, NULL)), 0);
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
        assert_int_equal((a = ip(bad[i]), pool_check(&n, &a, NULL)), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_computed),     cmocka_unit_test(test_filled),
        cmocka_unit_test(test_visited_once), cmocka_unit_test(test_without_a_range),
        cmocka_unit_test(test_check),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
