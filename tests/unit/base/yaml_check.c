#include "base/yaml.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

/* What yaml_read() refuses and others take is well-formed; what nobody can read is not. */
static void test_wellformed(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        int wellformed, readable;
    } cases[] = {
        { "", 1, 1 },
        { "a: [1, {b: c}]\n", 1, 1 },
        { "a: &x 1\nb: *x\n", 1, 0 },
        { "a: {<<: {b: c}}\n", 1, 0 },
        { "a: !!binary YQ==\n", 1, 0 },
        { "a: 1\na: 2\n", 1, 0 },
        { "a: 1\n---\nb: 2\n", 1, 0 },
        { "a: [\n", 0, 0 },
        { "a: b: c\n", 0, 0 },
        { "\ta: b\n", 0, 0 },
        { "a: \"\n", 0, 0 },
        { "a: \x01\n", 0, 0 },
        { "a: \xff\n", 0, 0 },
    };

    for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
        json_t *j = NULL;
        size_t len = strlen(cases[i].text);
        int readable = yaml_read(cases[i].text, len, "x", &j, NULL, NULL) == 0;
        int wellformed = yaml_wellformed(cases[i].text, len) == 0;
        json_decref(j);
        if (readable != cases[i].readable || wellformed != cases[i].wellformed)
            fail_msg("%s: readable %d, well-formed %d", cases[i].text, readable, wellformed);
    }
    assert_int_equal(yaml_wellformed(NULL, 0), 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(test_wellformed) };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
