#include "seeds/nocloud.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/yaml.h"
#include "seeds/vendor.h"

#define POST "00112233445566778899aabbccddeeff"

static struct network lab = { .name = { "lab" }, .domain = "lab.internal" };
static struct instance web = {
    .name = { "web1" },
    .tag = { "TAG-1" },
    .iid = "iid-web1-7",
    .mac = { { 0x52, 0x54, 0, 1, 2, 3 } },
};

static struct seed_input input(void)
{
    return (struct seed_input){
        .instance = &web,
        .network = &lab,
        .base_url = "http://10.0.2.2:10200",
        .post = { POST },
        .phone_home_tries = 1000,
        .reporting = true,
    };
}

static json_t *tree_of(const struct buf *b)
{
    json_t *j = NULL;
    struct err e = { 0 };

    if (yaml_read(buf_str(b), b->len, "rendered", &j, NULL, &e) < 0)
        fail_msg("%s\n%s", e.text, buf_str(b));
    return j;
}

static json_t *config_of(const struct seed_input *in)
{
    auto_buf struct buf b = BUF_INIT;

    assert_int_equal(vendor_config(in, &b, NULL), 0);
    assert_memory_equal(b.data, "#cloud-config\n", 14);
    return tree_of(&b);
}

static const char *text_at(const json_t *j, const char *key)
{
    return json_string_value(json_object_get(j, key));
}

static void test_meta_data(void **state)
{
    (void)state;
    struct seed_input in = input();
    auto_buf struct buf b = BUF_INIT;

    web.spec.vars = json_pack("{s:s}", "note", "{{ x }}: 'y'\n- z");
    assert_int_equal(nocloud_meta_data(&in, &b, NULL), 0);
    json_t *j = tree_of(&b);
    assert_string_equal(text_at(j, "instance-id"), "iid-web1-7");
    assert_string_equal(text_at(j, "local-hostname"), "web1.lab.internal");
    assert_string_equal(text_at(json_object_get(j, "roost"), "note"), "{{ x }}: 'y'\n- z");
    assert_int_equal(json_object_size(j), 3);
    json_decref(j);
    json_decref(web.spec.vars);
    web.spec.vars = NULL;
    /* the instance's own domain goes before its network's */
    strcpy(web.spec.domain, "example.org");
    buf_clear(&b);
    assert_int_equal(nocloud_meta_data(&in, &b, NULL), 0);
    assert_non_null(strstr(buf_str(&b), "\"web1.example.org\""));
    web.spec.domain[0] = '\0';
}

static void test_user_data_is_untouched(void **state)
{
    (void)state;
    struct seed_input in = input();
    auto_buf struct buf b = BUF_INIT;
    static char bytes[] = "\x1f\x8b\0\xff\r\n";

    assert_int_equal(nocloud_user_data(&in, &b, NULL), 0);
    assert_string_equal(buf_str(&b), "#cloud-config\n{}\n");
    web.spec.user_data = bytes;
    web.spec.user_data_len = sizeof bytes;
    buf_clear(&b);
    assert_int_equal(nocloud_user_data(&in, &b, NULL), 0);
    assert_int_equal(b.len, sizeof bytes);
    assert_memory_equal(b.data, bytes, sizeof bytes);
    in.seal = SEAL_ALL;
    buf_clear(&b);
    assert_int_equal(nocloud_user_data(&in, &b, NULL), 0);
    assert_string_equal(buf_str(&b), "#cloud-config\n{}\n");
    web.spec.user_data = NULL;
    web.spec.user_data_len = 0;
}

static void test_network_config(void **state)
{
    (void)state;
    struct seed_input in = input();
    auto_buf struct buf b = BUF_INIT;

    assert_int_equal(nocloud_network_config(&in, &b, NULL), 0);
    assert_non_null(strstr(buf_str(&b), "macaddress: \"52:54:00:01:02:03\"\n"));
    buf_clear(&b);
    web.spec.launcher = LAUNCHER_EXTERNAL;
    assert_int_equal(nocloud_network_config(&in, &b, NULL), 0);
    assert_int_equal(b.len, 0);
    web.spec.mac_set = true;
    assert_int_equal(nocloud_network_config(&in, &b, NULL), 0);
    assert_true(b.len > 0);
    web.spec.launcher = LAUNCHER_ROOST;
    web.spec.mac_set = false;
}

/* Each card is there, and the first alone has the way out. */
static void test_network_config_of_several(void **state)
{
    (void)state;
    struct network dmz = { .name = { "dmz" }, .kind = NETWORK_HOST_ONLY, .mtu = 1400 };
    struct network user = { .name = { "user" }, .kind = NETWORK_USER };
    struct seed_input in = input();
    auto_buf struct buf b = BUF_INIT;
    json_t *tree, *nics, *one;

    assert_int_equal(cidr_parse("10.1.1.0/24", &dmz.cidr, NULL), 0);
    assert_int_equal(ip_parse("10.1.1.1", &dmz.host, NULL), 0);
    dmz.gateway = dmz.host;
    in.n_nics = 2;
    in.nics[0] = (struct seed_nic){ { { 0x52, 0x54, 0, 1, 2, 4 } }, &dmz, { 0 } };
    in.nics[1] = (struct seed_nic){ { { 0x52, 0x54, 0, 1, 2, 5 } }, &user, { 0 } };
    assert_int_equal(ip_parse("10.1.1.9", &in.nics[0].reserved, NULL), 0);
    assert_int_equal(nocloud_network_config(&in, &b, NULL), 0);
    tree = tree_of(&b);
    nics = json_object_get(tree, "ethernets");
    assert_int_equal(json_object_size(nics), 3);
    one = json_object_get(nics, "nic1");
    assert_string_equal(text_at(json_object_get(one, "match"), "macaddress"), "52:54:00:01:02:04");
    assert_string_equal(json_string_value(json_array_get(json_object_get(one, "addresses"), 0)),
                        "10.1.1.9/24");
    assert_null(json_object_get(one, "routes"));
    assert_int_equal(json_integer_value(json_object_get(one, "mtu")), 1400);
    one = json_object_get(nics, "nic2");
    assert_true(json_is_true(json_object_get(one, "dhcp4")));
    assert_int_equal(json_integer_value(json_object_get(json_object_get(one, "dhcp4-overrides"),
                                                        "route-metric")),
                     1200);
    assert_null(json_object_get(json_object_get(nics, "nic0"), "dhcp4-overrides"));
    json_decref(tree);
}

static const char *network_config(const struct network *n, const char *reserved, struct buf *b)
{
    struct seed_input in = input();

    in.network = n;
    if (reserved)
        assert_int_equal(ip_parse(reserved, &in.reserved, NULL), 0);
    buf_clear(b);
    assert_int_equal(nocloud_network_config(&in, b, NULL), 0);
    return buf_str(b);
}

/* Who answers DHCP decides who is told what; the goldens show the whole documents. */
static void test_network_config_static(void **state)
{
    (void)state;
    struct network n = { .name = { "n" }, .kind = NETWORK_SHARED };
    auto_buf struct buf b = BUF_INIT;

    assert_int_equal(cidr_parse("10.1.1.0/24", &n.cidr, NULL), 0);
    assert_int_equal(ip_parse("10.1.1.1", &n.host, NULL), 0);
    n.gateway = n.host;
    /* roost chose the address: nobody else would tell the guest */
    assert_non_null(strstr(network_config(&n, "10.1.1.9", &b), "- \"10.1.1.9/24\"\n"));
    assert_non_null(strstr(buf_str(&b), "via: \"10.1.1.1\"\n"));
    assert_non_null(strstr(buf_str(&b), "dhcp4: false\n"));
    /* its own word goes last only where nothing is on record */
    assert_int_equal(ip_parse("10.1.1.20", &web.spec.address, NULL), 0);
    assert_non_null(strstr(network_config(&n, NULL, &b), "- \"10.1.1.20/24\"\n"));
    assert_non_null(strstr(network_config(&n, "10.1.1.9", &b), "- \"10.1.1.9/24\"\n"));
    assert_null(strstr(buf_str(&b), "10.1.1.20"));
    /* with DHCP it is a reservation */
    n.dhcp = true;
    assert_non_null(strstr(network_config(&n, "10.1.1.9", &b), "dhcp4: true\n"));
    assert_null(strstr(buf_str(&b), "10.1.1."));
    n.dhcp = false;
    /* no prefix, no gateway and no word for a nameserver of somebody else's */
    n.kind = NETWORK_BRIDGED;
    n.gateway.family = 0;
    assert_non_null(strstr(network_config(&n, NULL, &b), "- \"10.1.1.20/24\"\n"));
    assert_null(strstr(buf_str(&b), "routes"));
    assert_null(strstr(buf_str(&b), "nameservers"));
    n.cidr.ip.family = 0;
    assert_non_null(strstr(network_config(&n, NULL, &b), "dhcp4: true\n"));
    web.spec.address.family = 0;
    /* on a user network nothing but QEMU's own DHCP, as ever */
    assert_string_equal(network_config(NULL, NULL, &b),
                        "version: 2\nethernets:\n  nic0:\n    match:\n"
                        "      macaddress: \"52:54:00:01:02:03\"\n    dhcp4: true\n");
}

/* What the operator's document decides about ours. */
static void test_facts(void **state)
{
    (void)state;
    const struct identity ops = { .name = { "ops" } };
    const struct identity *ids[] = { &ops };
    struct seed_input in = input();

    json_t *j = config_of(&in);
    assert_null(json_object_get(j, "users"));
    assert_string_equal(text_at(json_object_get(j, "phone_home"), "url"),
                        "http://10.0.2.2:10200/TAG-1/" POST "/phone-home");
    const json_t *hook = json_object_get(json_object_get(j, "reporting"), "roost");
    assert_string_equal(text_at(hook, "endpoint"), "http://10.0.2.2:10200/TAG-1/" POST "/report");
    assert_null(json_object_get(hook, "retries"));
    assert_true(json_is_true(json_object_get(j, "manual_cache_clean")));
    json_decref(j);

    in.identities = ids;
    in.n_identities = 1;
    in.reporting = false;
    in.facts.has_phone_home = true;
    j = config_of(&in);
    assert_null(json_object_get(j, "phone_home"));
    assert_null(json_object_get(j, "reporting"));
    const json_t *users = json_object_get(j, "users");
    assert_int_equal(json_array_size(users), 2);
    assert_string_equal(json_string_value(json_array_get(users, 0)), "default");
    json_decref(j);

    in.facts.has_users = true;
    j = config_of(&in);
    users = json_object_get(j, "users");
    assert_int_equal(json_array_size(users), 1);
    assert_string_equal(text_at(json_array_get(users, 0), "name"), "ops");
    assert_true(json_is_true(json_object_get(json_array_get(users, 0), "lock_passwd")));
    json_decref(j);
}

/* Whatever the free texts of an account hold, it stays in its string and its part. */
static void test_hostile_texts(void **state)
{
    (void)state;
    char evil[] = "a\"\n--==roost==\nContent-Type: text/x-shellscript\n\n#!/bin/sh\n: '$(id)' "
                  "\xf0\x9f\x90\x93";
    char hash[] = "$6$salt$hash";
    struct identity ops = { .name = { "ops" }, .gecos = evil, .sudo = evil, .password_hash = hash };
    const struct identity *ids[] = { &ops };
    struct seed_input in = input();
    auto_buf struct buf b = BUF_INIT;

    in.identities = ids;
    in.n_identities = 1;
    json_t *j = config_of(&in);
    const json_t *user = json_array_get(json_object_get(j, "users"), 1);
    assert_string_equal(text_at(user, "gecos"), evil);
    assert_string_equal(text_at(user, "sudo"), evil);
    assert_string_equal(text_at(user, "hashed_passwd"), hash);
    assert_true(json_is_false(json_object_get(user, "lock_passwd")));
    json_decref(j);
    for (int ascii = 0; ascii < 2; ascii++) {
        if (ascii)
            evil[strlen(evil) - 4] = '\0';
        buf_clear(&b);
        assert_int_equal(nocloud_vendor_data(&in, &b, NULL), 0);
        int delimiters = 0;
        for (const char *p = buf_str(&b); (p = strstr(p, "\n--==roost==")); p++)
            delimiters++;
        assert_int_equal(delimiters, 3);
        assert_int_equal(strlen(buf_str(&b)), b.len);
        for (size_t i = 0; i < b.len; i++)
            assert_true((unsigned char)b.data[i] < 0x7f);
    }
}

static void test_refused(void **state)
{
    (void)state;
    static const char *const urls[] = { "http://h:1/;reboot", "http://h:1 x", "http://$(id)",
                                        "http://h\nx",        "https://h",    "" };
    auto_buf struct buf b = BUF_INIT;
    struct seed_input in = input();
    struct err e = { 0 };

    for (size_t i = 0; i < ARRAY_SIZE(urls); i++) {
        in.base_url = urls[i];
        assert_int_equal(nocloud_render(SEED_VENDOR, &in, &b, &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_memory_equal(e.text, "web1: vendor-data: ", 19);
    }
    in = input();
    in.phone_home_tries = 0;
    assert_int_equal(nocloud_vendor_data(&in, &b, NULL), -1);
    in.phone_home_tries = 1000001;
    assert_int_equal(nocloud_vendor_data(&in, &b, NULL), -1);
    in.phone_home_tries = 1000000;
    assert_int_equal(nocloud_vendor_data(&in, &b, NULL), 0);
    assert_int_equal(nocloud_render(SEED_DOCS, &in, &b, &e), -1);
}

/* On a volume the datasource is found before the network; what stands elsewhere is pointed to, and
 * who cannot reach roost is not told to post. */
static void test_volume(void **state)
{
    (void)state;
    struct seed_input in = input();
    auto_buf struct buf meta = BUF_INIT;
    auto_buf struct buf user = BUF_INIT;
    auto_buf struct buf vendor = BUF_INIT;
    auto_buf struct buf mute = BUF_INIT;
    json_t *tree;

    in.volume = true;
    assert_int_equal(nocloud_meta_data(&in, &meta, NULL), 0);
    tree = tree_of(&meta);
    assert_string_equal(text_at(tree, "dsmode"), "net");
    json_decref(tree);
    assert_int_equal(nocloud_user_data(&in, &user, NULL), 0);
    assert_string_equal(buf_str(&user), "#cloud-config\n{}\n");

    in.seed = (struct token){ POST };
    buf_clear(&user);
    assert_int_equal(nocloud_user_data(&in, &user, NULL), 0);
    assert_string_equal(buf_str(&user),
                        "#include-once\nhttp://10.0.2.2:10200/TAG-1/" POST "/user-data\n");
    assert_int_equal(nocloud_vendor_data(&in, &vendor, NULL), 0);
    assert_string_equal(buf_str(&vendor),
                        "#include-once\nhttp://10.0.2.2:10200/TAG-1/" POST "/vendor-data\n");

    in.seed.s[0] = '\0';
    in.base_url = NULL;
    assert_int_equal(nocloud_vendor_data(&in, &mute, NULL), 0);
    assert_null(strstr(buf_str(&mute), "http"));
    assert_null(strstr(buf_str(&mute), "phone_home"));
    assert_null(strstr(buf_str(&mute), "roost-home"));
    assert_non_null(strstr(buf_str(&mute), "manual_cache_clean"));
}

/* The same input gives the same bytes, and a full buffer is told. */
static void test_pure(void **state)
{
    (void)state;
    struct seed_input in = input();

    for (int d = 0; d < SEED_DOCS; d++) {
        auto_buf struct buf a = BUF_INIT;
        auto_buf struct buf b = BUF_INIT;
        auto_buf struct buf small = { .cap = 8 };
        struct err e = { 0 };
        assert_int_equal(nocloud_render((enum seed_doc)d, &in, &a, NULL), 0);
        assert_int_equal(nocloud_render((enum seed_doc)d, &in, &b, NULL), 0);
        assert_string_equal(buf_str(&a), buf_str(&b));
        assert_int_equal(nocloud_render((enum seed_doc)d, &in, &small, &e), -1);
        assert_int_equal(e.kind, ERR_TOO_BIG);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_meta_data),      cmocka_unit_test(test_user_data_is_untouched),
        cmocka_unit_test(test_network_config_of_several),
        cmocka_unit_test(test_network_config), cmocka_unit_test(test_network_config_static),
        cmocka_unit_test(test_facts),          cmocka_unit_test(test_hostile_texts),
        cmocka_unit_test(test_refused),        cmocka_unit_test(test_volume),
        cmocka_unit_test(test_pure),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
