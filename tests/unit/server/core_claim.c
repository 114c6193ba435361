/* Machines that others launch: by what they are known, who is adopted, and what is told of two that
 * claim the same. */
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

#define UUID_A "4c4c4544-0042-3510-8031-b4c04f4e3732"
#define UUID_B "4c4c4544-0042-3510-8031-b4c04f4e3733"
#define FIVE                                                                                       \
    "{\"networks\": {\"trusting\": {\"kind\": \"user\", \"policy\": \"tag\"}}, "                   \
    "\"defaults\": {\"launcher\": \"external\", \"network\": \"trusting\"}, "                      \
    "\"instances\": {\"a\": {\"uuid\": \"" UUID_A "\"}, \"b\": {\"uuid\": \"" UUID_B "\"}, "       \
    "\"s\": {\"serial\": \"CZC 1\"}, \"m\": {\"mac\": \"52:54:00:aa:bb:cc\"}, "                    \
    "\"strict\": {\"network\": \"user\", \"uuid\": \"4c4c4544-0042-3510-8031-b4c04f4e3734\"}}}"

static void define_five(void)
{
    if (apply_text(FIVE) != ERR_NONE)
        fail_msg("apply: %s", rig.answer.err.text);
}

static struct caller filler(const char *ip)
{
    struct caller c = { .claim = CLAIM_FILLER,
                        .claimed = "Default string",
                        .agent = "Cloud-Init/25.1" };

    must(ip_parse(ip, &c.peer.ip, e));
    return c;
}

static struct caller by_uuid(const char *uuid)
{
    struct caller c = filler("127.0.0.1");

    marks_read_uuid(&c.marks, uuid, strlen(uuid));
    return c;
}

static void a_filler_tag_leaves_it_to_the_other_marks(void **state)
{
    (void)state;
    define_five();
    struct caller a = by_uuid(UUID_A), b = by_uuid(UUID_B), s = filler("127.0.0.1"), m = s, path;
    struct caller nobody = by_uuid("4c4c4544-0042-3510-8031-b4c04f4e3799"), strict = a;
    marks_read_serial(&s.marks, "CZC 1", 5);
    marks_read_mac(&m.marks, "52:54:00:aa:bb:cc", 17);
    path = anonymous(UUID_B);
    marks_read_uuid(&strict.marks, "4c4c4544-0042-3510-8031-b4c04f4e3734", 36);
    assert_int_equal(get_seed(&a), 200);
    assert_int_equal(phase("a"), PHASE_SEEDED);
    assert_int_equal(phase("b"), PHASE_DEFINED);
    assert_int_equal(get_seed(&b), 200);
    assert_int_equal(phase("b"), PHASE_SEEDED);
    assert_int_equal(get_seed(&s), 200);
    assert_int_equal(phase("s"), PHASE_SEEDED);
    assert_int_equal(get_seed(&m), 200);
    assert_int_equal(phase("m"), PHASE_SEEDED);
    assert_int_equal(get_seed(&path), 200);
    assert_int_equal(get_seed(&nobody), 503);
    assert_int_equal(get_seed(&strict), 403);
}

/* Where the operator said which machine it is, another one with its tag is not served; where not,
 * both are, and it is told. */
static void two_claimants_of_one_tag_are_told(void **state)
{
    (void)state;
    define_two();
    struct caller one = anonymous("open"), two = one;
    must(ip_parse("192.0.2.1", &one.peer.ip, e));
    must(ip_parse("192.0.2.2", &two.peer.ip, e));
    assert_int_equal(get_seed(&one), 200);
    assert_int_equal(get_seed(&one), 200);
    assert_int_equal(events("open", EV_SECOND_CLAIMANT).n, 0);
    assert_int_equal(get_seed(&two), 200);
    assert_int_equal(events("open", EV_SECOND_CLAIMANT).n, 1);
    assert_non_null(
        strstr(events("open", EV_SECOND_CLAIMANT).detail, "one at 192.0.2.1, one at 192.0.2.2"));

    define_five();
    struct caller a = anonymous("a"), liar = a;
    marks_read_uuid(&a.marks, UUID_A, 36);
    marks_read_uuid(&liar.marks, "4c4c4544-0042-3510-8031-b4c04f4e3799", 36);
    assert_int_equal(get_seed(&a), 200);
    assert_int_equal(get_seed(&liar), 403);
    assert_int_equal(events("a", EV_SECOND_CLAIMANT).n, 1);
    struct caller b = anonymous("a"); /* one asset tag for a whole batch of machines */
    marks_read_uuid(&b.marks, UUID_B, 36);
    assert_int_equal(get_seed(&b), 200);
    assert_int_equal(phase("b"), PHASE_SEEDED);
}

static void adopt(size_t row, const char *name)
{
    json_t *list = unknown_json(rig.core);
    const char *id = json_string_value(json_object_get(json_array_get(list, row), "caller"));

    assert_non_null(id);
    assert_int_equal(
        operate(core_adopt_caller(rig.core, id, name, "", &tester, answered, &rig.answer)),
        ERR_NONE);
    json_decref(list);
}

/* Under policy token: adoption is the permission, for that address, until it is home. */
static void an_adopted_caller_gets_its_seed(void **state)
{
    (void)state;
    struct caller who = anonymous("RACK-7"), other = who, silent = filler("192.0.2.9"),
                  near = silent;
    must(ip_parse("192.0.2.1", &who.peer.ip, e));
    must(ip_parse("192.0.2.2", &other.peer.ip, e));
    must(ip_parse("192.0.2.8", &near.peer.ip, e));
    assert_int_equal(get_seed(&who), 503);
    adopt(0, "web1");
    assert_int_equal(unknown_count(rig.core), 0);
    assert_int_equal(get_seed(&other), 403);
    assert_int_equal(get_seed(&who), 200);
    assert_int_equal(phase("web1"), PHASE_SEEDED);
    quit_core();
    core_up(); /* it is on record */
    assert_int_equal(get_seed(&who), 200);
    assert_int_equal(home("web1", "iid-web1-1", KEY_A), 200);
    assert_int_equal(phase("web1"), PHASE_HOMED);
    assert_int_equal(get_seed(&who), 403);

    /* One that tells nothing of itself is known by its address until then. */
    assert_int_equal(get_seed(&silent), 503);
    adopt(0, "web2");
    assert_int_equal(get_seed(&near), 503);
    assert_int_equal(get_seed(&silent), 200);
    assert_int_equal(phase("web2"), PHASE_SEEDED);
}

static void what_cannot_be_adopted(void **state)
{
    (void)state;
    struct caller who = filler("127.0.0.1");
    assert_int_equal(get_seed(&who), 503);
    json_t *list = unknown_json(rig.core);
    const char *id = json_string_value(json_object_get(json_array_get(list, 0), "caller"));
    assert_int_equal(
        operate(core_adopt_caller(rig.core, id, "web", "", &tester, answered, &rig.answer)),
        ERR_CONFLICT);
    assert_non_null(strstr(rig.answer.err.text, "seed url"));
    assert_int_equal(
        operate(core_adopt_caller(rig.core, "00000000", "web", "", &tester, answered, &rig.answer)),
        ERR_NOT_FOUND);
    struct err e;
    assert_int_equal(core_forget_caller(rig.core, id, &e), 0);
    assert_int_equal(core_forget_caller(rig.core, id, &e), -1);
    assert_int_equal(unknown_count(rig.core), 0);
    json_decref(list);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CORE(a_filler_tag_leaves_it_to_the_other_marks),
        WITH_CORE(two_claimants_of_one_tag_are_told),
        WITH_CORE(an_adopted_caller_gets_its_seed),
        WITH_CORE(what_cannot_be_adopted),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
