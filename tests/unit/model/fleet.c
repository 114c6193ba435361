#include "model/fleet.h"

#include <glob.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"

static const struct spec_defaults configured = {
    .cpus = 1, .memory = 1u << 30, .disk = UINT64_C(5) << 30, .network = { "user" }
};

/* --- a fleet as JSON, for comparing --- */

static void put_text(json_t *j, const char *key, const char *s)
{
    if (s && *s)
        json_object_set_new(j, key, json_string(s));
}

static json_t *image_json(const struct fleet_image *i)
{
    json_t *j = image_to_json(&i->image), *source = json_object();
    put_text(source, "file", i->source.file);
    put_text(source, "url", i->source.url);
    put_text(source, "sums", i->source.sums);
    put_text(source, "predefined", i->source.predefined);
    put_text(source, "kernel", i->source.kernel);
    put_text(source, "initrd", i->source.initrd);
    put_text(source, "sha256", i->source.checksum.hex);
    json_object_set_new(j, "source", source);
    return j;
}

static json_t *fleet_json(const struct fleet *f)
{
    json_t *networks = json_object(), *identities = json_object(), *images = json_object(),
           *instances = json_object(), *groups = json_object();
    for (int i = 0; i < f->n_networks; i++)
        json_object_set_new(networks, f->networks[i].name.s, network_to_json(&f->networks[i]));
    for (int i = 0; i < f->n_groups; i++)
        json_object_set_new(groups, f->groups[i].name.s, groupdef_to_json(&f->groups[i]));
    for (int i = 0; i < f->n_identities; i++)
        json_object_set_new(identities, f->identities[i].name.s,
                            identity_to_json(&f->identities[i]));
    for (int i = 0; i < f->n_images; i++)
        json_object_set_new(images, f->images[i].image.name.s, image_json(&f->images[i]));
    for (int i = 0; i < f->n_instances; i++)
        json_object_set_new(instances, f->instances[i].name.s, spec_to_json(&f->instances[i].spec));
    json_t *out = json_pack("{s:o,s:o,s:o,s:o}", "networks", networks, "identities", identities,
                            "images", images, "instances", instances);
    if (f->groups)
        json_object_set_new(out, "groups", groups);
    else
        json_decref(groups);
    return out;
}

/* --- goldens: DIR/fleet.yaml gives DIR/expected, the fleet as JSON or the message --- */

static char *outcome(const char *yaml, size_t len)
{
    struct yaml_map *map = NULL;
    struct fleet f;
    struct err e;
    json_t *tree = NULL;
    char *text;
    int bad = yaml_read(yaml, len, "fleet.yaml", &tree, &map, &e);
    if (!bad)
        bad = fleet_parse(tree, "fleet.yaml", map, &configured, &f, &e);
    json_decref(tree);
    yaml_map_free(map);
    if (bad) {
        assert_true(asprintf(&text, "%s\n", e.text) > 0);
        return text;
    }
    json_t *j = fleet_json(&f);
    auto_free char *dump = json_dumps(j, JSON_INDENT(2));
    assert_true(asprintf(&text, "%s\n", dump) > 0);
    json_decref(j);
    fleet_done(&f);
    return text;
}

static void golden(const char *dir)
{
    char path[512];
    auto_buf struct buf in = BUF_INIT, want = BUF_INIT;
    snprintf(path, sizeof(path), "%s/fleet.yaml", dir);
    assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &in, NULL), 0);
    auto_free char *got = outcome(buf_str(&in), in.len);
    snprintf(path, sizeof(path), "%s/expected", dir);
    if (getenv("REGEN")) {
        auto_fclose FILE *out = fopen(path, "w");
        assert_non_null(out);
        fputs(got, out);
        return;
    }
    assert_int_equal(file_read(AT_FDCWD, path, 1 << 20, &want, NULL), 0);
    if (strcmp(got, buf_str(&want)) != 0)
        fail_msg("%s: got\n%s", dir, got);
}

static void test_golden(void **state)
{
    (void)state;
    glob_t found;
    assert_int_equal(glob("tests/golden/model/fleet-*", 0, NULL, &found), 0);
    assert_true(found.gl_pathc > 10);
    for (size_t i = 0; i < found.gl_pathc; i++)
        golden(found.gl_pathv[i]);
    globfree(&found);
}

/* --- what is too large or too odd for a golden --- */

static int parse(const json_t *tree, struct fleet *f, struct err *e)
{
    return fleet_parse(tree, NULL, NULL, &configured, f, e);
}

static json_t *with_instances(json_t *instances)
{
    return json_pack("{s:{s:s}, s:o}", "defaults", "image", "trixie", "instances", instances);
}

static void test_pointer_alone(void **state)
{
    (void)state;
    struct fleet f = { .n_images = 7 };
    struct err e;
    json_t *tree = with_instances(json_pack("{s:{s:s}}", "web", "memory", "8GG"));
    assert_int_equal(parse(tree, &f, &e), -1);
    assert_string_equal(e.text, "/instances/web/memory: \"8GG\" is not a size (say 512M or 8G)");
    assert_int_equal(e.kind, ERR_INVALID);
    assert_int_equal(f.n_images, 7);
    json_decref(tree);
    tree = json_array();
    assert_int_equal(parse(tree, &f, &e), -1);
    assert_string_equal(e.text, "expected a mapping, got a list");
    json_decref(tree);
}

/* n instances, each with a tag, a MAC, an address and a variable of its own. */
static json_t *many(int n)
{
    json_t *instances = json_object();
    for (int i = 0; i < n; i++) {
        char name[32], tag[32], mac[32], ip[32];
        snprintf(name, sizeof(name), "web-%d", i);
        snprintf(tag, sizeof(tag), "SN%d", i);
        snprintf(mac, sizeof(mac), "52:54:00:00:%02x:%02x", i >> 8, i & 255);
        snprintf(ip, sizeof(ip), "10.1.%d.%d", i >> 8, i & 255);
        json_object_set_new(instances, name,
                            json_pack("{s:s,s:s,s:s,s:[s,s],s:{s:i}}", "tag", tag, "mac", mac,
                                      "address", ip, "groups", "web", "db", "vars", "n", i));
    }
    return with_instances(instances);
}

static void test_many(void **state)
{
    (void)state;
    struct fleet f;
    struct err e = { 0 };
    json_t *tree = many(10000);
    assert_int_equal(parse(tree, &f, &e), 0);
    assert_int_equal(f.n_instances, 10000);
    assert_string_equal(f.instances[9999].spec.tag.s, "SN9999");
    fleet_done(&f);
    json_object_set_new(json_object_get(json_object_get(tree, "instances"), "web-9999"), "mac",
                        json_string("52-54-00-00-00-00"));
    assert_int_equal(parse(tree, &f, &e), -1);
    assert_string_equal(e.text, "/instances/web-9999/mac: mac 52:54:00:00:00:00 is already that of "
                                "/instances/web-0/mac");
    json_decref(tree);
}

/* Processor time of one parse of n instances. */
static double cost(int n)
{
    struct fleet f;
    json_t *tree = many(n);
    clock_t start = clock();
    assert_int_equal(parse(tree, &f, NULL), 0);
    clock_t end = clock();
    fleet_done(&f);
    json_decref(tree);
    return (double)(end - start) / CLOCKS_PER_SEC;
}

/* Looking for what is taken must not be quadratic: sixteen times the instances cost about sixteen
 * times as much, on an emulated processor with its small caches up to 90 times, not 256 times. The
 * least of three small runs is the noise's lower bound. */
static void test_growth(void **state)
{
    (void)state;
    double few = cost(2500);
    for (int i = 0; i < 2; i++) {
        double again = cost(2500);
        few = again < few ? again : few;
    }
    double much = cost(40000);
    if (much > 160 * few)
        fail_msg("2500 instances take %.3f s, 40000 take %.3f s", few, much);
    if (getenv("DEBUG"))
        print_message("2500 instances: %.3f s, 40000: %.3f s\n", few, much);
}

static void test_count(void **state)
{
    (void)state;
    struct fleet f;
    struct err e = { 0 };
    json_t *tree = with_instances(json_pack("{s:{s:i,s:s}}", "web", "count", FLEET_COUNT_MAX,
                                            "user-data", "#cloud-config\n"));
    assert_int_equal(parse(tree, &f, &e), 0);
    assert_int_equal(f.n_instances, FLEET_COUNT_MAX);
    assert_string_equal(f.instances[0].name.s, "web-1");
    assert_string_equal(f.instances[FLEET_COUNT_MAX - 1].name.s, "web-10000");
    /* Each has bytes of its own. */
    assert_ptr_not_equal(f.instances[0].spec.user_data, f.instances[1].spec.user_data);
    assert_string_equal(f.instances[FLEET_COUNT_MAX - 1].spec.user_data, "#cloud-config\n");
    fleet_done(&f);
    json_decref(tree);
}

static void test_caps(void **state)
{
    (void)state;
    struct fleet f;
    struct err e = { 0 };
    auto_free char *big = malloc(USER_DATA_MAX + 1);
    memset(big, 'x', USER_DATA_MAX);
    big[USER_DATA_MAX] = '\0';
    json_t *tree =
        with_instances(json_pack("{s:{s:i,s:s}}", "web", "count", 257, "user-data", big));
    assert_int_equal(parse(tree, &f, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
    assert_string_equal(e.text,
                        "/instances/web: user-data and vendor-data of all instances together are over 256 MiB");
    json_decref(tree);

    json_t *instances = json_object();
    for (int i = 0; i < 11; i++) {
        char name[16];
        snprintf(name, sizeof(name), "w%d", i);
        json_object_set_new(instances, name, json_pack("{s:i}", "count", FLEET_COUNT_MAX));
    }
    tree = with_instances(instances);
    assert_int_equal(parse(tree, &f, &e), -1);
    assert_string_equal(e.text, "/instances/w10: more than 100000 instances in one fleet");
    json_decref(tree);

    json_t *networks = json_object();
    for (int i = 0; i <= FLEET_DEFINITIONS_MAX; i++) {
        char name[16];
        snprintf(name, sizeof(name), "n%d", i);
        json_object_set_new(networks, name, json_pack("{s:s}", "kind", "user"));
    }
    tree = json_pack("{s:o}", "networks", networks);
    assert_int_equal(parse(tree, &f, &e), -1);
    assert_string_equal(e.text, "/networks: 10001 entries, at most 10000 are allowed");
    json_object_del(networks, "n7");
    assert_int_equal(parse(tree, &f, &e), 0);
    assert_int_equal(f.n_networks, FLEET_DEFINITIONS_MAX);
    fleet_done(&f);
    json_decref(tree);
}

/* Each is compared with each: so there is a limit, and up to there it is quick. */
static void test_many_networks(void **state)
{
    (void)state;
    json_t *networks = json_object(), *tree = json_pack("{s:o}", "networks", networks);
    struct fleet f;
    struct err e = { 0 };
    for (int i = 0; i <= FLEET_HOST_NETWORKS_MAX; i++) {
        char name[32], cidr[32];
        snprintf(name, sizeof(name), "net-number-%d", i);
        snprintf(cidr, sizeof(cidr), "10.%d.%d.0/24", i >> 8, i & 255);
        if (i == FLEET_HOST_NETWORKS_MAX) {
            assert_int_equal(parse(tree, &f, &e), 0);
            assert_int_equal(f.n_networks, FLEET_HOST_NETWORKS_MAX);
            fleet_done(&f);
        }
        json_object_set_new(networks, name, json_pack("{s:s,s:s}", "kind", "shared", "cidr", cidr));
    }
    assert_int_equal(parse(tree, &f, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
    assert_string_equal(e.text, "/networks/net-number-256: more than 256 networks of other kinds "
                                "than user in one fleet");
    json_decref(tree);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_many_networks), cmocka_unit_test(test_golden),
        cmocka_unit_test(test_pointer_alone), cmocka_unit_test(test_many),
        cmocka_unit_test(test_growth),        cmocka_unit_test(test_count),
        cmocka_unit_test(test_caps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
