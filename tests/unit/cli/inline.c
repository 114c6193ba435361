/* Files named by a fleet file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "cli/inline.h"

#define KEY_A                                                                                      \
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIKcjTgXOVxNTSJtAyzDbLxKDBBYsXz2GDDSYQZEhRKSv a@host"
#define KEY_B                                                                                      \
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAILcjTgXOVxNTSJtAyzDbLxKDBBYsXz2GDDSYQZEhRKSv b@host"

static char dir[64];
static const char *const names[] = {
    "a.pub", "two.pub", "bad.pub", "none.pub", "web.yaml", "binary"
};

static void put(const char *name, const char *data, size_t len)
{
    char path[128];

    snprintf(path, sizeof path, "%s/%s", dir, name);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
    assert_int_equal(fclose(f), 0);
}

static int set_up(void **state)
{
    (void)state;
    snprintf(dir, sizeof dir, "/tmp/roost-inline-XXXXXX");
    assert_non_null(mkdtemp(dir));
#define PUT(name, text) put(name, text, sizeof(text) - 1)
    PUT("a.pub", KEY_A "\n");
    PUT("two.pub", "# mine\n\n" KEY_A "\r\n" KEY_B);
    PUT("bad.pub", KEY_A "\nssh-ed25519 AAAA x\n");
    PUT("none.pub", "# nothing\n");
    PUT("web.yaml", "#cloud-config\n{}\n");
    PUT("binary", "\x1f\x8b\0z");
    setenv("HOME", dir, 1);
    return 0;
}

static int tear_down(void **state)
{
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
        char path[128];
        snprintf(path, sizeof path, "%s/%s", dir, names[i]);
        unlink(path);
    }
    return rmdir(dir);
}

static json_t *tree;
static struct err e;

static int run(const char *text)
{
    struct yaml_map *map = NULL;
    int ret;

    json_decref(tree);
    tree = NULL;
    if (yaml_read(text, strlen(text), "f.yaml", &tree, &map, &e) < 0)
        fail_msg("%s", e.text);
    ret = fleet_inline(tree, "f.yaml", map, dir, &e);
    yaml_map_free(map);
    return ret;
}

static const char *text_at(const char *section, const char *name, const char *word)
{
    return json_string_value(
        json_object_get(json_object_get(json_object_get(tree, section), name), word));
}

static const char *key(size_t i)
{
    const json_t *ops = json_object_get(json_object_get(tree, "identities"), "ops");

    return json_string_value(json_array_get(json_object_get(ops, "public-keys"), i));
}

static void test_keys(void **state)
{
    (void)state;
    assert_int_equal(run("identities:\n  ops:\n    public-keys: [a.pub, ~/a.pub, '" KEY_B "']\n"),
                     0);
    assert_string_equal(key(0), KEY_A);
    assert_string_equal(key(1), KEY_A);
    assert_string_equal(key(2), KEY_B);
    assert_null(key(3));
}

/* The second key of a file goes behind the others, so that line numbers of those stay right. */
static void test_several_keys_in_a_file(void **state)
{
    (void)state;
    assert_int_equal(run("identities: {ops: {public-keys: [two.pub, not a key]}}"), 0);
    assert_string_equal(key(0), KEY_A);
    assert_string_equal(key(1), "not a key");
    assert_string_equal(key(2), KEY_B);
}

static void assert_refused(const char *text, const char *begin, const char *part)
{
    assert_int_equal(run(text), -1);
    if (strncmp(e.text, begin, strlen(begin)) != 0 || !strstr(e.text, part))
        fail_msg("\"%s\" does not begin with \"%s\" or say \"%s\"", e.text, begin, part);
}

static void test_key_complaints_have_a_place(void **state)
{
    (void)state;
    assert_refused("identities:\n  ops:\n    public-keys:\n    - a.pub\n    - bad.pub\n",
                   "f.yaml:5:7: /identities/ops/public-keys/1: ", "bad.pub:2: ");
    assert_refused("identities: {ops: {public-keys: [none.pub]}}",
                   "f.yaml:1:34: ", "no public key in it");
    assert_refused("identities: {ops: {public-keys: [~/gone.pub]}}",
                   "f.yaml:1:34: ", "No such file");
    assert_refused("identities: {ops: {public-keys: [~bob/x.pub]}}", "f.yaml:1:34: ", "only ~/");
}

static void test_user_data(void **state)
{
    (void)state;
    assert_int_equal(
        run("defaults: {user-data: web.yaml}\ninstances:\n"
            "  a: {user-data: web.yaml}\n  b: {user-data: '#include x'}\n"
            "  c: {user-data: binary, vendor-data: web.yaml}\n  d:\n  e:\n    user-data: |\n      two\n      lines\n"),
        0);
    assert_string_equal(text_at("instances", "a", "user-data"), "#cloud-config\n{}\n");
    assert_string_equal(text_at("instances", "b", "user-data"), "#include x");
    assert_string_equal(text_at("instances", "e", "user-data"), "two\nlines\n");
    const json_t *c =
        json_object_get(json_object_get(json_object_get(tree, "instances"), "c"), "user-data");
    assert_string_equal(json_string_value(json_object_get(c, "base64")), "H4sAeg==");
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(tree, "defaults"), "user-data")),
        "#cloud-config\n{}\n");
    assert_string_equal(text_at("instances", "c", "vendor-data"), "#cloud-config\n{}\n");
    assert_refused("instances:\n  a:\n    vendor-data: gone.yaml\n",
                   "f.yaml:3:5: /instances/a/vendor-data: ", "No such file");
    assert_refused("instances:\n  a:\n    user-data: gone.yaml\n",
                   "f.yaml:3:5: /instances/a/user-data: ", "No such file");
}

static void test_images(void **state)
{
    char want[128];

    (void)state;
    assert_int_equal(run("images: {d: {file: ../x.qcow2, kernel: /boot/vmlinuz, initrd: ~/i}}"), 0);
    snprintf(want, sizeof want, "%s/../x.qcow2", dir);
    assert_string_equal(text_at("images", "d", "file"), want);
    assert_string_equal(text_at("images", "d", "kernel"), "/boot/vmlinuz");
    snprintf(want, sizeof want, "%s/i", dir);
    assert_string_equal(text_at("images", "d", "initrd"), want);
}

/* fleet_parse() names them, with their places. */
static void test_wrong_types_are_left(void **state)
{
    (void)state;
    assert_int_equal(
        run("images: [x]\nidentities: {ops: {public-keys: text}, x: 3, y: {public-keys: [1]}}\n"
            "instances: {a: [], b: {user-data: 7}}\ndefaults: text\n"),
        0);
    assert_int_equal(run(""), 0);
    json_decref(tree);
    tree = NULL;
}

#define T(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_keys),
        T(test_several_keys_in_a_file),
        T(test_key_complaints_have_a_place),
        T(test_user_data),
        T(test_images),
        T(test_wrong_types_are_left),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
