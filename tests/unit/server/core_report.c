/* The reporting webhook: bounded by rate, by the timeline's size and by time. */
#include "core_help.h"

static void report_of(const struct caller *who, const char *name, const char *type,
                      const char *result)
{
    char body[512];

    snprintf(body, sizeof body,
             "{\"name\": \"%s\", \"description\": \"x\", \"event_type\": \"%s\", \"origin\": "
             "\"cloudinit\", "
             "\"timestamp\": 1.5%s%s%s}",
             name, type, result ? ", \"result\": \"" : "", result ? result : "",
             result ? "\"" : "");
    post(P_REPORT, who, body);
}

static json_t *timeline(const char *name)
{
    json_t *j = core_instance(rig.core, name, NULL),
           *t = json_incref(json_object_get(j, "timeline"));

    json_decref(j);
    return t;
}

static struct caller reporter(void)
{
    define("\"ext\": {\"launcher\": \"external\"}");
    return caller_of("ext", TOKEN_POST);
}

static void stages_are_events_and_spans(void **state)
{
    (void)state;
    struct caller who = reporter();
    report_of(&who, "init-network", "start", NULL);
    report_of(&who, "init-network/config-ssh", "start", NULL);
    report_of(&who, "init-network/config-ssh", "finish", "SUCCESS");
    report_of(&who, "init-network/config-users", "finish", "FAIL");
    report_of(&who, "init-network", "finish", "SUCCESS");
    report_of(&who, "modules-final", "finish", "SUCCESS");
    until(events("ext", EV_FINISHED).n);
    assert_int_equal(events("ext", EV_STAGE).n, 2);
    assert_int_equal(events("ext", EV_MODULE_FAILED).n, 1);
    json_t *t = timeline("ext");
    assert_int_equal(json_array_size(t), 4);
    json_decref(t);
    assert_int_equal(phase("ext"), PHASE_SEEDED);
}

static void nobody_else_reports(void **state)
{
    (void)state;
    struct caller who = reporter(), wrong = caller_of("ext", TOKEN_SEED);
    (void)who;
    report_of(&wrong, "init-network", "start", NULL);
    until(rig.core->refused);
    assert_int_equal(events("ext", EV_STAGE).n, 0);
}

static void so_many_a_minute(void **state)
{
    (void)state;
    struct caller who = reporter();
    rig.core->config.reports_per_minute = 50;
    for (int i = 0; i < 400; i++)
        report_of(&who, "modules-config/x", "finish", "FAIL");
    until(sight_find(rig.core, "ext"));
    settle();
    assert_int_equal(events("ext", EV_MODULE_FAILED).n, 50);
}

/* Names as long as they may be: what there is no room for is left out, the rest is kept. */
static void a_timeline_is_bounded(void **state)
{
    char name[64];

    (void)state;
    struct caller who = reporter();
    for (int i = 0; i < 200; i++) {
        snprintf(name, sizeof name, "modules-config/config-%03d-xxxxxxxxxxxxxxxxxxxxxxxx", i);
        report_of(&who, name, "start", NULL);
        report_of(&who, name, "finish", "SUCCESS");
    }
    until(sight_find(rig.core, "ext"));
    settle();
    json_t *t = timeline("ext");
    char *text = json_dumps(t, JSON_COMPACT);
    assert_in_range(json_array_size(t), 40, 72);
    assert_in_range(strlen(text), 1, TIMELINE_MAX);
    free(text);
    json_decref(t);
    assert_int_equal(events(NULL, EV_FAULT).n, 0);
}

/* It is on record after the end, though nothing waited for it. */
static void what_was_heard_survives_the_end(void **state)
{
    (void)state;
    struct caller who = reporter();
    report_of(&who, "init-network", "start", NULL);
    until(events("ext", EV_STAGE).n);
    quit_core();
    core_up();
    assert_int_equal(events("ext", EV_STAGE).n, 1);
    json_t *t = timeline("ext");
    assert_int_equal(json_array_size(t), 1);
    json_decref(t);
}

static void hostile_reports(void **state)
{
    static const char *const bodies[] = {
        "", "[]", "{", "{\"name\": 1}", "{\"name\": \"a\\u0000b\"}", "null"
    };
    (void)state;
    struct caller who = reporter();
    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++)
        post(P_REPORT, &who, bodies[i]);
    report_of(&who, "init-network", "start", NULL);
    until(events("ext", EV_STAGE).n);
    assert_int_equal(events(NULL, EV_FAULT).n, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CORE(stages_are_events_and_spans),
        WITH_CORE(nobody_else_reports),
        WITH_CORE(so_many_a_minute),
        WITH_CORE(a_timeline_is_bounded),
        WITH_CORE(what_was_heard_survives_the_end),
        WITH_CORE(hostile_reports),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
