#include "model/lifecycle.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/cleanup.h"

static void test_names(void **state)
{
    (void)state;
    for (int p = 0; p < PHASES; p++)
        assert_int_equal(phase_from_name(phase_name((enum phase)p)), p);
    assert_int_equal(phase_from_name("homesick"), -1);
}

struct step {
    enum event_kind event;
    enum phase want;
};

/* A story from DEFINED on; -1 ends it. */
#define STORY(...) walk(__func__, (const struct step[]){ __VA_ARGS__, { EV_KINDS, PHASES } })

static void walk(const char *story, const struct step *s)
{
    enum phase p = PHASE_DEFINED;

    for (int i = 0; s[i].event != EV_KINDS; i++) {
        p = lifecycle_next(p, s[i].event);
        if (p != s[i].want)
            fail_msg("%s, step %d: %s led to %s, not %s", story, i, event_kind_name(s[i].event),
                     phase_name(p), phase_name(s[i].want));
    }
}

static void test_way_home(void **state)
{
    (void)state;
    STORY({ EV_DEFINED, PHASE_DEFINED }, { EV_LAUNCHING, PHASE_STARTING },
          { EV_LAUNCHED, PHASE_LAUNCHED }, { EV_ADDRESS, PHASE_LAUNCHED },
          { EV_SEED_SERVED, PHASE_SEEDED }, { EV_STAGE, PHASE_SEEDED }, { EV_HOMED, PHASE_HOMED },
          { EV_STAGE, PHASE_HOMED }, { EV_MODULE_FAILED, PHASE_HOMED },
          { EV_FINISHED, PHASE_HOMED }, { EV_CONFIGURED, PHASE_CONFIGURED },
          { EV_STAGE, PHASE_CONFIGURED }, { EV_SEED_SERVED, PHASE_CONFIGURED },
          { EV_HOMED_AGAIN, PHASE_CONFIGURED }, { EV_CHANGED, PHASE_CONFIGURED },
          { EV_CONFIG_FAILED, PHASE_HOMED }, { EV_STOPPING, PHASE_STOPPING },
          { EV_STOPPED, PHASE_STOPPED });
}

static void test_external_guest(void **state)
{
    (void)state;
    STORY({ EV_SEED_SERVED, PHASE_SEEDED }, { EV_HOMED, PHASE_HOMED },
          { EV_SEED_SERVED, PHASE_HOMED }, { EV_HOMED_AGAIN, PHASE_HOMED },
          { EV_REBUILT, PHASE_DEFINED }, { EV_SEED_SERVED, PHASE_SEEDED });
    STORY({ EV_HOMED, PHASE_HOMED }); /* its seed came on a drive */
    STORY({ EV_STAGE, PHASE_SEEDED }, { EV_HOMED, PHASE_HOMED });
}

static void test_words_that_cross(void **state)
{
    (void)state;
    /* The guest is quicker than roostd's word of its launch. */
    STORY({ EV_LAUNCHING, PHASE_STARTING }, { EV_SEED_SERVED, PHASE_SEEDED },
          { EV_LAUNCHED, PHASE_SEEDED }, { EV_HOMED, PHASE_HOMED });
    /* Its phone-home comes although its seed fetch was not seen. */
    STORY({ EV_LAUNCHING, PHASE_STARTING }, { EV_LAUNCHED, PHASE_LAUNCHED },
          { EV_HOMED, PHASE_HOMED }, { EV_SEED_SERVED, PHASE_HOMED });
    /* What is heard of a guest that ended does not raise it from the dead. */
    STORY({ EV_LAUNCHING, PHASE_STARTING }, { EV_LAUNCHED, PHASE_LAUNCHED },
          { EV_STOPPED, PHASE_STOPPED }, { EV_SEED_SERVED, PHASE_STOPPED },
          { EV_STAGE, PHASE_STOPPED }, { EV_HOMED, PHASE_STOPPED }, { EV_RESTARTED, PHASE_STOPPED },
          { EV_STOPPING, PHASE_STOPPED }, { EV_FAILED, PHASE_STOPPED });
}

static void test_stop(void **state)
{
    (void)state;
    STORY({ EV_LAUNCHING, PHASE_STARTING }, { EV_STOPPING, PHASE_STOPPING },
          { EV_LAUNCHED, PHASE_STOPPING }, { EV_SEED_SERVED, PHASE_STOPPING },
          { EV_HOMED, PHASE_STOPPING }, { EV_ADOPTED, PHASE_STOPPING },
          { EV_RESTARTED, PHASE_STOPPING }, { EV_STAGE, PHASE_STOPPING },
          { EV_STOPPED, PHASE_STOPPED }, { EV_LAUNCHING, PHASE_STARTING });
    STORY({ EV_LAUNCHING, PHASE_STARTING }, { EV_LAUNCHED, PHASE_LAUNCHED },
          { EV_STOPPING, PHASE_STOPPING }, { EV_FAILED, PHASE_FAILED },
          { EV_STOPPED, PHASE_FAILED }, { EV_LAUNCHING, PHASE_STARTING });
    STORY({ EV_STOPPING, PHASE_DEFINED }, { EV_STOPPED, PHASE_DEFINED },
          { EV_FAILED, PHASE_DEFINED });
}

static void test_failures(void **state)
{
    (void)state;
    STORY({ EV_LAUNCHING, PHASE_STARTING }, { EV_LAUNCH_FAILED, PHASE_FAILED },
          { EV_LAUNCHING, PHASE_STARTING }, { EV_LAUNCHED, PHASE_LAUNCHED },
          { EV_OVERDUE, PHASE_LAUNCHED }, { EV_FAILED, PHASE_FAILED });
    /* A second launch that is refused since the first one runs is no failure of that one. */
    STORY({ EV_LAUNCHING, PHASE_STARTING }, { EV_HOMED, PHASE_HOMED },
          { EV_LAUNCH_FAILED, PHASE_HOMED });
    STORY({ EV_HOMED, PHASE_HOMED }, { EV_KEY_MISMATCH, PHASE_HOMED }, { EV_WRONG_ID, PHASE_HOMED },
          { EV_SEED_REFUSED, PHASE_HOMED }, { EV_FAULT, PHASE_HOMED }, { EV_FAILED, PHASE_FAILED });
}

static void test_reboot_and_adoption(void **state)
{
    (void)state;
    STORY({ EV_HOMED, PHASE_HOMED }, { EV_RESTARTED, PHASE_LAUNCHED },
          { EV_HOMED_AGAIN, PHASE_HOMED });
    STORY({ EV_HOMED, PHASE_HOMED }, { EV_CONFIGURED, PHASE_CONFIGURED },
          { EV_RESTARTED, PHASE_LAUNCHED }, { EV_STAGE, PHASE_SEEDED },
          { EV_CONFIGURED, PHASE_SEEDED }, { EV_HOMED_AGAIN, PHASE_HOMED });
    STORY({ EV_HOMED, PHASE_HOMED }, { EV_ADOPTED, PHASE_HOMED }, { EV_STOPPED, PHASE_STOPPED },
          { EV_ADOPTED, PHASE_LAUNCHED }, { EV_RESTARTED, PHASE_LAUNCHED });
    STORY({ EV_LAUNCHING, PHASE_STARTING }, { EV_ADOPTED, PHASE_LAUNCHED },
          { EV_ADOPTED, PHASE_LAUNCHED });
}

/* What must hold of every phase and event, whatever the table's rows say. */
static void test_invariants(void **state)
{
    (void)state;
    for (int i = 0; i < PHASES; i++) {
        enum phase p = (enum phase)i;

        assert_int_equal(lifecycle_next(p, EV_REBUILT), PHASE_DEFINED);
        assert_int_equal(lifecycle_next(p, EV_RESET), PHASE_DEFINED);
        assert_int_equal(lifecycle_next(p, EV_LAUNCHING), PHASE_STARTING);
        assert_int_equal(lifecycle_next(p, EV_OVERDUE), p);
        assert_false(phase_is_running(lifecycle_next(p, EV_STOPPED)));
        assert_false(phase_is_running(lifecycle_next(p, EV_FAILED)));
        if (phase_is_home(p))
            assert_true(phase_is_running(p));
        /* A phase that waits can be overdue, so there is a usual time, longer under TCG. */
        assert_int_equal(phase_waits_for(p) != NULL, phase_usual_default(p, true) > 0);
        assert_int_equal(phase_waits_for(p) != NULL, phase_usual_default(p, false) > 0);
        assert_true(phase_usual_default(p, true) >= phase_usual_default(p, false));
        for (int k = 0; k < EV_KINDS; k++) {
            enum phase next = lifecycle_next(p, (enum event_kind)k);
            assert_in_range(next, 0, PHASES - 1);
            /* The same fact twice is the same as once. */
            assert_int_equal(lifecycle_next(next, (enum event_kind)k), next);
            /* Only a phone-home brings home (a failed Ansible run keeps who is). */
            if (phase_is_home(next) && !phase_is_home(p))
                assert_true(k == EV_HOMED || k == EV_HOMED_AGAIN);
            if (k == EV_STAGE || k == EV_MODULE_FAILED || k == EV_FINISHED || k == EV_SEED_SERVED)
                assert_int_equal(phase_is_home(next), phase_is_home(p));
        }
    }
    assert_int_equal(phase_usual_default(PHASE_LAUNCHED, true), 40000);
    assert_int_equal(phase_usual_default(PHASE_LAUNCHED, false), 12000);
    assert_int_equal(phase_usual_default(PHASE_SEEDED, false), 15000);
}

#define START                 1700000000000
#define NOTE(s, after, usual) note((s), START + (after), (usual))

static const char *note(const struct standing *s, int64_t now, int64_t usual)
{
    static char out[400];

    standing_note(s, "web1", true, now, usual, out, sizeof out);
    return out;
}

static void test_note(void **state)
{
    (void)state;
    struct standing s = { .phase = PHASE_LAUNCHED, .since_ms = START, .overdue = true };

    assert_string_equal(NOTE(&s, 252000, 40000),
                        "no seed request for 4m12s, usual 40s; see: roost console web1");
    s.overdue = false;
    assert_string_equal(NOTE(&s, 30000, 40000), "no seed request for 30s, usual 40s");
    assert_string_equal(NOTE(&s, 41000, 40000),
                        "no seed request for 41s, usual 40s; see: roost console web1");
    assert_string_equal(NOTE(&s, -5000, 40000), "no seed request for 0s, usual 40s");
    char elsewhere[96];
    standing_note(&s, "web1", false, START + 41000, 40000, elsewhere, sizeof elsewhere);
    assert_string_equal(elsewhere, "no seed request for 41s, usual 40s; see: roost events web1");
    s.ever_home = true;
    assert_string_equal(NOTE(&s, 30000, 40000), "not home again for 30s, usual 40s");
    s.phase = PHASE_SEEDED;
    s.overdue = true;
    strcpy(s.last_sign, "modules-config SUCCESS");
    s.sign_ms = START + 60000;
    assert_string_equal(
        NOTE(&s, 252000, 40000),
        "no phone-home for 4m12s, usual 40s; last sign modules-config SUCCESS 3m12s "
        "ago; see: roost console web1");
    s.sign_ms = START; /* the very sign that began the phase */
    assert_string_equal(NOTE(&s, 252000, 0), "no phone-home for 4m12s; see: roost console web1");
    s.phase = PHASE_STOPPING;
    s.overdue = false;
    assert_string_equal(NOTE(&s, 3000, 8000), "still stopping for 3s, usual 8s");
    /* What went wrong on the way stands behind what is waited for. */
    s = (struct standing){ .phase = PHASE_SEEDED, .since_ms = START };
    strcpy(s.note, "modules-final/config-scripts-user FAIL");
    assert_string_equal(NOTE(&s, 30000, 40000),
                        "no phone-home for 30s, usual 40s; modules-final/config-scripts-user FAIL");
    s.phase = PHASE_HOMED;
    assert_string_equal(NOTE(&s, 30000, 40000), "modules-final/config-scripts-user FAIL");
}

/* A way home that begins anew again and again has one limit. */
static void test_whole_way(void **state)
{
    (void)state;
    struct phase_limits l = { { [PHASE_STARTING] = 10,
                                [PHASE_LAUNCHED] = 20,
                                [PHASE_SEEDED] = 30,
                                [PHASE_STOPPING] = 1000 } };
    struct standing s = { .phase = PHASE_DEFINED };

    assert_true(standing_deadline(&s, &l) == INT64_MAX);
    standing_way(&s, EV_LAUNCHING, PHASE_STARTING, 100);
    s.phase = PHASE_STARTING;
    s.since_boot_ms = 100;
    assert_int_equal(standing_deadline(&s, &l), 110);
    for (int at = 105; at <= 145; at += 10) {
        standing_way(&s, EV_RESTARTED, PHASE_LAUNCHED, at);
        s.phase = PHASE_LAUNCHED;
        s.since_boot_ms = at;
    }
    assert_int_equal(s.way_restarts, 5);
    assert_int_equal(standing_deadline(&s, &l), 160); /* not 165 */
    assert_false(standing_way_over(&s, &l, 159));
    assert_true(standing_way_over(&s, &l, 160));
    s.since_ms = START;
    assert_string_equal(NOTE(&s, 5000, 40000), "restarted 5 times on its way home, no seed request "
                                               "for 5s, usual 40s; see: roost console web1");
    /* Home or down it is on no way. */
    s.phase = PHASE_HOMED;
    assert_false(standing_way_over(&s, &l, 1000));
    s.phase = PHASE_STOPPED;
    assert_true(standing_deadline(&s, &l) == INT64_MAX);
    standing_way(&s, EV_LAUNCHING, PHASE_STARTING, 500);
    assert_int_equal(s.way_boot_ms, 500);
    assert_int_equal(s.way_restarts, 0);
    s.phase = PHASE_SEEDED;
    s.way_restarts = 1; /* as after an update of the kernel */
    assert_string_equal(NOTE(&s, 5000, 40000), "no phone-home for 5s, usual 40s");
    s.overdue = true;
    assert_string_equal(NOTE(&s, 5000, 0), "restarted on its way home, no phone-home for 5s; see: "
                                           "roost console web1");
    /* A phase without a limit leaves the way without one. */
    l.ms[PHASE_LAUNCHED] = 0;
    assert_int_equal(phase_limit_of_way(&l), 0);
    assert_false(standing_way_over(&s, &l, INT64_MAX - 1));
}

static void test_note_of_the_quiet(void **state)
{
    (void)state;
    struct standing s = { .phase = PHASE_FAILED, .since_ms = START, .overdue = true };

    strcpy(s.note, "kernel panic");
    assert_string_equal(NOTE(&s, 252000, 40000), "kernel panic");
    s.phase = PHASE_STOPPED;
    assert_string_equal(NOTE(&s, 252000, 40000), "kernel panic");
    s = (struct standing){ .phase = PHASE_HOMED, .since_ms = START };
    assert_string_equal(NOTE(&s, 252000, 40000), "");
    s.phase = PHASE_DEFINED;
    assert_string_equal(NOTE(&s, 252000, 40000), "");
    /* Cut, never past the end. */
    char small[8];
    memset(small, 'x', sizeof small);
    s.phase = PHASE_LAUNCHED;
    standing_note(&s, "web1", true, START, 0, small, sizeof small - 1);
    assert_string_equal(small, "no see");
    assert_int_equal(small[7], 'x');
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_names),
        cmocka_unit_test(test_way_home),
        cmocka_unit_test(test_external_guest),
        cmocka_unit_test(test_words_that_cross),
        cmocka_unit_test(test_stop),
        cmocka_unit_test(test_failures),
        cmocka_unit_test(test_reboot_and_adoption),
        cmocka_unit_test(test_invariants),
        cmocka_unit_test(test_note),
        cmocka_unit_test(test_whole_way),
        cmocka_unit_test(test_note_of_the_quiet),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
