#include "cli/told.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

static const char *option(const char *place)
{
    static const char *const words[][2] = { { "memory", "memory" },   { "identities", "identity" },
                                            { "disk/bus", "disk-bus" }, { "display", "display" },
                                            { "cidr", "cidr" },       { "host-address", "host-address" } };

    for (size_t i = 0; i < sizeof words / sizeof *words; i++)
        if (strcmp(words[i][0], place) == 0)
            return words[i][1];
    return NULL;
}

static void tells(const char *text, const char *want)
{
    struct err e;

    err_set(&e, ERR_CONFLICT, "%s", text);
    assert_int_equal(told("instance create", "instance", "web", option, &e), -1);
    assert_int_equal(e.kind, ERR_CONFLICT);
    assert_string_equal(e.text, want);
}

static void test_where(void **state)
{
    (void)state;
    tells("/instances/web/memory: 1 B is less", "instance create: --memory: 1 B is less");
    tells("/instances/web/disk/bus: x: y", "instance create: --disk-bus: x: y");
    tells("/instances/web-12/identities: x", "instance create: --identity: x");
    tells("/instances/web: has none", "instance create: has none");
    tells("/instances/web/of-none: x", "instance create: x");
    tells("instance web: memory: too much", "instance create: --memory: too much");
    tells("instance web-2: memory: too much", "instance create: --memory: too much");
}

/* What is about something else stays whole. */
static void test_elsewhere(void **state)
{
    static const char *const texts[] = {
        "/instances/web2/memory: x", "/instances/web-x/memory: x", "/images/web/memory: x",
        "/instances/web/memory",     "instance web2: memory: x",   "instance web: there is no image y",
        "instance web: of-none: x",  "instance web",               "network web: memory: x",
        "instance web-: memory: x",  "/instances/",                "",
    };
    char want[128];

    (void)state;
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        snprintf(want, sizeof want, "instance create: %s", texts[i]);
        tells(texts[i], want);
    }
}

static void test_advice(void **state)
{
    (void)state;
    tells("none there: say display: vnc", "instance create: none there: say --display vnc");
    tells("say cidr: or host-address: too", "instance create: say --cidr or --host-address too");
    tells("say or say cidr:", "instance create: say or say --cidr");
    tells("say of-none: x, memory: 5", "instance create: say of-none: x, memory: 5");
    tells("essay cidr:5", "instance create: essay cidr:5");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_where),
        cmocka_unit_test(test_elsewhere),
        cmocka_unit_test(test_advice),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
