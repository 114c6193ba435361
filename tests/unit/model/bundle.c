/* Bundles' manifests: what is written is read, and what no roost writes is refused. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "model/bundle.h"

static json_t *corpus(const char *file)
{
    char path[128];
    json_t *j;

    snprintf(path, sizeof path, "tests/fuzz/corpus/bundle/%s.json", file);
    assert_non_null(j = json_load_file(path, 0, NULL));
    return j;
}

static json_t *whole(void)
{
    return corpus("whole");
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

/* What is written is the lowest format that has room for it, and reads back as it was. */
static void again(const char *file, struct bundle *ret)
{
    json_t *j = corpus(file), *emitted;
    struct err e = { 0 };

    if (bundle_from_json(j, ret, &e) < 0)
        fail_msg("%s: %s", file, e.text);
    emitted = bundle_to_json(ret);
    assert_true(json_equal(json_object_get(j, "files"), json_object_get(emitted, "files")));
    assert_int_equal(json_integer_value(json_object_get(emitted, "roost-bundle")),
                     json_integer_value(json_object_get(j, "roost-bundle")));
    json_decref(emitted);
    json_decref(j);
}

static void test_other_disks(void **state)
{
    struct bundle b;

    (void)state;
    again("disks", &b);
    assert_int_equal(b.instance.spec.n_drives, 3);
    assert_true(b.files[BUNDLE_DRIVE].there && b.files[BUNDLE_DRIVE].format == DISK_QCOW2);
    assert_false(b.files[BUNDLE_DRIVE + 1].there);
    assert_int_equal(b.files[BUNDLE_DRIVE + 2].format, DISK_RAW);
    assert_string_equal(b.files[BUNDLE_DRIVE + 2].from, "/srv/raw.img");
    assert_false(bundle_root_in_place(&b));
    bundle_done(&b);
    again("root", &b);
    assert_true(bundle_root_in_place(&b) && !b.files[BUNDLE_DISK].there);
    assert_string_equal(b.image.sha256, "");
    bundle_done(&b);
    again("whole", &b);
    assert_int_equal(bundle_format(&b), 1);
    bundle_done(&b);
}

static json_t *drive(json_t *bundle, size_t k)
{
    return json_array_get(json_object_get(json_object_get(json_object_get(bundle, "instance"),
                                                          "spec"),
                                          "disks"),
                          k);
}

static json_t *with_file(const char *name, size_t k, const char *key, json_t *value)
{
    json_t *j = corpus(name);

    json_object_set_new(json_array_get(json_object_get(j, "files"), k), key, value);
    return j;
}

static void test_disks_that_cannot_be(void **state)
{
    json_t *j = corpus("disks");

    (void)state;
    json_object_set_new(j, "roost-bundle", json_integer(1));
    refused(j, ERR_INVALID, "disks");
    j = corpus("root");
    json_object_set_new(j, "roost-bundle", json_integer(1));
    refused(j, ERR_INVALID, "roost-bundle");
    j = corpus("disks"); /* one that is larger than its place */
    json_object_set_new(drive(j, 2), "size", json_integer(1 << 20));
    refused(j, ERR_INVALID, "disks");
    j = corpus("disks"); /* a file of this host */
    json_object_del(drive(j, 0), "size");
    json_object_set_new(drive(j, 0), "file", json_string("/etc/shadow"));
    refused(j, ERR_INVALID, "disks");
    j = corpus("disks"); /* more of them than the definition has */
    json_array_remove(json_object_get(json_object_get(json_object_get(j, "instance"), "spec"),
                                      "disks"),
                      2);
    refused(j, ERR_INVALID, "disks");
    refused(with_file("disks", 1, "format", json_string("vmdk")), ERR_INVALID, "format");
    refused(with_file("disks", 1, "format", json_null()), ERR_INVALID, "format");
    refused(with_file("disks", 0, "format", json_string("qcow2")), ERR_INVALID, "format");
    refused(with_file("disks", 1, "name", json_string("drive-17")), ERR_INVALID, "files");
    refused(with_file("disks", 2, "from", json_string("raw.img")), ERR_INVALID, "from");
    refused(with_file("whole", 0, "from", json_string("/srv/x")), ERR_INVALID, "from");
}

static void test_part_names(void **state)
{
    (void)state;
    for (int p = 0; p < BUNDLE_PARTS; p++)
        assert_int_equal(bundle_part_from_name(bundle_part_name((enum bundle_part)p)), p);
    assert_int_equal(bundle_part_from_name("drive-16"), BUNDLE_PARTS - 1);
    assert_int_equal(bundle_part_from_name("passwd"), -1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_round_trip), cmocka_unit_test(test_each_member_counts),
        cmocka_unit_test(test_versions),   cmocka_unit_test(test_extents),
        cmocka_unit_test(test_part_names), cmocka_unit_test(test_other_disks),
        cmocka_unit_test(test_disks_that_cannot_be),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
