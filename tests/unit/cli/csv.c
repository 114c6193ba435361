#include "cli/csv.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void same(int (*put)(const json_t *, struct buf *, struct err *), const char *json,
                 const char *want)
{
    auto_buf struct buf b = BUF_INIT;
    json_t *tree = json_loads(json, 0, NULL);
    struct err e;
    int r = put(tree, &b, &e);

    json_decref(tree);
    if (!want) {
        assert_int_equal(r, -1);
        assert_int_equal(e.kind, ERR_INVALID);
        return;
    }
    assert_int_equal(r, 0);
    assert_string_equal(b.len ? buf_str(&b) : "", want);
}

static void test_csv(void **state)
{
    (void)state;
    same(csv_put, "[]", "");
    same(csv_put,
         "[{\"name\": \"a\", \"n\": 1, \"yes\": true, \"none\": null, \"l\": [\"x\", \"y\"], "
         "\"o\": {}}]",
         "name,n,yes,none,l\r\na,1,true,,x y\r\n");
    same(csv_put, "[{\"a\": \"1,2\"}, {\"b\": \"say \\\"hi\\\"\", \"a\": \"l\\nm\"}]",
         "a,b\r\n\"1,2\",\r\n\"l\nm\",\"say \"\"hi\"\"\"\r\n");
    same(csv_put, "[{\"a\": 1}, {\"b\": 2, \"name\": \"n\"}]", "name,a,b\r\n,1,\r\nn,,2\r\n");
    same(csv_put, "{\"name\": \"one\"}", "name\r\none\r\n");
    same(csv_put, "[1]", NULL);
    same(csv_put, "\"text\"", NULL);
}

static void test_names(void **state)
{
    (void)state;
    same(names_put, "[{\"name\": \"a\"}, {\"name\": \"b\"}]", "a\nb\n");
    same(names_put, "[]", "");
    same(names_put, "[{\"tag\": \"a\"}]", NULL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_names),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
