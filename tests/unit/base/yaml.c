#include "base/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void same_json(const char *text, const char *json)
{
    struct err e = { 0 };
    json_t *got = NULL;
    json_error_t je;
    if (yaml_read(text, strlen(text), "f.yaml", &got, NULL, &e) < 0)
        fail_msg("%s: %s", text, e.text);
    json_t *want = json_loads(json, JSON_DECODE_ANY, &je);
    assert_non_null(want);
    if (!json_equal(got, want))
        fail_msg("%s is read as %s", text, json_dumps(got, JSON_ENCODE_ANY));
    json_decref(got);
    json_decref(want);
}

static void refused(const char *text, size_t len, enum err_kind kind, const char *complaint)
{
    struct err e = { 0 };
    json_t *got = NULL;
    struct yaml_map *map = NULL;
    if (yaml_read(text, len, "f.yaml", &got, &map, &e) == 0)
        fail_msg("%s was accepted", text);
    assert_null(got);
    assert_null(map);
    assert_int_equal(e.kind, kind);
    if (strncmp(e.text, complaint, strlen(complaint)) != 0)
        fail_msg("complaint \"%s\", expected \"%s\"", e.text, complaint);
}

static void test_scalars(void **state)
{
    (void)state;
    static const char *const cases[][2] = {
        { "~", "null" },
        { "null", "null" },
        { "NULL", "null" },
        { "nUll", "\"nUll\"" },
        { "true", "true" },
        { "False", "false" },
        { "yes", "\"yes\"" },
        { "off", "\"off\"" },
        { "y", "\"y\"" },
        { "0", "0" },
        { "-7", "-7" },
        { "+7", "7" },
        { "-0", "0" },
        { "0755", "\"0755\"" },
        { "00", "\"00\"" },
        { "0o17", "15" },
        { "0x1F", "31" },
        { "0o8", "\"0o8\"" },
        { "0x", "\"0x\"" },
        { "1_000", "\"1_000\"" },
        { "9223372036854775807", "9223372036854775807" },
        { "-9223372036854775808", "-9223372036854775808" },
        { "1.5", "1.5" },
        { ".5", "0.5" },
        { "5.", "5.0" },
        { "-1e3", "-1000.0" },
        { "01.5", "\"01.5\"" },
        { "1.2.3", "\"1.2.3\"" },
        { "1e", "\"1e\"" },
        { ".", "\".\"" },
        { "-", "[null]" },
        { "2G", "\"2G\"" },
        { "172.16.5.20", "\"172.16.5.20\"" },
        { "12:30:45", "\"12:30:45\"" },
        { "2026-01-31", "\"2026-01-31\"" },
        { "52:54:00:12:34:56", "\"52:54:00:12:34:56\"" },
        { "'1'", "\"1\"" },
        { "\"true\"", "\"true\"" },
        { "''", "\"\"" },
        { "!!str 1", "\"1\"" },
        { "!!str", "\"\"" },
        { "|\n  1\n", "\"1\\n\"" },
        { "\"\\u00fc\\n\"", "\"\xc3\xbc\\n\"" },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        same_json(cases[i][0], cases[i][1]);
}

static void test_trees(void **state)
{
    (void)state;
    same_json("", "{}");
    same_json("# only a comment\n", "{}");
    same_json("---\n...\n", "{}");
    same_json("%YAML 1.1\n---\na: 1\n", "{\"a\": 1}");
    same_json("\xef\xbb\xbf"
              "a: b\n",
              "{\"a\": \"b\"}");
    same_json("a: {b: [1, two, {c: ~}]}\n", "{\"a\": {\"b\": [1, \"two\", {\"c\": null}]}}");
    same_json("a:\n- 1\n-\n- [ ]\nb:\n", "{\"a\": [1, null, []], \"b\": null}");
    same_json("1: a\ntrue: b\n'<<': c\n", "{\"1\": \"a\", \"true\": \"b\", \"<<\": \"c\"}");
}

static void test_refusals(void **state)
{
    (void)state;
    static const struct {
        const char *text, *complaint;
    } cases[] = {
        { "a: &x 1\n", "f.yaml:1:4: anchors" },
        { "a: 1\nb:\n  c: *x\n", "f.yaml:3:6: aliases" },
        { "a: &x [*x]\n", "f.yaml:1:4: anchors" },
        { "a: !!int 1\n", "f.yaml:1:4: tags" },
        { "a: ! 1\n", "f.yaml:1:4: tags" },
        { "!!map {a: 1}\n", "f.yaml:1:1: tags" },
        { "a: !!python/object:os.system x\n", "f.yaml:1:4: tags" },
        { "a: 1\n b: 2\n", "f.yaml:2:3: " },
        { "web: 1\ndb: 2\nweb: 3\n", "f.yaml:3:1: duplicate key \"web\"" },
        { "web:\n\tdb: 2\n", "f.yaml:2:1: a tab stands here: YAML is indented with blanks" },
        { "ä: é\nweb:\n \tdb: 2\n", "f.yaml:3:2: a tab stands here" },
        { "a: {\"x\": 1, x: 2}\n", "f.yaml:1:13: duplicate key \"x\"" },
        { "[a]: 1\n", "f.yaml:1:1: a key must be text" },
        { "? {a: 1}\n: 1\n", "f.yaml:1:3: a key must be text" },
        { "<<: {a: 1}\n", "f.yaml:1:1: merge keys" },
        { "a: 1\n---\nb: 2\n", "f.yaml:2:1: more than one document" },
        { "a: 1\n...\nb: 2\n", "f.yaml:3:1: " },
        { "a: 18446744073709551616\n", "f.yaml:1:4: number is out of range" },
        { "a: 1e999\n", "f.yaml:1:4: number is out of range" },
        { "a: -.inf\n", "f.yaml:1:4: number is out of range" },
        { "a: .nan\n", "f.yaml:1:4: number is out of range" },
        { "a: \"x\\0y\"\n", "f.yaml:1:4: text holds a zero byte" },
        { "\"x\\0y\": 1\n", "f.yaml:1:1: text holds a zero byte" },
        { "a: 1\nb: [1, 2\nc: 3\n", "f.yaml:3:" },
        { "a: 1\nb: \"\xff\"\n", "f.yaml:2:5: " },
        { "a:\n\t- 1\n", "f.yaml:2:1: " },
        { "a: @x\n", "f.yaml:1:4: " },
    };
    for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
        refused(cases[i].text, strlen(cases[i].text), ERR_INVALID, cases[i].complaint);
    refused("a: \0", 4, ERR_INVALID, "f.yaml:1:4: ");
}

static void nest(struct buf *b, int depth, const char *open, const char *close)
{
    for (int i = 0; i < depth; i++)
        buf_puts(b, open);
    buf_puts(b, "1");
    for (int i = 0; i < depth; i++)
        buf_puts(b, close);
}

static void test_depth(void **state)
{
    (void)state;
    static const char *const forms[][2] = { { "[", "]" }, { "{a: ", "}" }, { "- ", "" } };
    for (size_t i = 0; i < ARRAY_SIZE(forms); i++) {
        auto_buf struct buf b = BUF_INIT;
        json_t *tree = NULL;
        nest(&b, 32, forms[i][0], forms[i][1]);
        assert_int_equal(yaml_read(b.data, b.len, "f.yaml", &tree, NULL, NULL), 0);
        auto_buf struct buf out = BUF_INIT;
        assert_int_equal(yaml_write(tree, &out, NULL), 0);
        json_decref(tree);
        for (int depth = 33; depth < 40000; depth *= 30) {
            buf_clear(&b);
            nest(&b, depth, forms[i][0], forms[i][1]);
            refused(b.data, b.len, ERR_TOO_BIG, "f.yaml:1:");
        }
    }
    /* The limit counts what is open, not what was. */
    same_json("[[], [], [], [], [], [], [], [], [], [], [], [], [], [], [], [], [], [],"
              " [], [], [], [], [], [], [], [], [], [], [], [], [], [], [], [], []]",
              "[[], [], [], [], [], [], [], [], [], [], [], [], [], [], [], [], [], [],"
              " [], [], [], [], [], [], [], [], [], [], [], [], [], [], [], [], []]");
}

static void at(const struct yaml_map *m, const char *pointer, int line, int column)
{
    int c = -1;
    assert_int_equal(yaml_map_line(m, pointer, &c), line);
    assert_int_equal(c, column);
}

static void test_map(void **state)
{
    (void)state;
    static const char text[] = "# fleet\n"
                               "networks:\n"
                               "  lab: {kind: shared, cidr: 172.16.5.0/24}\n"
                               "instances:\n"
                               "  web:\n"
                               "    groups:\n"
                               "    - web\n"
                               "    - front\n"
                               "  a/b~c: {x: 1}\n";
    json_t *tree = NULL;
    struct yaml_map *m = NULL;
    assert_int_equal(yaml_read(text, sizeof(text) - 1, "f", &tree, &m, NULL), 0);
    at(m, "", 2, 1);
    at(m, "/networks/lab", 3, 3);
    at(m, "/networks/lab/cidr", 3, 23);
    at(m, "/instances", 4, 1);
    at(m, "/instances/web/groups/1", 8, 7);
    at(m, "/instances/a~1b~0c/x", 9, 11);
    /* The nearest ancestor that is known. */
    at(m, "/instances/web/memory", 5, 3);
    at(m, "/instances/web/vars/deep/er", 5, 3);
    at(m, "/nothing", 2, 1);
    at(m, "nonsense", 2, 1);
    assert_int_equal(yaml_map_line(m, "/networks", NULL), 2);
    assert_int_equal(yaml_map_line(NULL, "/networks", NULL), 0);
    yaml_map_free(m);
    yaml_map_free(NULL);
    json_decref(tree);
    assert_int_equal(yaml_read("", 0, "f", &tree, &m, NULL), 0);
    at(m, "/x", 1, 1);
    yaml_map_free(m);
    json_decref(tree);
}

static void test_large_map(void **state)
{
    (void)state;
    enum { INSTANCES = 10000 };
    auto_buf struct buf b = BUF_INIT;
    json_t *tree = NULL;
    struct yaml_map *m = NULL;
    struct err e = { 0 };
    buf_puts(&b, "instances:\n");
    for (int i = 0; i < INSTANCES; i++)
        buf_printf(&b, "  web%d:\n    groups: [web, all]\n    memory: 2G\n", i);
    clock_t before = clock();
    assert_int_equal(yaml_read(b.data, b.len, "f", &tree, &m, &e), 0);
    for (int i = 0; i < INSTANCES; i++) {
        char pointer[64];
        snprintf(pointer, sizeof(pointer), "/instances/web%d/memory", i);
        assert_int_equal(yaml_map_line(m, pointer, NULL), 2 + 3 * i + 2);
        snprintf(pointer, sizeof(pointer), "/instances/web%d/groups/1", i);
        assert_int_equal(yaml_map_line(m, pointer, NULL), 2 + 3 * i + 1);
    }
    print_message("%d instances: %ld ms\n", INSTANCES,
                  (long)(clock() - before) * 1000 / CLOCKS_PER_SEC);
    yaml_map_free(m);
    json_decref(tree);
}

/* Everything that a reader of some YAML version takes for something else than text. */
static const char *const tricky_texts[] = {
    "",
    " ",
    "yes",
    "no",
    "on",
    "Off",
    "y",
    "N",
    "true",
    "null",
    "~",
    "0755",
    "0o17",
    "0x1f",
    "1",
    "1.5",
    "1e3",
    "1e+3",
    "1_000",
    "190:20:30",
    ".inf",
    ".nan",
    "2026-01-31",
    "=",
    "<<",
    "- a",
    "a: b",
    "a #b",
    "# a",
    "&a",
    "*a",
    "!a",
    "!!str a",
    "%a",
    "@a",
    "`a",
    "|",
    ">",
    "{a",
    "[a",
    "'",
    "\"",
    "\\",
    "a\nb",
    "a\n\n b\n",
    "\ttab",
    " lead",
    "trail ",
    "gr\xc3\xbc\xc3\x9f",
    "\xf0\x9f\x90\xa6",
    "\xc2\x85",
    "\xe2\x80\xa8",
    "\xef\xbb\xbf",
    "\x01\x1f\x7f",
    "{{ x }}",
    "---",
    "...",
    "? a",
    "a,b",
    "2G",
    "-",
    "null byte less",
};

static json_t *tricky(void)
{
    json_t *tree = json_object();
    json_t *values = json_array();
    json_t *keys = json_object();
    for (size_t i = 0; i < ARRAY_SIZE(tricky_texts); i++) {
        json_array_append_new(values, json_string(tricky_texts[i]));
        json_object_set_new(keys, tricky_texts[i], json_integer((json_int_t)i));
    }
    auto_buf struct buf b = BUF_INIT;
    for (int i = 0; i < 100; i++)
        buf_puts(&b, "long words ");
    json_array_append_new(values, json_string(buf_str(&b)));
    json_object_set_new(keys, buf_str(&b), json_true());
    json_object_set_new(tree, "values", values);
    json_object_set_new(tree, "keys", keys);
    json_object_set_new(tree, "numbers",
                        json_pack("[i,i,I,f,f,f,f,f,b,b,n]", 0, -5, (json_int_t)INT64_MIN, 1.5,
                                  1e20, 1.25e-7, -3.0, 0.1, 1, 0));
    json_object_set_new(tree, "empty", json_pack("[{},[],[[]],[{}]]"));
    return tree;
}

static void test_round_trip(void **state)
{
    (void)state;
    json_t *tree = tricky();
    json_t *back = NULL;
    auto_buf struct buf out = BUF_INIT;
    struct err e = { 0 };
    assert_int_equal(yaml_write(tree, &out, &e), 0);
    if (yaml_read(out.data, out.len, "out", &back, NULL, &e) < 0)
        fail_msg("%s in:\n%s", e.text, out.data);
    assert_true(json_equal(tree, back));
    json_decref(back);
    json_decref(tree);
}

/* YAML 1.1 as others implement it: what we wrote, PyYAML reads as the same tree. */
static void test_round_trip_pyyaml(void **state)
{
    (void)state;
    if (access("/usr/bin/python3", X_OK) < 0 ||
        system("/usr/bin/python3 -c 'import yaml' 2>/dev/null") != 0)
        skip();
    char dir[] = "/tmp/roost-yaml-XXXXXX";
    assert_non_null(mkdtemp(dir));
    char path[64], cmd[256];
    json_t *tree = tricky();
    auto_buf struct buf out = BUF_INIT;
    assert_int_equal(yaml_write(tree, &out, NULL), 0);
    snprintf(path, sizeof(path), "%s/t.yaml", dir);
    FILE *f = fopen(path, "w");
    assert_non_null(f);
    fwrite(out.data, 1, out.len, f);
    fclose(f);
    snprintf(cmd, sizeof(cmd),
             "/usr/bin/python3 -c 'import json,yaml,sys;"
             "json.dump(yaml.safe_load(open(sys.argv[1],encoding=\"utf-8\")),sys.stdout)' %s",
             path);
    FILE *p = popen(cmd, "r");
    assert_non_null(p);
    json_error_t je;
    json_t *back = json_loadf(p, 0, &je);
    int status = pclose(p);
    unlink(path);
    rmdir(dir);
    assert_int_equal(status, 0);
    if (!json_equal(tree, back))
        fail_msg("PyYAML reads %s", json_dumps(back, JSON_SORT_KEYS));
    json_decref(back);
    json_decref(tree);
}

static void test_written_form(void **state)
{
    (void)state;
    json_t *tree = json_pack("{s:{s:{s:s,s:i,s:b},s:[s,n],s:f},s:s,s:{},s:s}", "hosts", "web1",
                             "ansible_host", "127.0.0.1", "port", 2222, "up", 1, "list", "yes",
                             "big", 1e20, "on", "off", "none", "172.16.5.20", "x");
    auto_buf struct buf out = BUF_INIT;
    buf_puts(&out, "# banner\n");
    assert_int_equal(yaml_write(tree, &out, NULL), 0);
    assert_string_equal(buf_str(&out), "# banner\n"
                                       "hosts:\n"
                                       "  web1:\n"
                                       "    ansible_host: \"127.0.0.1\"\n"
                                       "    port: 2222\n"
                                       "    up: true\n"
                                       "  list:\n"
                                       "  - \"yes\"\n"
                                       "  - null\n"
                                       "  big: 1.0e+20\n"
                                       "\"on\": \"off\"\n"
                                       "none: {}\n"
                                       "\"172.16.5.20\": \"x\"\n");
    json_decref(tree);
}

static void test_write_refusals(void **state)
{
    (void)state;
    struct err e = { 0 };
    auto_buf struct buf out = { .cap = 20 };
    json_t *nul = json_stringn("a\0b", 3);
    assert_int_equal(yaml_write(nul, &out, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    json_decref(nul);
    json_t *deep = json_integer(1);
    for (int i = 0; i < 33; i++)
        deep = json_pack("[o]", deep);
    assert_int_equal(yaml_write(deep, &out, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
    json_decref(deep);
    assert_int_equal(out.len, 0);
    json_t *wide = json_pack("[s,s,s]", "more than", "twenty bytes", "of text");
    assert_int_equal(yaml_write(wide, &out, &e), -1);
    assert_int_equal(e.kind, ERR_TOO_BIG);
    json_decref(wide);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_scalars),      cmocka_unit_test(test_trees),
        cmocka_unit_test(test_refusals),     cmocka_unit_test(test_depth),
        cmocka_unit_test(test_map),          cmocka_unit_test(test_large_map),
        cmocka_unit_test(test_round_trip),   cmocka_unit_test(test_round_trip_pyyaml),
        cmocka_unit_test(test_written_form), cmocka_unit_test(test_write_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
