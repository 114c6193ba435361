/* Bundles' manifests: what is written is read, and what no roost writes is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "model/bundle.h"

static json_t *whole(void)
{
    json_t *j = json_load_file("tests/fuzz/corpus/bundle/whole.json", 0, NULL);

    assert_non_null(j);
    return j;
}

static void test_round_trip(void **state)
{
    json_t *j = whole(), *again;
    struct err e = { 0 };
    struct bundle b;

    (void)state;
    assert_int_equal(bundle_from_json(j, &b, &e), 0);
    assert_string_equal(b.instance.name.s, "web1");
    assert_string_equal(b.instance.iid, "iid-web1-1");
    assert_true(b.ever_home && b.has[HOSTKEY_ED25519] && !b.has[HOSTKEY_RSA]);
    assert_string_equal(b.tokens[TOKEN_POST].s, "11111111111111111111111111111111");
    assert_true(b.files[BUNDLE_DISK].there && b.files[BUNDLE_IMAGE_DISK].there);
    assert_false(b.files[BUNDLE_VARS].there);
    assert_true(bundle_file_stored(&b.files[BUNDLE_DISK]) <= b.files[BUNDLE_DISK].size);
    again = bundle_to_json(&b);
    assert_true(json_equal(j, again));
    json_decref(again);
    json_decref(j);
    bundle_done(&b);
}

static void refused(json_t *j, enum err_kind kind, const char *words)
{
    struct err e = { 0 };
    struct bundle b;

    assert_int_equal(bundle_from_json(j, &b, &e), -1);
    assert_int_equal(e.kind, kind);
    if (!strstr(e.text, words))
        fail_msg("%s: expected \"%s\"", e.text, words);
    bundle_done(&b);
    json_decref(j);
}

/* Every member is looked at: without it, or as something else, it is no bundle. */
static void test_each_member_counts(void **state)
{
    json_t *model = whole(), *v;
    const char *key;

    (void)state;
    json_object_foreach(model, key, v)
    {
        json_t *j = whole();
        json_object_del(j, key);
        refused(j, ERR_INVALID, "bundle");
        j = whole();
        json_object_set_new(j, key, json_true());
        refused(j, ERR_INVALID, "bundle");
    }
    json_object_foreach(json_object_get(model, "instance"), key, v)
    {
        json_t *j = whole();
        json_object_del(json_object_get(j, "instance"), key);
        refused(j, ERR_INVALID, "bundle");
    }
    json_decref(model);
}

static void test_versions(void **state)
{
    json_t *j = whole();

    (void)state;
    json_object_set_new(j, "roost-bundle", json_integer(BUNDLE_FORMAT + 1));
    refused(j, ERR_CONFLICT, "newer roost");
    j = whole();
    json_object_set_new(j, "roost-bundle", json_integer(0));
    refused(j, ERR_INVALID, "damaged");
    refused(json_array(), ERR_INVALID, "no bundle of roost");
}

static void test_extents(void **state)
{
    static const char *const bad[] = { "[[0, 0]]",
                                       "[[-1, 1]]",
                                       "[[0, 2], [1, 1]]",
                                       "[[0, 99999999999]]",
                                       "[[9223372036854775807, 1]]",
                                       "[[0]]",
                                       "[[0, 1, 2]]",
                                       "[\"0\"]",
                                       "{}" };

    (void)state;
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        json_t *j = whole(), *file = json_array_get(json_object_get(j, "files"), 0);
        json_object_set_new(file, "extents", json_loads(bad[i], 0, NULL));
        refused(j, ERR_INVALID, "extents");
    }
}

static void test_part_names(void **state)
{
    (void)state;
    for (int p = 0; p < BUNDLE_PARTS; p++)
        assert_int_equal(bundle_part_from_name(bundle_part_name((enum bundle_part)p)), p);
    assert_int_equal(bundle_part_from_name("passwd"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_each_member_counts),
        cmocka_unit_test(test_versions),   cmocka_unit_test(test_extents),
        cmocka_unit_test(test_part_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
