/* tests/golden/netcfg/dnsmasq/CASE/network.json gives dnsmasq.conf, and from its reservations
 * dhcp-hosts and hosts beside it; REGEN=1 rewrites them. dnsmasq itself reads them in
 * tests/integration/test_dnsmasq.py. */
#include <fcntl.h>
#include <glob.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/file.h"
#include "dmcase.h"
#include "netcfg/hosts.h"

static void compare(const char *dir, const char *file, const struct buf *got)
{
    auto_buf struct buf want = BUF_INIT;
    char path[512];

    snprintf(path, sizeof path, "%s/%s", dir, file);
    if (getenv("REGEN")) {
        auto_fclose FILE *out = fopen(path, "w");
        assert_non_null(out);
        fputs(buf_str(got), out);
        return;
    }
    assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &want, NULL), 0);
    if (strcmp(buf_str(got), buf_str(&want)) != 0)
        fail_msg("%s: got\n%s", path, buf_str(got));
}

static void golden(const char *dir)
{
    auto_buf struct buf conf = BUF_INIT, dhcp = BUF_INIT, dns = BUF_INIT;
    struct dmcase c;
    struct err e;
    char path[512];

    snprintf(path, sizeof path, "%s/network.json", dir);
    if (dmcase_load(path, &c, &e) < 0 || dnsmasq_render(&c.network, &c.place, &conf, &e) < 0)
        fail_msg("%s: %s", dir, e.text);
    compare(dir, "dnsmasq.conf", &conf);
    hosts_render(c.network.domain, c.r, c.n, &dhcp, &dns);
    compare(dir, "dhcp-hosts", &dhcp);
    compare(dir, "hosts", &dns);
    dmcase_done(&c);
}

static void test_golden(void **state)
{
    (void)state;
    glob_t found;

    assert_int_equal(glob("tests/golden/netcfg/dnsmasq/*", 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= 5);
    for (size_t i = 0; i < found.gl_pathc; i++)
        golden(found.gl_pathv[i]);
    globfree(&found);
}

/* The network of the tests below: shared, with a range. */
static struct network lab(void)
{
    struct network n = { .name = { "lab" }, .kind = NETWORK_SHARED, .dhcp = true };

    assert_int_equal(cidr_parse("172.16.5.0/24", &n.cidr, NULL), 0);
    assert_int_equal(ip_parse("172.16.5.1", &n.host, NULL), 0);
    assert_int_equal(ip_parse("172.16.5.10", &n.dhcp_first, NULL), 0);
    assert_int_equal(ip_parse("172.16.5.254", &n.dhcp_last, NULL), 0);
    return n;
}

static const struct dnsmasq_place place = { .bridge = "rb-lab", .dir = "/run/lab" };

static void refused(const struct network *n, const struct dnsmasq_place *p, const char *why)
{
    auto_buf struct buf out = BUF_INIT;
    struct err e = { 0 };

    assert_int_equal(dnsmasq_render(n, p, &out, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    if (!strstr(e.text, why))
        fail_msg("\"%s\" says nothing of \"%s\"", e.text, why);
}

static void test_nothing_to_do(void **state)
{
    (void)state;
    struct network n = lab();

    n.host.family = 0;
    refused(&n, &place, "host-address");
    n.dhcp = false;
    refused(&n, &place, "nothing to do");
}

/* Nothing that a line would read otherwise gets into it. */
static void test_words(void **state)
{
    (void)state;
    static const char *const bad[] = { "/run/a b", "/run/a,b", "/run/a\nserver=1.2.3.4",
                                       "/run/#a",  "run/a",    "" };
    const struct network n = lab();

    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct dnsmasq_place p = place;
        p.dir = bad[i];
        refused(&n, &p, "directory");
        p = place;
        p.script = bad[i];
        refused(&n, &p, "lease program");
    }
    struct dnsmasq_place p = place;
    p.bridge = "rb*";
    refused(&n, &p, "bridge");
    p = place;
    p.user = "a\nb";
    refused(&n, &p, "user");
    p = place;
    p.group = "a b";
    refused(&n, &p, "group");
}

static bool has_line(const struct buf *b, const char *line)
{
    char want[256];

    snprintf(want, sizeof want, "\n%s\n", line);
    return strstr(buf_str(b), want) != NULL;
}

static void test_leases_max(void **state)
{
    (void)state;
    static const struct {
        const char *cidr, *line, *mask;
    } rows[] = {
        { "172.16.5.0/24", "dhcp-lease-max=254", "255.255.255.0" },
        { "172.16.5.0/29", "dhcp-lease-max=6", "255.255.255.248" },
        { "172.16.0.0/16", "dhcp-lease-max=65534", "255.255.0.0" },
        { "10.0.0.0/8", "dhcp-lease-max=65534", "255.0.0.0" },
    };

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        auto_buf struct buf out = BUF_INIT;
        struct network n = lab();
        struct err e;
        assert_int_equal(cidr_parse(rows[i].cidr, &n.cidr, NULL), 0);
        assert_int_equal(dnsmasq_render(&n, &place, &out, &e), 0);
        assert_true(has_line(&out, rows[i].line));
        assert_non_null(strstr(buf_str(&out), rows[i].mask));
    }
}

/* Without a range only who has a reservation is answered. */
static void test_no_range(void **state)
{
    (void)state;
    auto_buf struct buf out = BUF_INIT;
    struct network n = lab();
    struct err e;

    n.dhcp_first.family = n.dhcp_last.family = 0;
    assert_int_equal(dnsmasq_render(&n, &place, &out, &e), 0);
    assert_true(has_line(&out, "dhcp-range=172.16.5.0,static,255.255.255.0,1h"));
}

/* Guests are told what was said; queries do not go up to ourselves. */
static void test_nameservers(void **state)
{
    (void)state;
    auto_buf struct buf out = BUF_INIT;
    struct network n = lab();
    struct err e;

    n.nameservers[n.n_nameservers++] = n.host;
    assert_int_equal(dnsmasq_render(&n, &place, &out, &e), 0);
    assert_true(has_line(&out, "dhcp-option=option:dns-server,172.16.5.1"));
    assert_false(has_line(&out, "no-resolv"));
    buf_clear(&out);
    assert_int_equal(ip_parse("9.9.9.9", &n.nameservers[n.n_nameservers++], NULL), 0);
    assert_int_equal(dnsmasq_render(&n, &place, &out, &e), 0);
    assert_true(has_line(&out, "dhcp-option=option:dns-server,172.16.5.1,9.9.9.9"));
    assert_true(has_line(&out, "no-resolv\nserver=9.9.9.9"));
    assert_null(strstr(buf_str(&out), "server=172.16.5.1"));
}

static void test_argv(void **state)
{
    (void)state;
    auto_argv struct argv run = ARGV_INIT, check = ARGV_INIT;
    auto_buf struct buf out = BUF_INIT;

    dnsmasq_argv("/usr/sbin/dnsmasq", "/run/lab", false, &run);
    dnsmasq_argv("dnsmasq", "/run/lab", true, &check);
    argv_print(&run, &out);
    buf_putc(&out, '\n');
    argv_print(&check, &out);
    assert_string_equal(buf_str(&out),
                        "/usr/sbin/dnsmasq --keep-in-foreground --conf-file=/run/lab/dnsmasq.conf\n"
                        "dnsmasq --test --conf-file=/run/lab/dnsmasq.conf");
}

static void test_reservation(void **state)
{
    (void)state;
    auto_buf struct buf out = BUF_INIT;
    struct reservation r;

    assert_int_equal(reservation_parse("web1", "52:54:00:00:00:07", "172.16.5.20", &r, NULL), 0);
    dnsmasq_dhcp_host(&r, &out);
    dnsmasq_dns_host(&r, "lab.internal", &out);
    dnsmasq_dns_host(&r, "", &out);
    dnsmasq_dns_host(&r, NULL, &out);
    assert_string_equal(buf_str(&out), "52:54:00:00:00:07,172.16.5.20,web1\n"
                                       "172.16.5.20 web1.lab.internal web1\n"
                                       "172.16.5.20 web1\n172.16.5.20 web1\n");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),      cmocka_unit_test(test_nothing_to_do),
        cmocka_unit_test(test_words),       cmocka_unit_test(test_leases_max),
        cmocka_unit_test(test_nameservers), cmocka_unit_test(test_argv),
        cmocka_unit_test(test_no_range),    cmocka_unit_test(test_reservation),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
