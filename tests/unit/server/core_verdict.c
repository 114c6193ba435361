/* Verdicts: who is over the limit of its phase becomes overdue by itself, whatever happened
 * meanwhile. */
#include "core_help.h"

static void over_its_limit(void **state)
{
    (void)state;
    define("\"ext\": {\"launcher\": \"external\"}");
    rig.core->limits.ms[PHASE_SEEDED] = 500;
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
    rig.core->limits.ms[PHASE_SEEDED] = 500;
    struct caller who = caller_of("ext", TOKEN_SEED), other = caller_of("b", TOKEN_SEED);
    assert_int_equal(get_seed(&who), 200);
    assert_int_equal(home("ext", "iid-ext-1", KEY_A), 200);
    assert_int_equal(get_seed(&other), 200);
    until(guest("b").standing.overdue); /* whose deadline is the later one */
    assert_int_equal(events("ext", EV_OVERDUE).n, 0);
}

/* Restarts as QMP tells of them. */
static void restart(const char *name)
{
    core_note(rig.core, guest(name).id, EV_RESTARTED, "guest", "the guest rebooted itself");
}

static void has_begun(int64_t ms_ago)
{
    struct guest g = guest("web");

    must(core_write(rig.core, true, e));
    g.standing.way_boot_ms -= ms_ago;
    must(core_guest_save(rig.core, &g, e));
}

/* Each phase is in time, and begins anew; the way home as a whole is not. */
static void restarts_for_ever(void **state)
{
    (void)state;
    define("\"web\": {\"image\": \"k\"}");
    assert_int_equal(operate(core_start(rig.core, "web", &tester, answered, &rig.answer)),
                     ERR_NONE);
    struct caller who = caller_of("web", TOKEN_SEED);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(get_seed(&who), 200);
        assert_int_equal(phase("web"), PHASE_SEEDED);
        restart("web");
        assert_int_equal(phase("web"), PHASE_LAUNCHED);
    }
    assert_false(guest("web").standing.overdue);
    assert_int_equal(guest("web").standing.way_restarts, 3);
    settle();
    has_begun(phase_limit_of_way(&rig.core->limits));
    rig.runs = guest("web").launch_id; /* it outlives roost, and so does its way */
    quit_core();
    core_up();
    until(guest("web").standing.overdue);
    assert_int_equal(events("web", EV_OVERDUE).n, 1);
    assert_non_null(strstr(events("web", EV_OVERDUE).detail, "restarted 3 times on its way home"));
    /* The next phase does not whitewash it, and tells nobody a second time. */
    assert_int_equal(get_seed(&who), 200);
    assert_true(guest("web").standing.overdue);
    restart("web");
    settle();
    assert_true(guest("web").standing.overdue);
    assert_int_equal(events("web", EV_OVERDUE).n, 1);
    char note[320];
    struct guest g = guest("web");
    core_guest_note(rig.core, &g, note, sizeof note);
    assert_non_null(strstr(note, "restarted 4 times on its way home, no seed request for "));
    assert_non_null(strstr(note, "see: roost console web"));
    /* Home after all; the next way is a new one. */
    assert_int_equal(home("web", "iid-web-1", KEY_A), 200);
    assert_false(guest("web").standing.overdue);
    restart("web");
    assert_int_equal(guest("web").standing.way_restarts, 0);
    assert_false(guest("web").standing.overdue);
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
        WITH_CORE(over_its_limit),         WITH_CORE(in_time_is_in_time),
        WITH_CORE(restarts_for_ever),      WITH_CORE(a_new_boot_of_the_host),
        WITH_CORE(the_wall_clock_was_set),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
