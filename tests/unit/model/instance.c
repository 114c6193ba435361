#include "model/instance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static const struct spec_defaults configured = {
    .cpus = 1, .memory = 1u << 30, .disk = UINT64_C(5) << 30, .network = { "user" }
};

static json_t *text(const char *s)
{
    json_t *j = json_loads(s, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
    assert_non_null(j);
    return j;
}

/* Reads s over the configured defaults. */
static int read_text(struct spec *spec, const char *s, struct err *e)
{
    json_t *j = text(s);
    spec_init(spec, &configured);
    int ret = spec_read(spec, j, "/instances/web", e);
    json_decref(j);
    return ret;
}

/* The canonical form of s. */
static json_t *canonical(const char *s)
{
    struct spec spec;
    struct err e = { 0 };
    if (read_text(&spec, s, &e) < 0)
        fail_msg("%s", e.text);
    json_t *j = spec_to_json(&spec);
    spec_done(&spec);
    return j;
}

static void refused(const char *s, const char *message)
{
    struct spec spec;
    struct err e = { 0 };
    assert_int_equal(read_text(&spec, s, &e), -1);
    assert_string_equal(e.text, message);
    spec_done(&spec);
}

static const char full[] =
    "{\"address\": \"172.16.5.20\", \"autostart\": true, \"bootstrapper\": \"drive\", "
    "\"cpu\": \"max,avx2=on\", \"cpus\": 4, \"disk\": 10737418240, \"display\": \"vnc\", "
    "\"domain\": \"lab.internal\", \"firmware\": \"uefi\", \"firmware-code\": \"/f/code.fd\", "
    "\"firmware-vars\": \"/f/vars.fd\", \"forwards\": [\"127.0.0.1:8080:80\"], \"groups\": [\"db\", \"web\"], "
    "\"host-devices\": [\"pci:0000:3b:00.0\", \"usb:1-2\"], "
    "\"identities\": [\"ops\", \"_admin\"], \"image\": \"trixie\", \"keymap\": \"de\", "
    "\"launcher\": \"roost\", \"mac\": \"52:54:00:12:34:56\", \"machine\": \"pc-q35-7.2\", "
    "\"memory\": 8589934592, "
    "\"needs\": [\"db\", \"proxy\"], \"network\": \"lab\", \"playbook\": \"web.yaml\", "
    "\"qemu-arguments\": [\"-device\", \"a,b\"], \"tag\": \"WEB.1\", \"user-data\": \"#!/bin/sh\\ntrue\\n\", "
    "\"uuid\": \"4c4c4544-0042-3510-8031-b4c04f4e3732\", "
    "\"vars\": {\"app\": {\"a\": 1, \"b\": [1.5, null]}, \"tier\": \"x\"}, "
    "\"vendor-data\": \"#cloud-config\\n{}\\n\"}";

static void test_canonical(void **state)
{
    (void)state;
    static const char *const same[] = {
        full,
        "{\"autostart\": false, \"bootstrapper\": \"net\", \"cpus\": 1, \"disk\": 0, "
        "\"launcher\": \"roost\", \"memory\": 16777216, \"network\": \"user\"}",
        "{\"bootstrapper\": \"none\", \"launcher\": \"external\", \"network\": \"user\", "
        "\"user-data\": {\"base64\": \"H4sI/w==\"}}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
        json_t *j = canonical(same[i]);
        auto_free char *got = json_dumps(j, 0);
        assert_string_equal(got, same[i]);
        json_decref(j);
    }
}

static void test_normal_forms(void **state)
{
    (void)state;
    json_t *j =
        canonical("{\"memory\": \"8G\", \"disk\": \"10GiB\", \"groups\": [\"web\", \"db\"], "
                  "\"uuid\": \"4C4C4544-0042-3510-8031-B4C04F4E3732\", \"vars\": {\"z\": 1, "
                  "\"a\": {\"y\": 1, \"b\": 2}}, \"user-data\": {\"base64\": \"aGk=\"}, "
                  "\"domain\": \"\"}");
    auto_free char *got = json_dumps(j, JSON_COMPACT);
    assert_string_equal(got, "{\"autostart\":false,\"bootstrapper\":\"net\",\"cpus\":1,"
                             "\"disk\":10737418240,\"groups\":[\"db\",\"web\"],"
                             "\"launcher\":\"roost\",\"memory\":8589934592,\"network\":\"user\","
                             "\"user-data\":\"hi\","
                             "\"uuid\":\"4c4c4544-0042-3510-8031-b4c04f4e3732\","
                             "\"vars\":{\"a\":{\"b\":2,\"y\":1},\"z\":1}}");
    json_decref(j);
}

static void test_over(void **state)
{
    (void)state;
    struct spec s;
    struct err e;
    json_t *first = text("{\"groups\": [\"a\", \"b\"], \"vars\": {\"x\": 1, \"y\": {\"k\": 1}}, "
                         "\"user-data\": \"one\", \"cpus\": 2}");
    json_t *own = text("{\"groups\": [\"c\"], \"vars\": {\"y\": {\"l\": 2}, \"w\": 0}, "
                       "\"user-data\": \"\"}");
    json_t *vars = text("{\"w\": 0, \"x\": 1, \"y\": {\"l\": 2}}");
    spec_init(&s, &configured);
    assert_int_equal(spec_read(&s, first, "/defaults", &e), 0);
    assert_int_equal(spec_read(&s, own, "/instances/a", &e), 0);
    assert_int_equal(s.n_groups, 1);
    assert_string_equal(s.groups[0].s, "c");
    assert_true(json_equal(s.vars, vars));
    assert_null(s.user_data);
    assert_int_equal(s.user_data_len, 0);
    assert_int_equal(s.cpus, 2);
    json_decref(first);
    json_decref(own);
    json_decref(vars);
    spec_done(&s);
}

static void test_copy(void **state)
{
    (void)state;
    struct spec a, b;
    json_t *more = text("{\"vars\": {\"tier\": 2}, \"user-data\": \"x\", \"vendor-data\": \"y\"}");
    assert_int_equal(read_text(&a, full, NULL), 0);
    assert_int_equal(spec_copy(&b, &a, NULL), 0);
    json_t *before = spec_to_json(&a);
    assert_int_equal(spec_read(&b, more, "", NULL), 0);
    json_t *after = spec_to_json(&a), *other = spec_to_json(&b);
    assert_true(json_equal(before, after)); /* the copy shares nothing that changes */
    assert_false(json_equal(other, after));
    json_decref(before);
    json_decref(after);
    json_decref(other);
    json_decref(more);
    spec_done(&a);
    spec_done(&b);
}

static void test_external(void **state)
{
    (void)state;
    struct spec s;
    struct err e;
    json_t *own = text("{\"launcher\": \"external\", \"tag\": \"SN123\"}");
    assert_int_equal(read_text(&s,
                               "{\"image\": \"trixie\", \"autostart\": true, \"cpus\": 4, "
                               "\"firmware\": \"uefi\"}",
                               &e),
                     0);
    assert_int_equal(spec_read(&s, own, "/instances/old", &e), 0);
    json_t *j = spec_to_json(&s);
    auto_free char *got = json_dumps(j, 0);
    assert_string_equal(got, "{\"bootstrapper\": \"net\", \"launcher\": \"external\", "
                             "\"network\": \"user\", \"tag\": \"SN123\"}");
    spec_done(&s);
    json_decref(j);
    json_decref(own);
    refused("{\"image\": \"trixie\", \"launcher\": \"external\"}",
            "/instances/web/image: is for guests that roost launches; this one has launcher: "
            "external");
}

static void test_refused(void **state)
{
    (void)state;
    refused("[]", "/instances/web: expected a mapping, got a list");
    refused("{\"memroy\": \"2G\"}",
            "/instances/web/memroy: unknown word \"memroy\", did you mean \"memory\"");
    refused("{\"memory\": \"8GG\"}",
            "/instances/web/memory: \"8GG\" is not a size (say 512M or 8G)");
    refused("{\"memory\": 2}",
            "/instances/web/memory: 2 B is less than 16 MiB (say 512M or 8G)");
    refused("{\"memory\": \"15M\"}", "/instances/web/memory: 15 MiB is less than 16 MiB (say 512M or 8G)");
    refused("{\"memory\": \"65T\"}", "/instances/web/memory: 65 TiB is more than 64 TiB");
    refused("{\"memory\": -1}",
            "/instances/web/memory: expected a size (say 512M or 8G), got the number -1");
    refused("{\"disk\": 1.5}",
            "/instances/web/disk: expected a size (say 512M or 8G), got the number 1.5");
    refused("{\"disk\": 10}",
            "/instances/web/disk: 10 B is less than 1.0 MiB (say 512M or 8G)");
    refused("{\"cpus\": 0}", "/instances/web/cpus: 0 is not from 1 to 512");
    refused("{\"cpus\": 513}", "/instances/web/cpus: 513 is not from 1 to 512");
    refused("{\"cpus\": \"2\"}", "/instances/web/cpus: expected a whole number from 1 to 512, got the text \"2\"");
    refused("{\"cpus\": \"2\\n\"}", "/instances/web/cpus: expected a whole number from 1 to 512, got a text");
    refused("{\"cpus\": 1.5}", "/instances/web/cpus: expected a whole number from 1 to 512, got the number 1.5");
    refused("{\"tag\": 4711}",
            "/instances/web/tag: expected a string, got the number 4711 (put it in quotes)");
    refused("{\"tag\": \"Default string\"}",
            "/instances/web/tag: \"Default string\" is what firmware "
            "leaves in the field: it names no machine");
    refused("{\"autostart\": \"yes\"}",
            "/instances/web/autostart: expected true or false, got a text");
    refused(
        "{\"launcher\": \"extern\"}",
        "/instances/web/launcher: \"extern\" is not roost or external, did you mean \"external\"");
    refused("{\"identities\": [\"ops\", \"ops\"]}",
            "/instances/web/identities/1: \"ops\" is there twice");
    refused("{\"identities\": \"ops\"}", "/instances/web/identities: expected a list, got a text");
    refused("{\"user-data\": {\"file\": \"x\"}}",
            "/instances/web/user-data: expected a text or {base64: \"…\"}");
    refused(
        "{\"user-data\": {\"base64\": \"a b\"}}",
        "/instances/web/user-data/base64: not base64 (RFC 4648 with padding, without line breaks)");
    refused("{\"count\": 3}", "/instances/web/count: is a word of the fleet file only");
}

static void test_vars_refused(void **state)
{
    (void)state;
    refused("{\"vars\": []}", "/instances/web/vars: expected a mapping, got a list");
    refused(
        "{\"vars\": {\"a-b\": 1}}",
        "/instances/web/vars/a-b: \"a-b\" is not a name of an Ansible variable: letters, digits "
        "and _, no digit first, at most 128");
    refused(
        "{\"vars\": {\"\": 1}}",
        "/instances/web/vars/: \"\" is not a name of an Ansible variable: letters, digits and _, "
        "no digit first, at most 128");
    refused("{\"vars\": {\"class\": 1}}",
            "/instances/web/vars/class: \"class\" is reserved by Ansible: take another name");
    refused("{\"vars\": {\"group_names\": 1}}",
            "/instances/web/vars/group_names: \"group_names\" is "
            "reserved by Ansible: take another name");
    refused(
        "{\"vars\": {\"ansible_host\": \"10.0.0.1\"}}",
        "/instances/web/vars/ansible_host: \"ansible_host\" is not for a host's vars: roost writes "
        "how a host is reached; ansible_user, _port, _python_interpreter, _become, "
        "_become_method, _become_user, _shell_type and _shell_executable may be set");
    refused("{\"vars\": {\"a\": \"x\\u0000y\"}}",
            "/instances/web/vars: values nested deeper than 32 levels, or a text with a NUL byte");
    json_decref(canonical("{\"vars\": {\"ansible_user\": \"ops\", \"_x9\": \"{{ lookup }}\"}}"));
}

static void test_vars_depth(void **state)
{
    (void)state;
    char s[4096] = "{\"vars\": {\"a\": ";
    struct spec spec;
    struct err e;
    for (int i = 0; i < 1000; i++)
        strcat(s, "[");
    for (int i = 0; i < 1000; i++)
        strcat(s, "]");
    strcat(s, "}}");
    assert_int_equal(read_text(&spec, s, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    spec_done(&spec);
}

static void test_caps(void **state)
{
    (void)state;
    struct spec s;
    struct err e;
    auto_free char *big = malloc(USER_DATA_MAX + 2);
    memset(big, 'x', USER_DATA_MAX + 1);
    big[USER_DATA_MAX + 1] = '\0';
    json_t *j = json_pack("{s:s}", "user-data", big);
    spec_init(&s, &configured);
    assert_int_equal(spec_read(&s, j, "", &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
    json_object_set_new(j, "user-data", json_string(big + 1));
    assert_int_equal(spec_read(&s, j, "", &e), 0);
    assert_int_equal(s.user_data_len, USER_DATA_MAX);
    json_decref(j);
    j = json_pack("{s:{s:s}}", "vars", "a", big + 1);
    assert_int_equal(spec_read(&s, j, "", &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
    json_decref(j);
    json_t *groups = json_array();
    for (int i = 0; i <= INSTANCE_GROUPS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof(name), "g%d", i);
        json_array_append_new(groups, json_string(name));
    }
    j = json_pack("{s:o}", "groups", groups);
    assert_int_equal(spec_read(&s, j, "", &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
    json_decref(j);
    spec_done(&s);
}

/* One row per word: what another value of it asks for. */
static void test_diff(void **state)
{
    (void)state;
    static const struct {
        const char *word, *was, *is;
        enum change change;
    } rows[] = {
        { "groups", "[\"a\"]", "[\"b\"]", CHANGE_LIVE },
        { "vars", "{\"a\": 1}", "{\"a\": 2}", CHANGE_LIVE },
        { "autostart", "false", "true", CHANGE_LIVE },
        { "playbook", "\"a.yaml\"", "\"b.yaml\"", CHANGE_LIVE },
        { "needs", "[\"a\"]", "[\"b\"]", CHANGE_LIVE },
        { "forwards", "[\"8080:80\"]", "[\"8081:80\"]", CHANGE_LIVE },
        { "cpus", "1", "2", CHANGE_RESTART },
        { "memory", "\"1G\"", "\"2G\"", CHANGE_RESTART },
        { "firmware", "\"bios\"", "\"uefi\"", CHANGE_RESTART },
        { "firmware-code", "\"/a\"", "\"/b\"", CHANGE_RESTART },
        { "firmware-vars", "\"/a\"", "\"/b\"", CHANGE_RESTART },
        { "cpu", "\"host\"", "\"max,+aes\"", CHANGE_RESTART },
        { "machine", "\"q35\"", "\"pc-q35-7.2\"", CHANGE_RESTART },
        { "display", "\"headless\"", "\"vnc\"", CHANGE_RESTART },
        { "keymap", "\"de\"", "\"fr\"", CHANGE_RESTART },
        { "qemu-arguments", "[\"-s\"]", "[]", CHANGE_RESTART },
        { "host-devices", "[\"usb:1-2\"]", "[\"usb:1-3\"]", CHANGE_RESTART },
        { "disk", "\"1G\"", "\"2G\"", CHANGE_RESTART },
        { "disk", "\"2G\"", "\"1G\"", CHANGE_REBUILD },
        { "disk", "\"2G\"", "0", CHANGE_REBUILD },
        { "disk", "0", "\"2G\"", CHANGE_RESTART },
        { "address", "\"10.0.0.1\"", "\"10.0.0.2\"", CHANGE_RESTART },
        { "image", "\"a\"", "\"b\"", CHANGE_REBUILD },
        { "network", "\"a\"", "\"b\"", CHANGE_REBUILD },
        { "identities", "[]", "[\"b\"]", CHANGE_REBUILD },
        { "user-data", "\"a\"", "\"\"", CHANGE_REBUILD },
        { "vendor-data", "\"a\"", "\"\"", CHANGE_REBUILD },
        { "bootstrapper", "\"net\"", "\"drive\"", CHANGE_REBUILD },
        { "bootstrapper", "\"drive\"", "\"drive-network\"", CHANGE_REBUILD },
        { "domain", "\"a.b\"", "\"a.c\"", CHANGE_REBUILD },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        char was[256], is[256];
        struct field_change change[4];
        enum change worst;
        struct err e;
        snprintf(was, sizeof(was), "{\"%s\": %s}", rows[i].word, rows[i].was);
        snprintf(is, sizeof(is), "{\"%s\": %s}", rows[i].word, rows[i].is);
        json_t *old = canonical(was), *new_ = canonical(is);
        assert_int_equal(spec_diff(old, new_, change, 4, &worst, &e), 1);
        assert_string_equal(change[0].field, rows[i].word);
        assert_int_equal(change[0].change, rows[i].change);
        assert_int_equal(worst, rows[i].change);
        assert_int_equal(spec_diff(old, old, change, 4, &worst, &e), 0);
        assert_int_equal(worst, CHANGE_NONE);
        json_decref(old);
        json_decref(new_);
    }
}

static void test_diff_many(void **state)
{
    (void)state;
    struct field_change change[2];
    enum change worst;
    struct err e;
    json_t *old =
        canonical("{\"bootstrapper\": \"drive\", \"address\": \"10.0.0.1\", \"cpus\": 1}");
    json_t *new_ =
        canonical("{\"bootstrapper\": \"drive\", \"address\": \"10.0.0.2\", \"cpus\": 2, "
                  "\"vars\": {\"a\": 1}}");
    /* More than there is room for: the gravest of all still counts. */
    assert_int_equal(spec_diff(new_, old, change, 1, &worst, &e), 1);
    assert_int_equal(worst, CHANGE_REBUILD); /* a drive's network configuration is read once */
    assert_int_equal(spec_diff(old, new_, change, 2, &worst, &e), 2);
    assert_string_equal(change[0].field, "address");
    assert_string_equal(change[1].field, "cpus");
    json_decref(old);
    json_decref(new_);
}

static void test_diff_fixed(void **state)
{
    (void)state;
    static const char *const rows[][2] = {
        { "{\"tag\": \"a\"}", "{\"tag\": \"b\"}" },
        { "{\"tag\": \"a\"}", "{}" },
        { "{}", "{\"uuid\": \"4c4c4544-0042-3510-8031-b4c04f4e3732\"}" },
        { "{}", "{\"mac\": \"52:54:00:12:34:56\"}" },
        { "{}", "{\"launcher\": \"external\"}" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct field_change change[4];
        enum change worst = CHANGE_LIVE;
        struct err e;
        json_t *old = canonical(rows[i][0]), *new_ = canonical(rows[i][1]);
        assert_int_equal(spec_diff(old, new_, change, 4, &worst, &e), -1);
        assert_int_equal(e.kind, ERR_CONFLICT);
        assert_int_equal(worst, CHANGE_LIVE);
        if (i == 0)
            assert_string_equal(e.text, "tag cannot change from a to b: remove the instance and "
                                        "define it again, or write what it was");
        json_decref(old);
        json_decref(new_);
    }
}

static void test_iid(void **state)
{
    (void)state;
    char iid[IID_MAX + 1], name[NAME_MAX_LEN + 1];
    instance_iid("web1", 1, iid);
    assert_string_equal(iid, "iid-web1-1");
    memset(name, 'a', NAME_MAX_LEN);
    name[NAME_MAX_LEN] = '\0';
    instance_iid(name, UINT32_MAX, iid);
    assert_int_equal(strlen(iid), 4 + NAME_MAX_LEN + 11);
    assert_string_equal(iid + 4 + NAME_MAX_LEN, "-4294967295");
}

static void test_names(void **state)
{
    (void)state;
    for (int l = 0; l < LAUNCHERS; l++)
        assert_int_equal(launcher_from_name(launcher_name((enum launcher)l)), l);
    for (int b = 0; b < BOOTSTRAPPERS; b++)
        assert_int_equal(bootstrapper_from_name(bootstrapper_name((enum bootstrapper)b)), b);
    assert_string_equal(change_name(CHANGE_RESTART), "needs restart");
    assert_string_equal(change_name(CHANGE_REBUILD), "needs rebuild");
    assert_string_equal(change_name(CHANGE_LIVE), "live");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical),    cmocka_unit_test(test_normal_forms),
        cmocka_unit_test(test_over),         cmocka_unit_test(test_copy),
        cmocka_unit_test(test_external),     cmocka_unit_test(test_refused),
        cmocka_unit_test(test_vars_refused), cmocka_unit_test(test_vars_depth),
        cmocka_unit_test(test_caps),         cmocka_unit_test(test_diff),
        cmocka_unit_test(test_diff_many),    cmocka_unit_test(test_diff_fixed),
        cmocka_unit_test(test_iid),          cmocka_unit_test(test_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
