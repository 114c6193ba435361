/* Surveys: the whole fleet, read beside the loop. */
#include "core_help.h"

static struct heard {
    int calls;
    struct err err;
    char *text;
} heard;

static void surveyed(struct buf *text, const struct err *err, void *arg)
{
    struct heard *h = arg;

    h->calls++;
    h->err = err ? *err : (struct err){ 0 };
    free(h->text);
    h->text = text ? buf_steal(text) : NULL;
}

static int forget(void **state)
{
    free(heard.text);
    memset(&heard, 0, sizeof heard);
    return rig_down(state);
}

static void survey(enum survey_kind kind, const char *host)
{
    heard.calls = 0;
    core_survey(rig.core, kind, host, surveyed, &heard);
    until(heard.calls);
    assert_int_equal(heard.calls, 1);
    if (heard.err.kind != ERR_NONE)
        fail_msg("%s", heard.err.text);
}

static void all_kinds(void **state)
{
    (void)state;
    define("\"b\": {\"launcher\": \"external\", \"groups\": [\"web\"]}, "
           "\"a\": {\"launcher\": \"external\"}, \"c\": {\"image\": \"k\"}");
    assert_int_equal(home("b", "iid-b-1", KEY_A), 200);
    survey(SURVEY_INSTANCES, NULL);
    json_t *list = json_loads(heard.text, 0, NULL);
    assert_int_equal(json_array_size(list), 3);
    for (int i = 0; i < 3; i++) {
        char name[2] = { 'a' + i, '\0' };
        assert_string_equal(json_string_value(json_object_get(json_array_get(list, i), "name")),
                            name);
    }
    assert_string_equal(json_string_value(json_object_get(json_array_get(list, 1), "phase")),
                        "homed");
    json_decref(list);
    survey(SURVEY_INVENTORY, NULL);
    assert_non_null(strstr(heard.text, "web:"));
    survey(SURVEY_KNOWN_HOSTS, NULL);
    assert_non_null(strstr(heard.text, "ssh-ed25519"));
    survey(SURVEY_KNOWN_HOSTS, "a");
    assert_string_equal(heard.text, "");
    survey(SURVEY_SSH_CONFIG, NULL);
    assert_non_null(strstr(heard.text, "Host b"));
}

static void an_empty_fleet(void **state)
{
    (void)state;
    survey(SURVEY_INSTANCES, NULL);
    assert_string_equal(heard.text, "[]\n");
}

/* While it is under way the loop turns, and what is written then is not in it. */
static void the_loop_goes_on(void **state)
{
    (void)state;
    define("\"a\": {\"launcher\": \"external\"}, \"b\": {\"launcher\": \"external\"}");
    for (int i = 0; i < 20; i++) {
        heard.calls = 0;
        core_survey(rig.core, SURVEY_INSTANCES, NULL, surveyed, &heard);
        struct caller who = caller_of(i % 2 ? "a" : "b", TOKEN_SEED);
        assert_int_equal(get_seed(&who), 200);
        core_note(rig.core, guest("a").id, EV_STAGE, "guest", "round %d", i);
        until(heard.calls);
        assert_int_equal(heard.err.kind, ERR_NONE);
    }
}

/* Who waits is told; the thread is not waited for longer than it takes to notice. */
static void the_end_during_a_survey(void **state)
{
    struct heard many[10] = { { 0 } };

    (void)state;
    define("\"a\": {\"launcher\": \"external\"}");
    survey(SURVEY_INSTANCES, NULL);
    for (int i = 0; i < 10; i++)
        core_survey(rig.core, i % SURVEYS, NULL, surveyed, &many[i]);
    settle(); /* some are under way, some wait */
    for (int i = 5; i < 10; i++)
        core_survey(rig.core, i % SURVEYS, NULL, surveyed, &heard);
    core_down();
    for (int i = 0; i < 10; i++) {
        assert_int_equal(many[i].calls, 1);
        assert_true(many[i].err.kind == ERR_NONE || many[i].err.kind == ERR_BUSY);
        free(many[i].text);
    }
    assert_int_equal(heard.calls, 1 + 5);
    assert_int_equal(heard.err.kind, ERR_BUSY);
}

#define SURVEYED(t) cmocka_unit_test_setup_teardown(t, rig_up, forget)

int main(void)
{
    const struct CMUnitTest tests[] = {
        SURVEYED(all_kinds),
        SURVEYED(an_empty_fleet),
        SURVEYED(the_loop_goes_on),
        SURVEYED(the_end_during_a_survey),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
