/* tests/golden/netcfg/export/CASE/case.json gives a file per format beside it; REGEN=1 rewrites
 * them. Their real consumers are in tests/integration/test_network_export.py. */
#include "netcfg/export.h"

#include <fcntl.h>
#include <glob.h>
#include <linux/rtnetlink.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "fwcase.h"

static const uint8_t salt[16] = { 1 };

#define MOST 8
struct excase {
    struct fwcase fw;
    struct fact_link links[MOST];
    struct fact_address addresses[MOST];
    struct fact_route routes[MOST];
    struct facts facts;
    struct reservation reservations[MOST];
    struct plan plan;
    struct export_input in;
};

static const char *text(const json_t *list, size_t i)
{
    return json_string_value(json_array_get(list, i));
}

static void load_links(struct excase *c, const json_t *from)
{
    const char *name;
    json_t *kind;

    json_object_foreach((json_t *)from, name, kind)
    {
        struct fact_link *l = &c->links[c->facts.n_links++];
        *l = (struct fact_link){ .mtu = 1500, .mac_pinned = true, .mac = { { 2, 0, 0, 0, 0, 9 } } };
        snprintf(l->name, sizeof l->name, "%s", name);
        snprintf(l->kind, sizeof l->kind, "%s", json_string_value(kind));
    }
}

static void load_addresses(struct excase *c, const json_t *from)
{
    const json_t *row;
    size_t i;

    json_array_foreach(from, i, row)
    {
        struct fact_address *a = &c->addresses[c->facts.n_addresses++];
        snprintf(a->device, sizeof a->device, "%s", text(row, 0));
        assert_int_equal(ip_parse(text(row, 1), &a->ip, NULL), 0);
        a->prefix = (uint8_t)json_integer_value(json_array_get(row, 2));
    }
}

static void load_routes(struct excase *c, const json_t *from)
{
    const json_t *row;
    size_t i;

    json_array_foreach(from, i, row)
    {
        struct fact_route *r = &c->routes[c->facts.n_routes++];
        snprintf(r->device, sizeof r->device, "%s", text(row, 0));
        assert_int_equal(cidr_parse(text(row, 1), &r->to, NULL), 0);
        assert_int_equal(ip_parse(text(row, 2), &r->via, NULL), 0);
        r->protocol = RTPROT_STATIC;
    }
}

static void load_reservations(struct excase *c, const json_t *from)
{
    const char *name;
    json_t *row;

    json_object_foreach((json_t *)from, name, row)
    {
        struct reservation *r = &c->reservations[c->in.n_reservations++];
        assert_int_equal(name_parse(name, "instance", &r->name, NULL), 0);
        assert_int_equal(mac_parse(text(row, 0), &r->mac, NULL), 0);
        assert_int_equal(ip_parse(text(row, 1), &r->address, NULL), 0);
    }
}

static void load(const char *dir, struct excase *c)
{
    const struct plan_opts o = { .salt = salt, .seed_port = 10200 };
    char path[512];
    struct err e;

    *c = (struct excase){ .facts = { c->links, 0, c->addresses, 0, c->routes, 0 } };
    snprintf(path, sizeof path, "%s/case.json", dir);
    if (fwcase_load(path, &c->fw, &e) < 0)
        fail_msg("%s: %s", path, e.text);
    load_links(c, json_object_get(c->fw.tree, "links"));
    load_addresses(c, json_object_get(c->fw.tree, "addresses"));
    load_routes(c, json_object_get(c->fw.tree, "routes"));
    load_reservations(c, json_object_get(c->fw.tree, "reservations"));
    if (plan_up(&c->fw.network, &c->facts, &o, &c->plan, &e) < 0)
        fail_msg("%s: %s", path, e.text);
    c->in.network = &c->fw.network;
    c->in.plan = &c->plan;
    c->in.firewall = &c->fw.net;
    c->in.reservations = c->reservations;
    c->in.facts = &c->facts;
}

static void compare(const char *path, const struct buf *got)
{
    auto_buf struct buf want = BUF_INIT;

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
    struct excase c;
    char path[512];
    struct err e;

    load(dir, &c);
    for (int f = 0; f < EXPORT_FORMATS; f++) {
        auto_buf struct buf out = BUF_INIT;
        const bool none = f == EXPORT_DNSMASQ && !c.fw.network.dhcp && !c.fw.network.host.family;

        if (export_render((enum export_format)f, &c.in, &out, &e) < 0) {
            if (!none || e.kind != ERR_INVALID)
                fail_msg("%s: %s", dir, e.text);
            continue;
        }
        assert_false(none);
        snprintf(path, sizeof path, "%s/%s", dir, export_format_name((enum export_format)f));
        compare(path, &out);
    }
    fwcase_done(&c.fw);
}

static void test_golden(void **state)
{
    (void)state;
    glob_t found;

    assert_int_equal(glob("tests/golden/netcfg/export/*", 0, NULL, &found), 0);
    assert_true(found.gl_pathc >= 4);
    for (size_t i = 0; i < found.gl_pathc; i++)
        golden(found.gl_pathv[i]);
    globfree(&found);
}

static void test_names(void **state)
{
    (void)state;

    for (int f = 0; f < EXPORT_FORMATS; f++)
        assert_int_equal(export_format_from_name(export_format_name((enum export_format)f)), f);
    assert_int_equal(export_format_from_name("netplan"), -1);
    assert_int_equal(export_format_from_name(""), -1);
}

static void render(const struct excase *c, enum export_format f, struct buf *out)
{
    struct err e;

    if (export_render(f, &c->in, out, &e) < 0)
        fail_msg("%s", e.text);
}

/* Without facts the parent's addresses are not invented: the place says what is missing. */
static void test_moved_addresses_unknown(void **state)
{
    (void)state;
    static const enum export_format some[] = { EXPORT_IP, EXPORT_NETWORKD, EXPORT_IFCFG };
    struct excase c;

    load("tests/golden/netcfg/export/moved", &c);
    c.in.facts = NULL;
    for (size_t i = 0; i < ARRAY_SIZE(some); i++) {
        auto_buf struct buf out = BUF_INIT;
        render(&c, some[i], &out);
        assert_non_null(
            strstr(buf_str(&out), "# The addresses and routes of eth0 belong on rb-lan"));
        assert_null(strstr(buf_str(&out), "192.0.2."));
    }
    fwcase_done(&c.fw);
}

/* A leased address is its DHCP client's business. */
static void test_moved_lease(void **state)
{
    (void)state;
    auto_buf struct buf networkd = BUF_INIT, ifcfg = BUF_INIT, ip = BUF_INIT;
    struct excase c;

    load("tests/golden/netcfg/export/moved", &c);
    c.addresses[0].dynamic = c.addresses[1].dynamic = true;
    c.routes[0].protocol = c.routes[1].protocol = RTPROT_DHCP;
    render(&c, EXPORT_NETWORKD, &networkd);
    render(&c, EXPORT_IFCFG, &ifcfg);
    render(&c, EXPORT_IP, &ip);
    assert_non_null(strstr(buf_str(&networkd), "DHCP=ipv4\n"));
    assert_non_null(strstr(buf_str(&ifcfg), "BOOTPROTO=dhcp\n"));
    assert_non_null(strstr(buf_str(&ip), "# The DHCP client of eth0 has to run on rb-lan"));
    assert_null(strstr(buf_str(&networkd), "192.0.2."));
    assert_null(strstr(buf_str(&ip), "192.0.2."));
    fwcase_done(&c.fw);
}

/* What has gone over already is exported from where it is now. */
static void test_moved_already(void **state)
{
    (void)state;
    auto_buf struct buf before = BUF_INIT, after = BUF_INIT;
    struct excase c;

    load("tests/golden/netcfg/export/moved", &c);
    render(&c, EXPORT_NETWORKD, &before);
    for (int i = 0; i < 2; i++) {
        snprintf(c.addresses[i].device, IFNAME_SIZE, "rb-lan");
        snprintf(c.routes[i].device, IFNAME_SIZE, "rb-lan");
    }
    render(&c, EXPORT_NETWORKD, &after);
    assert_string_equal(buf_str(&after), buf_str(&before));
    fwcase_done(&c.fw);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden),
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_moved_addresses_unknown),
        cmocka_unit_test(test_moved_lease),
        cmocka_unit_test(test_moved_already),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
