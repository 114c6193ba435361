/* Phone home: what is recorded, what is refused, and that nobody hears 200 before the commit. */
#include <signal.h>
#include <sys/resource.h>

#include "core_help.h"

#define EXTERNAL "\"ext\": {\"launcher\": \"external\"}"
#define MANY     64

static void comes_home(void **state)
{
    (void)state;
    define(EXTERNAL);
    assert_int_equal(home("ext", "iid-ext-1", KEY_A), 200);
    struct guest g = guest("ext");
    struct guest_keys keys;
    assert_int_equal(g.standing.phase, PHASE_HOMED);
    assert_int_equal(g.address.port, 22);
    must(store_keys_get(rig.core->store, g.id, &keys, e));
    assert_true(keys.has[HOSTKEY_ED25519]);
    assert_string_equal(keys.iid, "iid-ext-1");
    assert_int_equal(events("ext", EV_HOMED).n, 1);
}

static void duplicates_change_nothing(void **state)
{
    (void)state;
    define(EXTERNAL);
    assert_int_equal(home("ext", "iid-ext-1", KEY_A), 200);
    settle();
    int64_t last = store_last_event(rig.core->store);
    for (int i = 0; i < 5; i++)
        assert_int_equal(home("ext", "iid-ext-1", KEY_A), 200);
    assert_int_equal(store_last_event(rig.core->store), last);
}

static void a_new_address_is_learnt(void **state)
{
    (void)state;
    define(EXTERNAL);
    assert_int_equal(home("ext", "iid-ext-1", KEY_A), 200);
    struct caller who = caller_of("ext", TOKEN_POST);
    must(ip_parse("192.0.2.7", &who.peer.ip, e));
    uint32_t id =
        post(P_HOME, &who,
             "pub_key_ed25519=ssh-ed25519+" KEY_A "+x%0A&instance_id=iid-ext-1&hostname=ext");
    assert_int_equal(status_of(id), 200);
    struct guest g = guest("ext");
    assert_true(ip_equal(&g.address.ip, &who.peer.ip));
    assert_int_equal(events("ext", EV_ADDRESS).n, 2);
}

static void other_keys_are_refused(void **state)
{
    (void)state;
    define(EXTERNAL);
    assert_int_equal(home("ext", "iid-ext-1", KEY_A), 200);
    /* A refusal of another kind just before must not hide the alarm. */
    struct caller wrong = caller_of("ext", TOKEN_SEED);
    assert_int_equal(status_of(post(P_HOME, &wrong, "x=y")), 403);
    for (int i = 0; i < 20; i++)
        assert_int_equal(home("ext", "iid-ext-1", KEY_B), 409);
    struct guest_keys keys;
    char line[HOSTKEY_B64_MAX + 64];
    must(store_keys_get(rig.core->store, guest("ext").id, &keys, e));
    hostkey_line(&keys.keys[HOSTKEY_ED25519], line, sizeof line);
    assert_non_null(strstr(line, "pXXZJ"));
    assert_int_equal(events("ext", EV_KEY_MISMATCH).n, 1);
    assert_int_equal(events("ext", EV_SEED_REFUSED).n, 1);
    assert_int_equal(phase("ext"), PHASE_HOMED);
}

static void another_instance_id_is_refused(void **state)
{
    (void)state;
    define(EXTERNAL);
    assert_int_equal(home("ext", "iid-datasource-none", KEY_A), 409);
    assert_int_equal(events("ext", EV_WRONG_ID).n, 1);
    assert_non_null(strstr(events("ext", EV_WRONG_ID).detail, "without its seed"));
    assert_int_equal(phase("ext"), PHASE_DEFINED);
}

static void a_rebuild_begins_anew(void **state)
{
    (void)state;
    define(EXTERNAL);
    assert_int_equal(home("ext", "iid-ext-1", KEY_A), 200);
    assert_int_equal(operate(core_rebuild(rig.core, "ext", &tester, answered, &rig.answer)),
                     ERR_NONE);
    assert_int_equal(phase("ext"), PHASE_DEFINED);
    assert_int_equal(home("ext", "iid-ext-1", KEY_A), 409); /* the old one still runs somewhere */
    assert_int_equal(home("ext", "iid-ext-2", KEY_B), 200);
    assert_int_equal(phase("ext"), PHASE_HOMED);
}

static void hostile_bodies(void **state)
{
    static const char *const bodies[] = { "", "instance_id=iid-ext-1", "&&&&", "instance_id=%zz",
                                          "pub_key_ed25519=ssh-rsa+" KEY_A
                                          "&instance_id=iid-ext-1" };
    (void)state;
    define(EXTERNAL);
    struct caller who = caller_of("ext", TOKEN_POST);
    for (size_t i = 0; i < ARRAY_SIZE(bodies); i++)
        assert_int_equal(status_of(post(P_HOME, &who, bodies[i])), 400);
    assert_int_equal(phase("ext"), PHASE_DEFINED);
}

/* ---- group commit ---- */

static struct store *reader;
static unsigned seen_home;

static int count_home(const struct guest *g, void *arg)
{
    (void)arg;
    seen_home += g->standing.phase == PHASE_HOMED;
    return 0;
}

/* At the first answer another connection must see them all. */
static void look_at_disk(void)
{
    if (rig.replies != 1)
        return;
    must(store_open_reader(rig.dir, &reader, e));
    must(store_guests(reader, count_home, NULL, e));
    store_close(reader);
}

static void define_many(void)
{
    static char text[65536];
    size_t len = 0;

    for (int i = 0; i < MANY; i++)
        len += snprintf(text + len, sizeof text - len, "%s\"g%d\": {\"launcher\": \"external\"}",
                        i ? ", " : "", i);
    define(text);
    settle();
    rig.replies = 0;
}

static void post_many(uint32_t ids[MANY])
{
    char name[16], iid[32];

    for (int i = 0; i < MANY; i++) {
        snprintf(name, sizeof name, "g%d", i);
        snprintf(iid, sizeof iid, "iid-g%d-1", i);
        ids[i] = post_home(name, iid, KEY_A);
    }
    for (int i = 0; i < MANY; i++)
        status_of(ids[i]);
}

static void one_commit_for_all(void **state)
{
    uint32_t ids[MANY];

    (void)state;
    define_many();
    rig.on_reply = look_at_disk;
    seen_home = 0;
    unsigned before = rig.core->commits;
    post_many(ids);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(rig.status[ids[i]], 200);
    assert_int_equal(rig.core->commits, before + 1);
    assert_int_equal(seen_home, MANY);
}

static void nobody_is_told_what_did_not_happen(void **state)
{
    struct rlimit old, tight;
    uint32_t ids[MANY];

    (void)state;
    define_many();
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &old), 0);
    tight = (struct rlimit){ 4096, old.rlim_max }; /* whatever is ahead in the log */
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &tight), 0);
    post_many(ids);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &old), 0);
    for (int i = 0; i < MANY; i++)
        assert_int_equal(rig.status[ids[i]], 503);
    assert_true(rig.core->full);
    assert_int_equal(phase("g0"), PHASE_DEFINED);
    /* Seeds go on, phone-homes when there is room again. */
    struct caller who = caller_of("g0", TOKEN_SEED);
    assert_int_equal(get_seed(&who), 200);
    assert_int_equal(home("g0", "iid-g0-1", KEY_A), 503);
    loop_timer_set(rig.core->full_retry, 0);
    until(!rig.core->full);
    assert_int_equal(home("g0", "iid-g0-1", KEY_A), 200);
    quit_core();
    core_up();
    assert_int_equal(phase("g0"), PHASE_HOMED);
    assert_int_equal(phase("g1"), PHASE_DEFINED);
}

/* Numbers of requests are each front's own: what the last one asked is not told to the next. */
static void a_new_front_gets_no_old_answers(void **state)
{
    (void)state;
    define(EXTERNAL);
    settle();
    rig.replies = 0;
    post_home("ext", "iid-ext-1", KEY_A);
    must(loop_turn(rig.loop, 0, e));
    connect_front();
    settle();
    assert_int_equal(rig.replies, 0);
    assert_int_equal(home("ext", "iid-ext-1", KEY_A), 200);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_CORE(comes_home),
        WITH_CORE(duplicates_change_nothing),
        WITH_CORE(a_new_address_is_learnt),
        WITH_CORE(other_keys_are_refused),
        WITH_CORE(another_instance_id_is_refused),
        WITH_CORE(a_rebuild_begins_anew),
        WITH_CORE(hostile_bodies),
        WITH_CORE(one_commit_for_all),
        WITH_CORE(nobody_is_told_what_did_not_happen),
        WITH_CORE(a_new_front_gets_no_old_answers),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
