/* Events: order, windows, pruning; and migrations. */
#include "base/clock.h"
#include "store_help.h"

static void add_event(struct store *s, int64_t instance, int64_t ms, const char *detail)
{
    struct event ev = { .real_ms = ms, .instance = { "web1" }, .kind = EV_STAGE };
    snprintf(ev.detail, sizeof(ev.detail), "%s", detail);
    snprintf(ev.actor, sizeof(ev.actor), "guest");
    struct guest g;
    if (instance)
        must(store_guest_by_id(s, instance, &g, e));
    must(store_event_add(s, instance ? &g : NULL, &ev, e));
    assert_true(ev.seq > 0);
    if (instance)
        must(store_guest_update(s, &g, e));
}

/* A store with instances 1 and 2. */
static struct store *open_with_two(void)
{
    struct store *s = open_store();
    assert_int_equal(add(s, "web1", 1), 1);
    assert_int_equal(add(s, "web2", 2), 2);
    return s;
}

static int collect(const struct event *ev, void *arg)
{
    char *out = arg;
    assert_string_equal(ev->instance.s, "web1");
    assert_string_equal(ev->actor, "guest");
    assert_int_equal(ev->kind, EV_STAGE);
    strcat(out, ev->detail);
    return strcmp(ev->detail, "!") == 0 ? 9 : 0;
}

static void expect_events(struct store *s, int64_t instance, int64_t after, int limit, bool newest,
                          const char *want)
{
    char out[2000] = "";
    must(store_events(s, instance, after, limit, newest, collect, out, e));
    assert_string_equal(out, want);
}

static void test_windows(void **state)
{
    (void)state;
    struct store *s = open_with_two();
    char out[64] = "";
    assert_int_equal(store_last_event(s), 0);
    expect_events(s, 0, 0, 10, true, "");
    for (int i = 0; i < 6; i++)
        add_event(s, 1 + i % 2, 1000 + i, (char[]){ (char)('a' + i), 0 });
    assert_int_equal(store_last_event(s), 6);
    expect_events(s, 0, 0, 10, false, "abcdef");
    expect_events(s, 0, 2, 2, false, "cd");
    expect_events(s, 0, 0, 2, true, "ef");
    expect_events(s, 0, 5, 4, true, "f");
    expect_events(s, 0, 6, 4, true, "");
    expect_events(s, 1, 0, 10, false, "ace");
    expect_events(s, 2, 2, 1, false, "d");
    expect_events(s, 2, 0, 2, true, "df");
    expect_events(s, 3, 0, 2, true, "");
    expect_events(s, 0, 0, 0, false, "");
    add_event(s, 1, 0, "!");
    assert_int_equal(store_events(s, 0, 5, 9, false, collect, out, NULL), 9);
    store_close(s);
}

static int collect_number(const struct event *ev, void *arg)
{
    char *out = arg;
    sprintf(out + strlen(out), "%d:%d ", (int)ev->seq, (int)ev->kind);
    return ev->seq == 5 ? 3 : 0;
}

static void test_events_of_kinds(void **state)
{
    (void)state;
    static const enum event_kind kinds[] = { EV_HOMED, EV_SEED_SERVED, EV_FORWARD_FAILED,
                                             EV_SEED_SERVED, EV_HOMED };
    const uint64_t some = UINT64_C(1) << EV_HOMED | UINT64_C(1) << EV_FORWARD_FAILED;
    struct store *s = open_with_two();
    char out[64] = "";

    for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
        struct event ev = { .real_ms = 1000, .kind = kinds[i], .actor = "roost" };
        must(store_event_add(s, NULL, &ev, e));
    }
    must(store_events_of(s, some, 0, 4, collect_number, out, e));
    assert_string_equal(out, "1:10 3:35 ");
    must(store_events_of(s, some, 3, 4, collect_number, out, e));
    assert_string_equal(out, "1:10 3:35 ");
    assert_int_equal(store_events_of(s, some, 3, 9, collect_number, out, NULL), 3);
    assert_string_equal(out, "1:10 3:35 5:10 ");
    store_close(s);
}

#define SET CLOCK_SET_MS

static void test_prune_by_age(void **state)
{
    (void)state;
    struct store *s = open_with_two();
    for (int i = 0; i < 10; i++)
        add_event(s, 1, SET + i, (char[]){ (char)('a' + i), 0 });
    assert_int_equal(store_events_prune(s, SET + 5, 100, 3, NULL), 3);
    assert_int_equal(store_events_prune(s, SET + 5, 100, 3, NULL), 2);
    assert_int_equal(store_events_prune(s, SET + 5, 100, 3, NULL), 0);
    expect_events(s, 0, 0, 20, false, "fghij");
    expect_events(s, 1, 0, 20, false, "fghij");
    /* The newest stays, so that its number is not given again. */
    while (store_events_prune(s, SET + 5000, 100, 100, NULL) > 0)
        continue;
    expect_events(s, 0, 0, 20, false, "j");
    must(store_commit(s, e));
    store_close(s);
    s = open_store();
    add_event(s, 1, 0, "k");
    assert_int_equal(store_last_event(s), 11);
    store_close(s);
}

/* What has no date goes with what came after it, and not before. */
static void test_prune_undated(void **state)
{
    (void)state;
    struct store *s = open_with_two();
    const struct {
        int64_t ms;
        const char *detail;
    } events[] = { { 5, "a" },        { 9, "b" }, { SET + 10, "c" }, { 3, "d" },
                   { SET + 20, "e" }, { 7, "f" }, { 8, "g" } };
    for (size_t i = 0; i < ARRAY_SIZE(events); i++)
        add_event(s, 1, events[i].ms, events[i].detail);
    assert_int_equal(store_events_prune(s, SET + 10, 100, 50, NULL), 0);
    assert_int_equal(store_events_prune(s, SET + 11, 100, 50, NULL), 3);
    expect_events(s, 1, 0, 20, false, "defg");
    assert_int_equal(store_events_prune(s, SET + 11, 100, 50, NULL), 0);
    assert_int_equal(store_events_prune(s, SET + 21, 100, 50, NULL), 2);
    assert_int_equal(store_events_prune(s, SET + 999, 100, 50, NULL), 0);
    expect_events(s, 1, 0, 20, false, "fg");
    store_close(s);
}

static void expect_int(sqlite3 *db, const char *sql, int64_t want)
{
    int64_t v;
    assert_int_equal(store_pragma_int(db, sql, &v), 0);
    assert_int_equal(v, want);
}

static void prune_all(struct store *s, unsigned keep, int batch)
{
    for (int i = 0; i < 50; i++)
        assert_true(store_events_prune(s, 0, keep, batch, NULL) <= batch);
}

static void test_prune_by_number(void **state)
{
    (void)state;
    struct store *s = open_with_two();
    for (int i = 0; i < 20; i++)
        add_event(s, i < 10 ? 1 : 2, 1, (char[]){ (char)('a' + i), 0 });
    add_event(s, 0, 1, "x");
    prune_all(s, 4, 3);
    expect_events(s, 1, 0, 50, false, "ghij");
    expect_events(s, 2, 0, 50, false, "qrst");
    expect_events(s, 0, 0, 50, false, "ghijqrstx");
    must(store_commit(s, e));
    /* Looked at once: the next call finds the new ones only, a smaller share all of them again. */
    assert_int_equal(store_events_prune(s, 0, 4, 100, NULL), 0);
    add_event(s, 1, 1, "y");
    assert_int_equal(store_events_prune(s, 0, 4, 100, NULL), 1);
    expect_events(s, 1, 0, 50, false, "hijy");
    prune_all(s, 2, 100);
    expect_events(s, 1, 0, 50, false, "jy");
    expect_events(s, 2, 0, 50, false, "st");
    for (int i = 0; i < 5; i++)
        add_event(s, 0, 1, (char[]){ (char)('A' + i), 0 });
    prune_all(s, 2, 100);
    expect_events(s, 0, 0, 50, false, "jstyDE");
    store_close(s);
}

/* A chain longer than one call may look at, which grows meanwhile, is rolled back meanwhile, and
 * of which the end has aged out. */
static void test_prune_goes_on(void **state)
{
    (void)state;
    struct store *s = open_with_two();
    struct guest g;
    for (int i = 0; i < 60; i++)
        add_event(s, 1, i < 10 ? 0 : 5, "a");
    must(store_commit(s, e));
    for (int i = 0; i < 2; i++) /* 8 looks each: inside the walk */
        assert_int_equal(store_events_prune(s, 0, 40, 1, NULL), 0);
    store_rollback(s);
    for (int i = 0; i < 4; i++)
        assert_int_equal(store_events_prune(s, 0, 40, 1, NULL), 0);
    add_event(s, 1, 5, "z");
    for (int i = 0; i < 30; i++)
        assert_true(store_events_prune(s, 0, 40, 1, NULL) <= 1);
    must(store_guest_by_id(s, 1, &g, e));
    assert_int_equal(g.events, 41); /* within a sixteenth */
    char want[60] = "";
    memset(want, 'a', 40);
    strcat(want, "z");
    expect_events(s, 1, 0, 100, false, want);
    expect_events(s, 0, 0, 100, false, want);
    expect_events(s, 1, 0, 2, true, "az");
    must(store_commit(s, e));
    for (int i = 0; i < 60; i++)
        add_event(s, 1, 9, "b");
    while (store_events_prune(s, 8, 1000, 64, NULL) > 0)
        continue;
    prune_all(s, 40, 64);
    must(store_guest_by_id(s, 1, &g, e));
    assert_int_equal(g.events, 40);
    expect_events(s, 1, 0, 1, false, "b");
    expect_int(s->db, "SELECT count(*) FROM events", 40);
    store_close(s);
}

/* Whoever saves an older copy of the row does not cut off what is newer. */
static void test_chain_survives_an_older_copy(void **state)
{
    (void)state;
    struct store *s = open_with_two();
    struct guest old;
    must(store_guest_by_id(s, 1, &old, e));
    add_event(s, 1, 1, "a");
    must(store_guest_update(s, &old, e));
    expect_events(s, 1, 0, 10, false, "a");
    add_event(s, 1, 1, "b");
    expect_events(s, 1, 0, 10, false, "ab");
    /* A chain that runs in circles is said to be damaged, not followed. */
    must(store_commit(s, e));
    assert_int_equal(sqlite3_exec(s->db, "UPDATE events SET prev = seq", NULL, NULL, NULL), 0);
    char out[64] = "";
    assert_int_equal(store_events(s, 1, 0, 10, false, collect, out, NULL), -1);
    store_close(s);
}

/* --- migrations --- */

static const struct migration steps[] = {
    { 1, "CREATE TABLE a(x); INSERT INTO a VALUES('kept')" },
    { 2, "ALTER TABLE a ADD COLUMN y; UPDATE a SET y = 'two'" },
    { 3, "CREATE TABLE b(z); INSERT INTO b SELECT y FROM a" },
};
static const struct migration broken[] = {
    { 1, "CREATE TABLE a(x)" },
    { 2, "DELETE FROM a; CREATE TABLE c(x)" },
    { 3, "INSERT INTO nowhere VALUES(1)" },
};

static sqlite3 *raw_open(const char *name)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(in_dir(name), &db), SQLITE_OK);
    sqlite3_exec(db, "PRAGMA journal_mode=WAL", NULL, NULL, NULL);
    return db;
}

static void migrate(sqlite3 *db, const struct migration *with, int n, struct err *ret, int want)
{
    char path[128];
    snprintf(path, sizeof(path), "%s/m.db", dir);
    assert_int_equal(store_migrate(db, path, with, n, ret), want);
}

static void test_migrates_with_a_copy(void **state)
{
    (void)state;
    sqlite3 *db = raw_open("m.db");
    migrate(db, steps, 1, NULL, 0);
    assert_int_equal(access(in_dir("m.db.0.bak"), F_OK), -1);
    migrate(db, steps, 3, NULL, 0);
    expect_int(db, "PRAGMA user_version", 3);
    expect_int(db, "SELECT count(*) FROM b WHERE z = 'two'", 1);
    migrate(db, steps, 3, NULL, 0); /* nothing to do */
    sqlite3_close(db);
    struct stat st;
    assert_int_equal(stat(in_dir("m.db.1.bak"), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(access(in_dir("m.db.1.bak.tmp"), F_OK), -1);
    db = raw_open("m.db.1.bak");
    expect_int(db, "PRAGMA user_version", 1);
    expect_int(db, "SELECT count(*) FROM a WHERE x = 'kept'", 1);
    expect_int(db, "SELECT count(*) FROM pragma_table_info('a')", 1);
    sqlite3_close(db);
}

static void test_failed_migration_changes_nothing(void **state)
{
    (void)state;
    struct err bad = { 0 };
    sqlite3 *db = raw_open("m.db");
    migrate(db, steps, 1, NULL, 0);
    migrate(db, broken, 3, &bad, -1);
    assert_non_null(strstr(bad.text, "nowhere"));
    expect_int(db, "PRAGMA user_version", 1);
    expect_int(db, "SELECT count(*) FROM a", 1);
    expect_int(db, "SELECT count(*) FROM sqlite_schema", 1);
    migrate(db, steps, 3, NULL, 0);
    migrate(db, steps, 2, &bad, -1);
    assert_int_equal(bad.kind, ERR_CONFLICT);
    sqlite3_close(db);
}

/* A store of before the chains: its events are found by instance, its counts stand. */
static void test_old_events_become_chains(void **state)
{
    (void)state;
    static const char rows[] =
        "INSERT INTO guests(id, name, tag, iid, generation, epoch, uuid, mac, launcher, network,"
        " phase) VALUES(1, 'web1', 'web1', 'iid-web1-1', 1, 1,"
        " '4c4c4544-0042-8510-8031-000000000001', x'525400000001', 1, 'user', 4),"
        " (2, 'web2', 'web2', 'iid-web2-1', 1, 1,"
        " '4c4c4544-0042-8510-8031-000000000002', x'525400000002', 1, 'user', 0);"
        "INSERT INTO events VALUES(3, 1, 1, 'web1', 8, 'a', 'guest'),"
        " (4, 1, 0, 'web1', 8, 'x', 'guest'), (6, 1, 1, 'web1', 8, 'b', 'guest'),"
        " (7, 1, 9, 'web1', 8, 'y', 'guest'), (8, 1, 0, 'web1', 8, 'z', 'guest');"
        "INSERT INTO counts VALUES(0, 1), (8, 1);";
    sqlite3 *db = raw_open("store.db");
    assert_int_equal(store_migrate(db, in_dir("store.db"), store_migrations, 3, NULL), 0);
    if (sqlite3_exec(db, rows, NULL, NULL, NULL) != SQLITE_OK)
        fail_msg("%s", sqlite3_errmsg(db));
    sqlite3_close(db);
    for (int opened = 0; opened < 2; opened++) {
        uint64_t by_phase[PHASES], overdue;
        struct store *s = open_store();
        expect_events(s, 1, 0, 10, false, opened ? "abc" : "ab");
        expect_events(s, 2, 0, 10, false, "");
        expect_events(s, 0, 0, 10, false, opened ? "axbyzcX" : "axbyz");
        must(store_counts(s, by_phase, &overdue, e));
        assert_int_equal(by_phase[PHASE_DEFINED], 1);
        assert_int_equal(by_phase[PHASE_HOMED], 1);
        if (!opened) {
            add_event(s, 1, 2, "c");
            add_event(s, 0, 2, "X");
            expect_int(s->db, "SELECT prev FROM events WHERE detail = 'X'", 8);
            must(store_commit(s, e));
        }
        store_close(s);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_windows),
        WITH_DIR(test_events_of_kinds),
        WITH_DIR(test_prune_by_age),
        WITH_DIR(test_prune_undated),
        WITH_DIR(test_prune_by_number),
        WITH_DIR(test_prune_goes_on),
        WITH_DIR(test_chain_survives_an_older_copy),
        WITH_DIR(test_old_events_become_chains),
        WITH_DIR(test_migrates_with_a_copy),
        WITH_DIR(test_failed_migration_changes_nothing),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
