/* Verdicts: who is over the limit of its phase becomes overdue by itself, whatever happened
 * meanwhile. */
#include "core_help.h"

static void over_its_limit(void **state)
{
    (void)state;
    define("\"ext\": {\"launcher\": \"external\"}");
    rig.core->limits.ms[PHASE_SEEDED] = 30;
    struct caller who = caller_of("ext", TOKEN_SEED);
    assert_int_equal(get_seed(&who), 200);
    assert_false(guest("ext").standing.overdue);
    until(guest("ext").standing.overdue);
    assert_int_equal(phase("ext"), PHASE_SEEDED);
    assert_int_equal(events("ext", EV_OVERDUE).n, 1);
    assert_non_null(strstr(events("ext", EV_OVERDUE).detail, "no phone-home"));
    uint64_t n[PHASES], overdue;
    must(store_counts(rig.core->store, n, &overdue, e));
    assert_int_equal(overdue, 1);
    /* It comes home after all. */
    assert_int_equal(home("ext", "iid-ext-1", KEY_A), 200);
    assert_false(guest("ext").standing.overdue);
}

static void in_time_is_in_time(void **state)
{
    (void)state;
    define("\"ext\": {\"launcher\": \"external\"}, \"b\": {\"launcher\": \"external\"}");
    rig.core->limits.ms[PHASE_SEEDED] = 30;
    struct caller who = caller_of("ext", TOKEN_SEED), other = caller_of("b", TOKEN_SEED);
    assert_int_equal(get_seed(&who), 200);
    assert_int_equal(home("ext", "iid-ext-1", KEY_A), 200);
    assert_int_equal(get_seed(&other), 200);
    until(guest("b").standing.overdue); /* whose deadline is the later one */
    assert_int_equal(events("ext", EV_OVERDUE).n, 0);
}

static void moved_boot_time(int64_t since_boot_ms, int64_t lasted_ms, const char *boot_id)
{
    struct guest g = guest("ext");

    must(core_write(rig.core, true, e));
    g.standing.since_boot_ms = since_boot_ms;
    g.standing.since_ms -= lasted_ms;
    must(core_guest_save(rig.core, &g, e));
    must(store_meta_set(rig.core->store, "boot-id", boot_id, e));
    quit_core();
    core_up();
}

/* The host was up for a month, booted, and roost with it: CLOCK_BOOTTIME is young again. */
static void a_new_boot_of_the_host(void **state)
{
    (void)state;
    define("\"ext\": {\"launcher\": \"external\"}");
    struct caller who = caller_of("ext", TOKEN_SEED);
    assert_int_equal(get_seed(&who), 200);
    moved_boot_time(INT64_C(1) << 40, INT64_C(86400000), "00000000-0000-4000-8000-000000000000");
    until(guest("ext").standing.overdue);
    assert_int_equal(events("ext", EV_OVERDUE).n, 1);
}

/* Within one boot the wall clock does not count: it may have been set. */
static void the_wall_clock_was_set(void **state)
{
    (void)state;
    define("\"ext\": {\"launcher\": \"external\"}");
    struct caller who = caller_of("ext", TOKEN_SEED);
    assert_int_equal(get_seed(&who), 200);
    int64_t since = guest("ext").standing.since_boot_ms;
    moved_boot_time(since, INT64_C(86400000), clock_boot_id());
    settle();
    assert_false(guest("ext").standing.overdue);
    assert_true(guest("ext").standing.since_boot_ms == since);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CORE(over_its_limit),
        WITH_CORE(in_time_is_in_time),
        WITH_CORE(a_new_boot_of_the_host),
        WITH_CORE(the_wall_clock_was_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
