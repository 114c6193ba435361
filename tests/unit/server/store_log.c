/* The log grows ahead of its frames, and what is ahead is never taken for a frame. */
#include <sys/wait.h>

#include "tests/unit/server/store_help.h"

static off_t log_bytes(void)
{
    struct stat st;
    assert_int_equal(stat(in_dir(FILE_STORE "-wal"), &st), 0);
    return st.st_size;
}

static void commit_number(struct store *s, int n)
{
    char key[16], value[16];
    snprintf(key, sizeof(key), "k%d", n % 50);
    snprintf(value, sizeof(value), "%d", n);
    must(store_meta_set(s, key, value, e));
    must(store_commit(s, e));
}

static void test_grows_in_steps(void **state)
{
    (void)state;
    struct store *s = open_store();
    off_t size = 0;
    int grown = 0;
    for (int i = 0; i < 400; i++) {
        commit_number(s, i);
        grown += log_bytes() != size;
        size = log_bytes();
        assert_true((uint64_t)size > s->log_used);
        assert_true((uint64_t)size < s->log_used + (1 << 20));
    }
    assert_true(s->log_used > 400 * 4096);
    assert_in_range(grown, 2, 10);
    store_close(s);
    assert_int_equal(access(in_dir(FILE_STORE "-wal"), F_OK), -1);
}

/* Once all of it is in the database it is begun anew, in the room that it has. */
static void test_begins_anew(void **state)
{
    (void)state;
    struct store *s = open_store(), *reader;
    must(store_open_reader(dir, &reader, e));
    for (int i = 0; i < 200; i++)
        commit_number(s, i);
    off_t size = log_bytes();
    must(store_checkpoint(reader, NULL, e));
    commit_number(s, 1000);
    assert_true(s->log_used < 5 * 4120);
    for (int i = 0; i < 50; i++)
        commit_number(s, i);
    assert_int_equal(log_bytes(), size);
    store_close(reader);
    store_close(s);
}

/* Neither beyond what SQLite keeps, nor for ever. */
static void test_ends_at_the_limit(void **state)
{
    (void)state;
    struct store *s = open_store();
    static char big[1 << 20];
    for (int i = 0; i < 33; i++) {
        memset(big, 'a' + i % 26, sizeof(big) - 1); /* equal pages would not be written */
        must(store_meta_set(s, "big", big, e));
        must(store_commit(s, e));
    }
    off_t ahead = log_bytes() - (off_t)s->log_used;
    assert_true(s->log_used > 32 << 20);
    assert_in_range(ahead, 0, 4096);
    store_close(s);
}

static void writer(void)
{
    struct store *s = open_store();
    for (int i = 0; i < 170; i++)
        commit_number(s, i);
    must(store_meta_set(s, "k0", "never committed", e));
    _exit(0);
}

static void test_crash_finds_all(void **state)
{
    (void)state;
    char text[16], key[16];
    int status = -1;
    pid_t pid = fork();
    if (pid == 0)
        writer();
    assert_int_equal(waitpid(pid, &status, 0), pid);
    assert_int_equal(status, 0);
    struct store *s = open_store();
    assert_true(store_was_unclean(s));
    for (int i = 0; i < 50; i++) {
        snprintf(key, sizeof(key), "k%d", i);
        must(store_meta_get(s, key, text, sizeof(text), e));
        assert_int_equal(atoi(text), i < 20 ? 150 + i : 100 + i);
    }
    must(store_check(s, e));
    commit_number(s, 7);
    store_close(s);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_grows_in_steps),
        WITH_DIR(test_begins_anew),
        WITH_DIR(test_ends_at_the_limit),
        WITH_DIR(test_crash_finds_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
