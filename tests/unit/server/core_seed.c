/* Who may read a seed, who is held, who is turned away; and that refusals cannot fill the record.
 */
#include "core_help.h"

#define TWO                                                                                        \
    "\"ext\": {\"launcher\": \"external\"}, \"open\": {\"launcher\": \"external\", \"network\": "  \
    "\"trusting\"}"

static void define_two(void)
{
    static char text[8192];

    snprintf(text, sizeof text,
             "{\"networks\": {\"trusting\": {\"kind\": \"user\", \"policy\": \"tag\"}}, "
             "\"instances\": {%s}}",
             TWO);
    if (apply_text(text) != ERR_NONE)
        fail_msg("apply: %s", rig.answer.err.text);
}

static struct caller anonymous(const char *tag)
{
    struct caller c = { .claim = CLAIM_TAG, .agent = "Cloud-Init/22.4.2" };

    must(ip_parse("127.0.0.1", &c.peer.ip, e));
    snprintf(c.tag.s, sizeof c.tag.s, "%s", tag);
    snprintf(c.claimed, sizeof c.claimed, "%s", tag);
    return c;
}

static void by_token(void **state)
{
    (void)state;
    define_two();
    struct caller right = caller_of("ext", TOKEN_SEED), post_token = caller_of("ext", TOKEN_POST);
    struct caller others = caller_of("open", TOKEN_SEED), none = anonymous("ext");
    others.tag = right.tag;
    assert_int_equal(get_seed(&right), 200);
    assert_non_null(strstr(rig.vendor, "phone_home"));
    assert_int_equal(phase("ext"), PHASE_SEEDED);
    assert_int_equal(get_seed(&post_token), 403);
    assert_int_equal(get_seed(&others), 403);
    assert_int_equal(get_seed(&none), 403);
}

static void by_tag_where_the_network_trusts_it(void **state)
{
    (void)state;
    define_two();
    struct caller none = anonymous("open"), wrong = caller_of("ext", TOKEN_SEED);
    wrong.tag = none.tag;
    assert_int_equal(get_seed(&none), 200);
    assert_int_equal(get_seed(&wrong), 403);
}

static void unknown_callers_are_held_and_listed(void **state)
{
    (void)state;
    struct caller who = anonymous("later");
    assert_int_equal(get_seed(&who), 503);
    assert_int_equal(get_seed(&who), 503);
    assert_true(rig.seed.retry_after > 0);
    json_t *list = unknown_json(rig.core), *row = json_array_get(list, 0);
    assert_int_equal(json_array_size(list), 1);
    assert_string_equal(json_string_value(json_object_get(row, "tag")), "later");
    assert_int_equal(json_integer_value(json_object_get(row, "count")), 2);
    json_decref(list);
    define("\"later\": {\"launcher\": \"external\"}");
    assert_int_equal(unknown_count(rig.core), 0);
}

static void the_list_of_them_is_capped(void **state)
{
    char tag[32];

    (void)state;
    for (int i = 0; i < 600; i++) {
        snprintf(tag, sizeof tag, "made-up-%d", i);
        struct caller who = anonymous(tag);
        assert_int_equal(get_seed(&who), 503);
    }
    assert_int_equal(unknown_count(rig.core), rig.core->config.unknown_callers);
}

/* A client that sends the placeholder as it is: its token tells, while its QEMU runs. */
static void the_placeholder_is_read_by_its_token(void **state)
{
    (void)state;
    define("\"web\": {\"image\": \"k\"}");
    struct caller who = caller_of("web", TOKEN_SEED);
    who.claim = CLAIM_PLACEHOLDER;
    who.tag.s[0] = '\0';
    snprintf(who.claimed, sizeof who.claimed, "__dmi.chassis-asset-tag__");
    assert_int_equal(get_seed(&who), 503);
    assert_int_equal(operate(core_start(rig.core, "web", &tester, answered, &rig.answer)),
                     ERR_NONE);
    assert_int_equal(get_seed(&who), 200);
    assert_int_equal(phase("web"), PHASE_SEEDED);
}

static void a_flood_of_guesses_is_one_event(void **state)
{
    (void)state;
    define_two();
    struct caller wrong = anonymous("ext");
    for (int i = 0; i < 200; i++)
        assert_int_equal(get_seed(&wrong), 403);
    assert_int_equal(events("ext", EV_SEED_REFUSED).n, 1);
    assert_int_equal(rig.core->refused, 200);
}

static void and_over_many_tags_a_bounded_number(void **state)
{
    static char text[65536];
    size_t len = 0;
    char name[16];
    unsigned n = 0;

    (void)state;
    for (int i = 0; i < 300; i++)
        len += snprintf(text + len, sizeof text - len, "%s\"g%d\": {\"launcher\": \"external\"}",
                        i ? ", " : "", i);
    define(text);
    for (int i = 0; i < 300; i++) {
        snprintf(name, sizeof name, "g%d", i);
        struct caller wrong = anonymous(name);
        assert_int_equal(get_seed(&wrong), 403);
        n += events(name, EV_SEED_REFUSED).n;
    }
    assert_true(n > 0 && n <= 120);
}

static void a_changed_definition_reaches_the_next_request(void **state)
{
    (void)state;
    define(
        "\"ext\": {\"launcher\": \"external\", \"user-data\": \"#cloud-config\\nhostname: a\\n\"}");
    struct caller who = caller_of("ext", TOKEN_SEED);
    assert_int_equal(get_seed(&who), 200);
    assert_string_equal(rig.user, "#cloud-config\nhostname: a\n");
    unsigned before = rig.invalidated;
    define(
        "\"ext\": {\"launcher\": \"external\", \"user-data\": \"#cloud-config\\nhostname: b\\n\"}");
    settle();
    assert_true(rig.invalidated > before);
    assert_int_equal(get_seed(&who), 200);
    assert_string_equal(rig.user, "#cloud-config\nhostname: b\n");
}

/* Another secret: what is stored holds tokens that nobody accepts any more. */
static void a_new_secret_renders_anew(void **state)
{
    char path[96], first[sizeof rig.vendor];

    (void)state;
    define_two();
    struct caller who = caller_of("ext", TOKEN_SEED);
    assert_int_equal(get_seed(&who), 200);
    memcpy(first, rig.vendor, sizeof first);
    quit_core();
    snprintf(path, sizeof path, "%s/" FILE_SECRET, rig.dir);
    assert_int_equal(unlink(path), 0);
    core_up();
    assert_int_equal(get_seed(&who), 403);
    who = caller_of("ext", TOKEN_SEED);
    assert_int_equal(get_seed(&who), 200);
    assert_string_not_equal(rig.vendor, first);
    struct caller home_token = caller_of("ext", TOKEN_POST);
    assert_non_null(strstr(rig.vendor, home_token.token.s));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CORE(by_token),
        WITH_CORE(by_tag_where_the_network_trusts_it),
        WITH_CORE(unknown_callers_are_held_and_listed),
        WITH_CORE(the_list_of_them_is_capped),
        WITH_CORE(the_placeholder_is_read_by_its_token),
        WITH_CORE(a_flood_of_guesses_is_one_event),
        WITH_CORE(and_over_many_tags_a_bounded_number),
        WITH_CORE(a_changed_definition_reaches_the_next_request),
        WITH_CORE(a_new_secret_renders_anew),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
