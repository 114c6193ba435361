/* The route table: what fits it, what does not, and that server/openapi.yaml says the same. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include <fcntl.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/yaml.h"
#include "server/api_routes.h"

static const struct api_route *route;
static char name[NAME_MAX_LEN + 1], allow[64];
static struct err e;

static int find(const char *method, const char *path)
{
    return api_route_find(method, path, &route, name, allow, sizeof allow, &e);
}

static void test_finds_each_row(void **state)
{
    size_t n;
    const struct api_route *rows = api_routes(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        char path[128];
        const char *hole = strstr(rows[i].path, "{name}");
        if (hole)
            snprintf(path, sizeof path, "%.*sweb-1%s", (int)(hole - rows[i].path), rows[i].path,
                     hole + 6);
        else
            snprintf(path, sizeof path, "%s", rows[i].path);
        assert_int_equal(find(rows[i].method, path), 0);
        assert_ptr_equal(route, &rows[i]);
        assert_string_equal(name, hole ? "web-1" : "");
    }
}

static void test_head_is_get(void **state)
{
    (void)state;
    assert_int_equal(find("HEAD", "/v1/status"), 0);
    assert_string_equal(route->method, "GET");
}

static void test_unknown_paths(void **state)
{
    static const char *const paths[] = {
        "",
        "/",
        "/v1",
        "/v1/",
        "/v1/statusx",
        "/v1/status/",
        "/v1/instances/",
        "/v1/instances//start",
        "/v1/instances/a/b",
        "/v1/instances/a/start/",
        "/v2/status",
        "/v1/instances/"
        "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
        "aaaaaa"
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
        assert_int_equal(find("GET", paths[i]), -1);
        assert_int_equal(e.kind, ERR_NOT_FOUND);
        assert_string_equal(allow, "");
    }
}

static void test_other_methods(void **state)
{
    (void)state;
    assert_int_equal(find("POST", "/v1/instances/web"), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_string_equal(allow, "GET, DELETE");
    assert_int_equal(find("BREW", "/v1/apply"), -1);
    assert_string_equal(allow, "POST");
}

/* --- the document --- */

static json_t *document(void)
{
    auto_buf struct buf b = BUF_INIT;
    json_t *tree;

    assert_int_equal(file_read(AT_FDCWD, "server/openapi.yaml", 1 << 20, &b, &e), 0);
    if (yaml_read(b.data, b.len, "server/openapi.yaml", &tree, NULL, &e) < 0)
        fail_msg("%s", e.text);
    return tree;
}

static void method_of(const struct api_route *r, char out[16])
{
    size_t i = 0;

    for (; r->method[i]; i++)
        out[i] = (char)(r->method[i] | 0x20);
    out[i] = '\0';
}

static bool has_parameter(const json_t *op, const char *word)
{
    const json_t *p;
    size_t i;

    json_array_foreach(json_object_get(op, "parameters"), i, p)
    {
        const char *in = json_string_value(json_object_get(p, "in"));
        if (in && !strcmp(in, "query") &&
            !strcmp(json_string_value(json_object_get(p, "name")), word))
            return true;
    }
    return false;
}

static void test_document_has_the_rows(void **state)
{
    json_t *doc = document();
    size_t n;
    const struct api_route *rows = api_routes(&n);

    (void)state;
    for (size_t i = 0; i < n; i++) {
        char method[16];
        method_of(&rows[i], method);
        const json_t *op =
            json_object_get(json_object_get(json_object_get(doc, "paths"), rows[i].path), method);
        size_t words = 0;
        if (!op)
            fail_msg("openapi.yaml has no %s %s", rows[i].method, rows[i].path);
        for (; rows[i].query[words]; words++)
            if (!has_parameter(op, rows[i].query[words]))
                fail_msg("%s: no parameter %s", rows[i].path, rows[i].query[words]);
        assert_int_equal(json_array_size(json_object_get(op, "parameters")), words);
    }
    json_decref(doc);
}

static void test_rows_have_the_document(void **state)
{
    json_t *doc = document(), *item;
    const char *path, *word;
    size_t n, operations = 0;

    (void)state;
    api_routes(&n);
    json_object_foreach(json_object_get(doc, "paths"), path, item)
    {
        json_t *op;
        json_object_foreach(item, word, op) operations += strcmp(word, "parameters") != 0;
    }
    assert_int_equal(operations, n);
    json_decref(doc);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_finds_each_row),        cmocka_unit_test(test_head_is_get),
        cmocka_unit_test(test_unknown_paths),         cmocka_unit_test(test_other_methods),
        cmocka_unit_test(test_document_has_the_rows), cmocka_unit_test(test_rows_have_the_document),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
