/* Opening, transactions, faults. */
#include "store_help.h"

#include <errno.h>
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void test_opens_and_keeps(void **state)
{
    (void)state;
    char text[32];
    struct stat st;
    struct err bad = { 0 };
    struct store *s = open_store();
    assert_int_equal(stat(in_dir(FILE_STORE), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_false(store_was_unclean(s));
    assert_int_equal(store_meta_get(s, "salt", text, sizeof(text), &bad), -1);
    assert_int_equal(bad.kind, ERR_NOT_FOUND);
    must(store_meta_set(s, "salt", "pepper", e));
    assert_true(store_in_transaction(s));
    must(store_commit(s, e));
    assert_false(store_in_transaction(s));
    must(store_commit(s, e));
    must(store_meta_set(s, "salt", "lost", e));
    store_close(s); /* not committed */
    s = open_store();
    must(store_meta_get(s, "salt", text, sizeof(text), e));
    assert_string_equal(text, "pepper");
    char tiny[3];
    assert_int_equal(store_meta_get(s, "salt", tiny, sizeof(tiny), &bad), -1);
    assert_int_equal(bad.kind, ERR_TOO_BIG);
    store_close(s);
    store_close(NULL);
}

static void test_every_statement_prepares(void **state)
{
    (void)state;
    struct store *s = open_store();
    for (int i = 0; i < STMTS; i++) {
        assert_non_null(store_sql((enum stmt)i));
        struct err bad = { 0 };
        if (!store_stmt(s, (enum stmt)i, &bad))
            fail_msg("%s: %s", store_sql((enum stmt)i), bad.text);
    }
    store_close(s);
}

static void test_pragmas(void **state)
{
    (void)state;
    struct store *s = open_store(), *reader;
    int64_t v;
    static const struct {
        const char *name;
        int64_t want;
    } rows[] = {
        { "PRAGMA synchronous", 2 },
        { "PRAGMA foreign_keys", 1 },
        { "PRAGMA wal_autocheckpoint", 0 },
        { "PRAGMA user_version", STORE_SCHEMA },
        { "PRAGMA journal_size_limit", 32 << 20 },
        { "PRAGMA application_id", STORE_APPLICATION_ID },
    };
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        assert_int_equal(store_pragma_int(s->db, rows[i].name, &v), 0);
        assert_int_equal(v, rows[i].want);
    }
    /* The reader reads while the writer writes, and writes nothing itself. */
    must(store_open_reader(dir, &reader, e));
    must(store_meta_set(s, "k", "1", e));
    char text[8];
    assert_int_equal(store_meta_get(reader, "k", text, sizeof(text), NULL), -1);
    must(store_commit(s, e));
    must(store_meta_get(reader, "k", text, sizeof(text), e));
    struct err bad = { 0 };
    assert_int_equal(store_meta_set(reader, "k", "2", &bad), -1);
    store_close(reader);
    store_close(s);
}

static void test_savepoint(void **state)
{
    (void)state;
    char text[8];
    struct store *s = open_store();
    must(store_savepoint(s, e));
    must(store_meta_set(s, "a", "1", e));
    must(store_dirty_mark(s, "inventory", e));
    store_release(s);
    must(store_savepoint(s, e));
    must(store_meta_set(s, "b", "1", e));
    must(store_dirty_mark(s, "known-hosts", e));
    int64_t id = add(s, "web1", 1);
    must(store_seed_stale_all(s, e));
    store_rollback_to(s);
    assert_false(store_dirty_get(s, "known-hosts"));
    must(store_commit(s, e));
    must(store_meta_get(s, "a", text, sizeof(text), e));
    assert_int_equal(store_meta_get(s, "b", text, sizeof(text), NULL), -1);
    struct guest g;
    assert_int_equal(store_guest_by_id(s, id, &g, NULL), -1);
    uint64_t n[PHASES], overdue;
    must(store_counts(s, n, &overdue, e));
    assert_int_equal(n[PHASE_DEFINED], 0);
    must(store_meta_get(s, "seed-version", text, sizeof(text), e));
    assert_int_equal(s->mirror.seed_version, atoi(text));
    store_close(s);
}

/* What was written in part is not committed, nor what came after it. */
static void test_spoiled(void **state)
{
    (void)state;
    char text[8];
    struct err why = { 0 }, bad = { 0 };
    struct store *s = open_store();
    err_set(&why, ERR_INTERNAL, "half of it");
    store_spoil(s, &why);
    must(store_meta_set(s, "a", "1", e));
    store_spoil(s, &why);
    assert_int_equal(store_meta_set(s, "b", "1", &bad), -1);
    assert_string_equal(bad.text, "half of it");
    assert_int_equal(store_commit(s, &bad), -1);
    assert_string_equal(bad.text, "half of it");
    assert_int_equal(store_meta_get(s, "a", text, sizeof(text), NULL), -1);
    must(store_meta_set(s, "a", "2", e));
    must(store_commit(s, e));
    must(store_meta_get(s, "a", text, sizeof(text), e));
    assert_string_equal(text, "2");
    store_close(s);
}

static void test_dirty_follows_rollback(void **state)
{
    (void)state;
    struct store *s = open_store();
    must(store_dirty_mark(s, "inventory", e));
    assert_true(store_dirty_get(s, "inventory"));
    store_rollback(s);
    assert_false(store_dirty_get(s, "inventory"));
    must(store_dirty_mark(s, "inventory", e));
    must(store_commit(s, e));
    /* Marking what is marked does not even begin a transaction. */
    must(store_dirty_mark(s, "inventory", e));
    assert_false(store_in_transaction(s));
    must(store_dirty_clear(s, "inventory", e));
    store_rollback(s);
    assert_true(store_dirty_get(s, "inventory"));
    store_close(s);
    s = open_store();
    assert_true(store_dirty_get(s, "inventory"));
    assert_false(store_dirty_get(s, "dns"));
    must(store_dirty_clear(s, "inventory", e));
    must(store_commit(s, e));
    store_close(s);
    s = open_store();
    assert_false(store_dirty_get(s, "inventory"));
    store_close(s);
}

static void put_file(const char *name, const void *data, size_t len)
{
    auto_fclose FILE *f = fopen(in_dir(name), "we");
    assert_non_null(f);
    assert_int_equal(fwrite(data, 1, len, f), len);
}

static void expect_refused(enum err_kind kind, const char *word)
{
    struct store *s = NULL;
    struct err bad = { 0 };
    assert_int_equal(store_open(dir, &s, &bad), -1);
    assert_null(s);
    if (bad.kind != kind || !strstr(bad.text, word))
        fail_msg("kind %s: %s", err_kind_name(bad.kind), bad.text);
}

static void read_all(const char *name, struct buf *ret)
{
    must(file_read(AT_FDCWD, in_dir(name), 64 << 20, ret, e));
}

static void test_not_a_database(void **state)
{
    (void)state;
    char junk[8192];
    memset(junk, 'j', sizeof(junk));
    put_file(FILE_STORE, junk, sizeof(junk));
    expect_refused(ERR_IO, "is not a database");
    put_file(FILE_STORE, junk, 60);
    expect_refused(ERR_IO, "is not a database");
    unlink(in_dir(FILE_STORE));
    assert_int_equal(mkdir(in_dir(FILE_STORE), 0700), 0);
    struct store *s = NULL;
    assert_int_equal(store_open(dir, &s, NULL), -1);
}

static void test_absent_directory(void **state)
{
    (void)state;
    struct store *s = NULL;
    struct err bad = { 0 };
    assert_int_equal(store_open("/nonexistent/roost", &s, &bad), -1);
    assert_int_equal(bad.kind, ERR_NOT_FOUND);
}

static void exec_sql(const char *name, const char *sql)
{
    sqlite3 *db;
    assert_int_equal(sqlite3_open(in_dir(name), &db), SQLITE_OK);
    assert_int_equal(sqlite3_exec(db, sql, NULL, NULL, NULL), SQLITE_OK);
    assert_int_equal(sqlite3_close(db), SQLITE_OK);
}

static void expect_untouched(const char *word)
{
    auto_buf struct buf before = BUF_INIT, after = BUF_INIT;
    read_all(FILE_STORE, &before);
    expect_refused(ERR_CONFLICT, word);
    read_all(FILE_STORE, &after);
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, after.len);
}

static void test_newer_is_untouched(void **state)
{
    (void)state;
    char bak[64];

    store_close(open_store());
    exec_sql(FILE_STORE, "PRAGMA user_version=99; CREATE TABLE future(x)");
    expect_untouched("restore a backup made by this one");
    snprintf(bak, sizeof bak, FILE_STORE ".%d.bak", STORE_SCHEMA);
    exec_sql(bak, "CREATE TABLE older(x)");
    expect_untouched(strcat(bak, " to it"));
    unlink(in_dir(strtok(bak, " ")));
    expect_untouched("newer roost");
    assert_int_equal(access(in_dir(FILE_STORE "-wal"), F_OK), -1);
}

/* The version stands in the log only, since the newer roost crashed: neither file may change. */
static void test_newer_in_the_log_is_untouched(void **state)
{
    (void)state;
    store_close(open_store());
    pid_t pid = fork();
    if (pid == 0) {
        sqlite3 *db;
        sqlite3_open(in_dir(FILE_STORE), &db);
        sqlite3_exec(db, "PRAGMA user_version=99", NULL, NULL, NULL);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    auto_buf struct buf before = BUF_INIT, after = BUF_INIT;
    read_all(FILE_STORE "-wal", &before);
    assert_true(before.len > 0);
    expect_untouched("newer roost");
    read_all(FILE_STORE "-wal", &after);
    assert_int_equal(before.len, after.len);
    assert_memory_equal(before.data, after.data, after.len);
}

static void test_foreign_is_untouched(void **state)
{
    (void)state;
    exec_sql(FILE_STORE, "CREATE TABLE someone(x)");
    expect_untouched("another program");
    unlink(in_dir(FILE_STORE));
    exec_sql(FILE_STORE, "PRAGMA application_id=7; CREATE TABLE someone(x)");
    expect_untouched("another program");
}

/* Kills a writer in the middle of a transaction that follows a commit. */
static void crash(void)
{
    int status;
    pid_t pid = fork();
    if (pid == 0) {
        struct store *s;
        if (store_open(dir, &s, NULL) < 0 || store_meta_set(s, "k", "committed", NULL) < 0 ||
            store_commit(s, NULL) < 0 || store_meta_set(s, "k", "lost", NULL) < 0)
            _exit(1);
        raise(SIGKILL);
    }
    waitpid(pid, &status, 0);
    assert_true(WIFSIGNALED(status));
}

static void test_opens_after_a_crash(void **state)
{
    (void)state;
    char text[16];
    crash();
    struct store *s = open_store();
    assert_true(store_was_unclean(s));
    must(store_meta_get(s, "k", text, sizeof(text), e));
    assert_string_equal(text, "committed");
    must(store_check(s, e));
    store_close(s);
}

static void test_damage_is_named(void **state)
{
    (void)state;
    struct store *s = open_store();
    for (unsigned i = 0; i < 40; i++) {
        char name[16];
        snprintf(name, sizeof(name), "g%u", i);
        add(s, name, i);
    }
    must(store_commit(s, e));
    store_close(s);
    auto_buf struct buf b = BUF_INIT;
    read_all(FILE_STORE, &b);
    /* Every page but the first loses its header. */
    for (size_t at = 4096; at + 4096 <= b.len; at += 4096)
        memset(b.data + at, 0xee, 16);
    put_file(FILE_STORE, b.data, b.len);
    struct guest g;
    struct err bad = { 0 };
    if (store_open(dir, &s, &bad) == 0) {
        assert_int_equal(store_guest_by_name(s, "g7", &g, &bad), -1);
        assert_int_equal(store_check(s, NULL), -1);
        store_close(s);
    }
    assert_int_equal(bad.kind, ERR_IO);
    assert_non_null(strstr(bad.text, "is damaged"));
    assert_non_null(strstr(bad.text, "restore"));
}

static void test_not_writable(void **state)
{
    (void)state;
    if (geteuid() != 0)
        skip();
    int status;
    store_close(open_store());
    chmod(dir, 0755);
    chmod(in_dir(FILE_STORE), 0444);
    pid_t pid = fork();
    if (pid == 0) {
        struct store *s;
        struct err bad = { 0 };
        if (setuid(65534) < 0)
            _exit(2);
        _exit(store_open(dir, &s, &bad) < 0 && bad.kind == ERR_DENIED &&
                      strstr(bad.text, FILE_STORE)
                  ? 0
                  : 1);
    }
    waitpid(pid, &status, 0);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

/* Fills the store until it refuses; what was committed before stays, nothing of the last
 * transaction. */
static void fill(struct store *s)
{
    static char big[40000];
    char text[16];
    struct err bad = { 0 };
    int r = 0;
    memset(big, 'x', sizeof(big) - 1);
    must(store_meta_set(s, "before", "1", e));
    must(store_commit(s, e));
    for (int i = 0; i < 500 && r == 0; i++) {
        char key[16];
        snprintf(key, sizeof(key), "k%d", i);
        must(store_meta_set(s, "marker", key, e));
        must(store_dirty_mark(s, "inventory", e));
        r = store_meta_set(s, key, big, &bad);
        if (r == 0 && i < 3)
            r = store_commit(s, &bad);
    }
    assert_int_equal(r, -1);
    assert_int_equal(bad.kind, ERR_IO);
    assert_int_equal(bad.os, ENOSPC);
    assert_non_null(strstr(bad.text, "no space"));
    /* The rest of the turn fails with it, and so does its commit: no answer goes out. */
    struct err again = { 0 };
    assert_int_equal(store_meta_set(s, "small", "1", &again), -1);
    assert_int_equal(again.os, ENOSPC);
    assert_int_equal(store_commit(s, &again), -1);
    assert_int_equal(again.os, ENOSPC);
    assert_false(store_in_transaction(s));
    must(store_meta_get(s, "before", text, sizeof(text), e));
    must(store_meta_get(s, "marker", text, sizeof(text), e));
    assert_string_equal(text, "k2");
    assert_true(store_dirty_get(s, "inventory"));
    assert_int_equal(store_meta_get(s, "small", text, sizeof(text), NULL), -1);
}

static void test_full(void **state)
{
    (void)state;
    char text[16];
    struct store *s = open_store();
    sqlite3_exec(s->db, "PRAGMA max_page_count=120", NULL, NULL, NULL);
    fill(s);
    sqlite3_exec(s->db, "PRAGMA max_page_count=100000", NULL, NULL, NULL);
    must(store_meta_set(s, "small", "2", e));
    must(store_commit(s, e));
    store_close(s);
    s = open_store();
    must(store_meta_get(s, "small", text, sizeof(text), e));
    store_close(s);
}

/* The same where the file itself refuses to grow (EFBIG stands for EDQUOT and ENOSPC). */
static void test_file_limit(void **state)
{
    (void)state;
    struct store *s = open_store();
    struct rlimit was, limit;
    struct err bad = { 0 };
    char text[16], *big = calloc(1, 3 << 20);
    assert_non_null(big);
    memset(big, 'x', (3 << 20) - 1);
    must(store_meta_set(s, "k", "kept", e));
    must(store_commit(s, e));
    getrlimit(RLIMIT_FSIZE, &was);
    signal(SIGXFSZ, SIG_IGN);
    limit = (struct rlimit){ .rlim_cur = 1 << 20, .rlim_max = was.rlim_max };
    setrlimit(RLIMIT_FSIZE, &limit);
    int r = store_meta_set(s, "k", big, &bad);
    if (r == 0)
        r = store_commit(s, &bad);
    setrlimit(RLIMIT_FSIZE, &was);
    assert_int_equal(r, -1);
    assert_int_equal(bad.kind, ERR_IO);
    assert_int_equal(bad.os, ENOSPC);
    store_rollback(s);
    must(store_meta_get(s, "k", text, sizeof(text), e));
    assert_string_equal(text, "kept");
    must(store_meta_set(s, "k", "goes on", e));
    must(store_commit(s, e));
    free(big);
    store_close(s);
}

static void test_checkpoint(void **state)
{
    (void)state;
    struct store *s = open_store(), *reader;
    uint64_t bytes = 0;
    struct stat before, after;
    must(store_open_reader(dir, &reader, e));
    assert_int_equal(stat(in_dir(FILE_STORE), &before), 0);
    static char big[200000];
    memset(big, 'x', sizeof(big) - 1);
    must(store_meta_set(s, "k", big, e));
    must(store_commit(s, e));
    must(store_meta_set(s, "k2", "open transaction", e));
    must(store_checkpoint(reader, &bytes, e));
    assert_true(bytes > sizeof(big));
    assert_int_equal(stat(in_dir(FILE_STORE), &after), 0);
    assert_true(after.st_size >= before.st_size + (off_t)sizeof(big));
    must(store_commit(s, e));
    store_close(reader);
    store_close(s);
    assert_int_equal(access(in_dir(FILE_STORE "-wal"), F_OK), -1);
}

/* A snapshot for reading never hides the writer's own writes, and ends with the turn. */
static void test_read_snapshot(void **state)
{
    (void)state;
    char text[8];
    struct store *s = open_store(), *reader;
    must(store_open_reader(dir, &reader, e));
    store_read(s);
    store_read(s);
    assert_int_equal(store_meta_get(s, "k", text, sizeof(text), NULL), -1);
    assert_false(store_in_transaction(s));
    must(store_meta_set(s, "k", "1", e));
    store_read(s);
    must(store_meta_get(s, "k", text, sizeof(text), e));
    must(store_commit(s, e));
    must(store_meta_get(reader, "k", text, sizeof(text), e));
    store_read(s);
    must(store_commit(s, e));
    /* No lock on the log is left: a truncating checkpoint gets all of it. */
    assert_int_equal(
        sqlite3_wal_checkpoint_v2(reader->db, NULL, SQLITE_CHECKPOINT_TRUNCATE, NULL, NULL),
        SQLITE_OK);
    store_close(reader);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_opens_and_keeps),
        WITH_DIR(test_every_statement_prepares),
        WITH_DIR(test_pragmas),
        WITH_DIR(test_savepoint),
        WITH_DIR(test_spoiled),
        WITH_DIR(test_dirty_follows_rollback),
        WITH_DIR(test_not_a_database),
        WITH_DIR(test_absent_directory),
        WITH_DIR(test_newer_is_untouched),
        WITH_DIR(test_newer_in_the_log_is_untouched),
        WITH_DIR(test_foreign_is_untouched),
        WITH_DIR(test_opens_after_a_crash),
        WITH_DIR(test_damage_is_named),
        WITH_DIR(test_not_writable),
        WITH_DIR(test_full),
        WITH_DIR(test_file_limit),
        WITH_DIR(test_checkpoint),
        WITH_DIR(test_read_snapshot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
