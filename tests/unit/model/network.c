#include "model/network.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "model/words.h"

static json_t *text(const char *s)
{
    json_t *j = json_loads(s, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(j);
    return j;
}

static void refused(const char *s, const char *message)
{
    struct network n = { .kind = NETWORK_BRIDGED };
    struct err e = { 0 };
    json_t *j = text(s);
    assert_int_equal(network_from_json("lab", j, &n, &e), -1);
    assert_string_equal(e.text, message);
    assert_int_equal(n.kind, NETWORK_BRIDGED);
    json_decref(j);
}

static void test_canonical(void **state)
{
    (void)state;
    static const char *const same[] = {
        "{\"kind\": \"user\", \"policy\": \"token\"}",
        "{\"kind\": \"user\", \"policy\": \"tag\"}",
        "{\"advertise\": \"http://172.16.5.1:10200\", \"cidr\": \"172.16.5.0/24\", "
        "\"domain\": \"lab.internal\", \"kind\": \"shared\", \"policy\": \"address\"}",
        "{\"cidr\": \"fd00::/64\", \"kind\": \"host-only\", \"policy\": \"tag\"}",
        "{\"kind\": \"bridged\", \"policy\": \"token\"}",
    };
    for (size_t i = 0; i < ARRAY_SIZE(same); i++) {
        struct network n;
        struct err e = { 0 };
        json_t *j = text(same[i]);
        assert_int_equal(network_from_json("lab", j, &n, &e), 0);
        assert_string_equal(n.name.s, "lab");
        json_t *out = network_to_json(&n);
        auto_free char *got = json_dumps(out, 0);
        assert_string_equal(got, same[i]);
        json_decref(out);
        json_decref(j);
    }
}

static void test_defaults(void **state)
{
    (void)state;
    struct network n;
    json_t *j = text("{\"kind\": \"user\"}");
    assert_int_equal(network_from_json("lab", j, &n, NULL), 0);
    assert_int_equal(n.policy, POLICY_TOKEN);
    assert_int_equal(n.cidr.ip.family, 0);
    json_decref(j);
}

static void test_refused(void **state)
{
    (void)state;
    refused("{}", "/networks/lab: has no kind: say kind: user, host-only, shared or bridged");
    refused("{\"kind\": \"bridge\"}",
            "/networks/lab/kind: \"bridge\" is not user, host-only, shared "
            "or bridged, did you mean \"bridged\"");
    refused("{\"kind\": true}",
            "/networks/lab/kind: expected user, host-only, shared or bridged, got true");
    refused(
        "{\"kind\": \"user\", \"policy\": \"address\"}",
        "/networks/lab/policy: on a user network every guest has the same address: say token or "
        "tag");
    refused("{\"kind\": \"shared\", \"mtu\": 9000}",
            "/networks/lab/mtu: unknown word \"mtu\"; network words are: advertise, cidr, domain, "
            "kind, policy");
    refused("{\"knid\": \"shared\"}",
            "/networks/lab/knid: unknown word \"knid\", did you mean \"kind\"");
    refused("{\"domain\": null}", "/networks/lab/domain: expected a string, got nothing");
    refused("{\"a/b~c\": 1}", "/networks/lab/a~1b~0c: unknown word \"a/b~c\"; network words are: "
                              "advertise, cidr, domain, kind, policy");
}

/* Messages of the parsers below carry the place too. */
static void test_wrapped(void **state)
{
    (void)state;
    static const char *const bad[][2] = {
        { "{\"kind\": \"shared\", \"cidr\": \"172.16.5.1/24\"}", "/networks/lab/cidr: " },
        { "{\"kind\": \"shared\", \"domain\": \"a..b\"}", "/networks/lab/domain: " },
        { "{\"kind\": \"shared\", \"advertise\": \"https://x\"}", "/networks/lab/advertise: " },
    };
    for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
        struct network n;
        struct err e = { 0 };
        json_t *j = text(bad[i][0]);
        assert_int_equal(network_from_json("lab", j, &n, &e), -1);
        assert_int_equal(strncmp(e.text, bad[i][1], strlen(bad[i][1])), 0);
        json_decref(j);
    }
}

static void test_names(void **state)
{
    (void)state;
    for (int k = 0; k < NETWORK_KINDS; k++)
        assert_int_equal(network_kind_from_name(network_kind_name((enum network_kind)k)), k);
    for (int p = 0; p < SEED_POLICIES; p++)
        assert_int_equal(seed_policy_from_name(seed_policy_name((enum seed_policy)p)), p);
}

static void test_nearest(void **state)
{
    (void)state;
    static const char *const names[] = { "memory", "mac", "uuid", "user-data" };
    static const char *const cases[][2] = {
        { "memroy", "memory" },
        { "memor", "memory" },
        { "mem", NULL },
        { "userdata", "user-data" },
        { "uiud", "uuid" },
        { "mca", "mac" },
        { "m", NULL },
        { "", NULL },
        { "ma", "mac" },
        { "user_data", "user-data" },
        { "a-word-of-more-than-thirty-two-bytes", NULL },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        const char *got = nearest_name(cases[i][0], names, ARRAY_SIZE(names));
        if (cases[i][1])
            assert_string_equal(got, cases[i][1]);
        else
            assert_null(got);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_canonical), cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_refused),   cmocka_unit_test(test_wrapped),
        cmocka_unit_test(test_names),     cmocka_unit_test(test_nearest),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
