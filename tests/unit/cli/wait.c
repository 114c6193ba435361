/* When a wait is over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "cli/out.h"
#include "cli/wait.h"

#define N ARRIVAL_NOT_YET
#define R ARRIVAL_REACHED
#define L ARRIVAL_LOST

static void test_arrivals(void **state)
{
    static const struct {
        enum phase now;
        enum arrival launched, seeded, homed, configured, stopped;
    } rows[] = {
        { PHASE_DEFINED, N, N, N, N, R },  { PHASE_STARTING, N, N, N, N, N },
        { PHASE_LAUNCHED, R, N, N, N, N }, { PHASE_SEEDED, R, R, N, N, N },
        { PHASE_HOMED, R, R, R, N, N },    { PHASE_CONFIGURED, R, R, R, R, N },
        { PHASE_STOPPING, N, N, N, N, N }, { PHASE_STOPPED, L, L, L, L, R },
        { PHASE_FAILED, L, L, L, L, L },
    };

    (void)state;
    assert_int_equal(ARRAY_SIZE(rows), PHASES);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(arrival_of(rows[i].now, PHASE_LAUNCHED), rows[i].launched);
        assert_int_equal(arrival_of(rows[i].now, PHASE_SEEDED), rows[i].seeded);
        assert_int_equal(arrival_of(rows[i].now, PHASE_HOMED), rows[i].homed);
        assert_int_equal(arrival_of(rows[i].now, PHASE_CONFIGURED), rows[i].configured);
        assert_int_equal(arrival_of(rows[i].now, PHASE_STOPPED), rows[i].stopped);
    }
}

static void test_unconfigured(void **state)
{
    static const char *const goes_on[] = { "", "pending", "running", "configured", "else" };
    static const char *const over[] = { "failed", "nothing", "manual", "off" };

    (void)state;
    assert_null(unconfigured_why(NULL));
    for (size_t i = 0; i < ARRAY_SIZE(goes_on); i++)
        assert_null(unconfigured_why(goes_on[i]));
    for (size_t i = 0; i < ARRAY_SIZE(over); i++)
        assert_non_null(unconfigured_why(over[i]));
}

static void test_goals(void **state)
{
    enum phase p;
    struct err e;

    (void)state;
    assert_int_equal(goal_parse("seeded", &p, &e), 0);
    assert_int_equal(p, PHASE_SEEDED);
    assert_int_equal(goal_parse("home", &p, &e), -1);
    assert_non_null(strstr(e.text, "did you mean homed?"));
    assert_int_equal(goal_parse("failed", &p, &e), -1); /* nobody waits for that */
}

static void test_times(void **state)
{
    char out[40];

    (void)state;
    assert_int_equal(when_parse("1970-01-02T00:00:01.250Z"), 86401250);
    assert_int_equal(when_parse("1970-01-01T00:00:00Z"), 0);
    assert_int_equal(when_parse("1970-01-01T00:00:00+01:00"), -1);
    assert_int_equal(when_parse(""), -1);
    assert_string_equal(when_ago("", out), "-");
    assert_string_equal(when_ago("2999-01-01T00:00:00.000Z", out), "just now");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_arrivals),
        cmocka_unit_test(test_unconfigured),
        cmocka_unit_test(test_goals),
        cmocka_unit_test(test_times),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
