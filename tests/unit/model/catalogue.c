/* Predefined images: an entry's words, what is said beside them, and mistakes in a file. */
#include "model/catalogue.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "model/image.h"

static const char catalogue[] =
    "{\"debian-13\": {\"title\": \"Debian\", \"default-user\": \"debian\", \"firmware\": \"bios\","
    " \"min-memory\": \"512M\", \"amd64\": {\"url\": \"https://h/a\", \"checksum\": "
    "\"https://h/S\"},"
    " \"arm64\": {\"url\": \"https://h/b\"}},"
    " \"only-1\": {\"amd64\": {\"url\": \"https://h/c\"}}}";

static json_t *text(const char *s)
{
    json_t *j = json_loads(s, JSON_REJECT_DUPLICATES, NULL);
    assert_non_null(j);
    return j;
}

static json_t *expand(const char *words, struct err *e)
{
    json_t *c = text(catalogue), *w = text(words), *out = catalogue_expand(c, w, "img", e);
    json_decref(c);
    json_decref(w);
    return out;
}

static void expands_to(const char *words, const char *want)
{
    struct err e = { 0 };
    json_t *got = expand(words, &e), *j = text(want);
    if (!got)
        fail_msg("%s", e.text);
    if (!json_equal(got, j))
        fail_msg("%s became %s", words, json_dumps(got, 0));
    json_decref(got);
    json_decref(j);
}

static void test_expand(void **state)
{
    (void)state;
    expands_to(
        "{\"predefined\": \"debian-13\", \"arch\": \"amd64\"}",
        "{\"predefined\": \"debian-13\", \"arch\": \"amd64\", \"url\": \"https://h/a\","
        " \"checksum\": \"https://h/S\", \"default-user\": \"debian\", \"firmware\": \"bios\","
        " \"min-memory\": \"512M\"}");
    expands_to("{\"predefined\": \"debian-13\", \"arch\": \"arm64\", \"default-user\": \"me\"}",
               "{\"predefined\": \"debian-13\", \"arch\": \"arm64\", \"url\": \"https://h/b\","
               " \"default-user\": \"me\", \"min-memory\": \"512M\"}");
    expands_to("{\"file\": \"/a\"}", "{\"file\": \"/a\"}");
    expands_to("{\"predefined\": \"debian-13\", \"arch\": \"sparc\"}",
               "{\"predefined\": \"debian-13\", \"arch\": \"sparc\"}");
}

static void test_not_there(void **state)
{
    static const struct {
        const char *words, *says;
    } rows[] = {
        { "{\"predefined\": \"debian-31\"}", "did you mean \"debian-13\"?" },
        { "{\"predefined\": \"windows\"}", "there are debian-13, only-1" },
        { "{\"predefined\": \"only-1\", \"arch\": \"arm64\"}", "only-1 is not there for arm64" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct err e = { 0 };
        assert_null(expand(rows[i].words, &e));
        assert_int_equal(e.kind, ERR_NOT_FOUND);
        if (!strstr(e.text, rows[i].says))
            fail_msg("\"%s\" does not say \"%s\"", e.text, rows[i].says);
    }
}

static void test_check(void **state)
{
    static const struct {
        const char *file, *says; /* NULL: it is right */
    } rows[] = {
        { catalogue, NULL },
        { "{}", NULL },
        { "[]", "expected a mapping, got a list" },
        { "{\"a\": 1}", "/a: expected a mapping" },
        { "{\"A\": {}}", "/A: a name has a-z, 0-9, . and -" },
        { "{\"a\": {}}", "/a: has neither amd64: nor arm64:" },
        { "{\"a\": {\"amd64\": {}}}", "/a/amd64: url: is missing" },
        { "{\"a\": {\"amd64\": {\"url\": \"x\"}}}", "/a/amd64/url: " },
        { "{\"a\": {\"amd64\": {\"url\": \"https://h/x\", \"sum\": 1}}}", "/a/amd64/sum: " },
        { "{\"a\": {\"titel\": \"x\", \"amd64\": {\"url\": \"https://h/x\"}}}",
          "/a/titel: unknown" },
        { "{\"a\": {\"title\": 1, \"amd64\": {\"url\": \"https://h/x\"}}}", "/a/title: " },
        { "{\"a\": {\"firmware\": \"efi\", \"amd64\": {\"url\": \"https://h/x\"}}}", "firmware" },
    };
    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        struct err e = { 0 };
        json_t *j = text(rows[i].file);
        int r = catalogue_check(j, NULL, NULL, &e);
        assert_int_equal(r, rows[i].says ? -1 : 0);
        if (rows[i].says && !strstr(e.text, rows[i].says))
            fail_msg("\"%s\" does not say \"%s\"", e.text, rows[i].says);
        json_decref(j);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_expand),
        cmocka_unit_test(test_not_there),
        cmocka_unit_test(test_check),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
