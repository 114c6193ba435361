/* The log is written in large pieces, and a commit is in the file when it returns. */
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

#include "tests/unit/server/store_help.h"

#define PAGES 40

static void fill(struct store *s, int from, int to, char what)
{
    char key[16], value[3000];
    memset(value, what, sizeof(value) - 1);
    value[sizeof(value) - 1] = '\0';
    for (int i = from; i < to; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        must(store_meta_set(s, key, value, e));
    }
}

static void expect_filled(struct store *s, int from, int to, char what)
{
    char key[16], value[3000];
    for (int i = from; i < to; i++) {
        snprintf(key, sizeof(key), "key%d", i);
        must(store_meta_get(s, key, value, sizeof(value), e));
        assert_int_equal(strlen(value), sizeof(value) - 1);
        assert_int_equal(strspn(value, (char[]){ what, 0 }), sizeof(value) - 1);
    }
}

/* Of this process, as the kernel counts them. */
static long writes_made(void)
{
    char line[64];
    long n = -1;
    FILE *f = fopen("/proc/self/io", "r");
    assert_non_null(f);
    while (fgets(line, sizeof(line), f) && sscanf(line, "syscw: %ld", &n) != 1)
        continue;
    fclose(f);
    return n;
}

static void test_few_writes(void **state)
{
    (void)state;
    struct store *s = open_store();
    fill(s, 0, PAGES, 'a');
    must(store_commit(s, e));
    long before = writes_made();
    fill(s, 0, 10, 'b');
    must(store_commit(s, e));
    /* One commit of ten pages and more, and the log's step ahead. */
    assert_in_range(writes_made() - before, 1, 12);
    expect_filled(s, 0, 10, 'b');
    store_close(s);
}

static void no_sync(struct store *s)
{
    assert_int_equal(sqlite3_exec(s->db, "PRAGMA synchronous=OFF", NULL, NULL, NULL), SQLITE_OK);
}

/* Not by the sync only: another connection, and the next process, read what the index names. */
static void test_commit_is_in_the_file(void **state)
{
    (void)state;
    struct store *s = open_store(), *reader;
    must(store_open_reader(dir, &reader, e));
    no_sync(s);
    for (char what = 'a'; what < 'h'; what++) {
        fill(s, 0, PAGES, what);
        must(store_commit(s, e));
        expect_filled(reader, 0, PAGES, what);
    }
    must(store_check(reader, e));
    store_close(reader);
    store_close(s);
}

/* A cache of a few pages: frames go to the log and come back before the commit, some twice. */
static void spill(struct store *s)
{
    must(store_commit(s, e));
    assert_int_equal(
        sqlite3_exec(s->db, "PRAGMA cache_size=10; PRAGMA cache_spill=1", NULL, NULL, NULL),
        SQLITE_OK);
}

static void test_spilled(void **state)
{
    (void)state;
    struct store *s = open_store(), *reader;
    must(store_open_reader(dir, &reader, e));
    no_sync(s);
    fill(s, 0, PAGES, 'a');
    spill(s);
    fill(s, 0, PAGES, 'b');
    expect_filled(s, 0, PAGES, 'b');
    expect_filled(reader, 0, PAGES, 'a');
    store_rollback(s);
    expect_filled(s, 0, PAGES, 'a');
    fill(s, 0, 3, 'c');
    must(store_commit(s, e));
    fill(s, 0, PAGES, 'd');
    fill(s, 0, PAGES, 'e');
    must(store_commit(s, e));
    expect_filled(reader, 0, PAGES, 'e');
    must(store_check(reader, e));
    store_close(reader);
    store_close(s);
}

static void dies_spilling(void)
{
    struct store *s = open_store();
    fill(s, 0, PAGES, 'a');
    spill(s);
    fill(s, 0, PAGES, 'b');
    fill(s, 0, PAGES, 'c');
    must(store_commit(s, e));
    fill(s, 0, PAGES, 'd');
    _exit(0);
}

static void test_crash(void **state)
{
    (void)state;
    int status = -1;
    pid_t pid = fork();
    if (pid == 0)
        dies_spilling();
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    struct store *s = open_store();
    expect_filled(s, 0, PAGES, 'c');
    must(store_check(s, e));
    store_close(s);
}

/* The write that waited fails when the commit asks for it: the commit fails, and says so. */
static void test_file_cannot_grow(void **state)
{
    (void)state;
    struct rlimit was, small;
    struct err bad = { 0 };
    struct store *s = open_store();
    fill(s, 0, PAGES, 'a');
    must(store_commit(s, e));
    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &was), 0);
    small = was;
    small.rlim_cur = s->log_used + 2 * s->page_size;
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    fill(s, 0, PAGES, 'b');
    assert_int_equal(store_commit(s, &bad), -1);
    assert_true(bad.text[0]);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &was), 0);
    expect_filled(s, 0, PAGES, 'a');
    fill(s, 0, 5, 'c');
    must(store_commit(s, e));
    expect_filled(s, 0, 5, 'c');
    expect_filled(s, 5, PAGES, 'a');
    must(store_check(s, e));
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_few_writes), WITH_DIR(test_commit_is_in_the_file), WITH_DIR(test_spilled),
        WITH_DIR(test_crash),      WITH_DIR(test_file_cannot_grow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
