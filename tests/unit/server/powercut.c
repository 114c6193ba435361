/* The power-cut rig and the store over it: what was acknowledged is there after the power was cut,
 * in whatever order the disk got to the rest; without syncs it is not, so the rig has teeth. */
#include "server/store.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "model/layout.h"
#include "powercut/vfs.h"

static char dir[64];

static int setup(void **state)
{
    (void)state;
    snprintf(dir, sizeof(dir), "/tmp/roost-powercut.XXXXXX");
    return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    auto_close int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir_remove(tmp, dir + strlen("/tmp/"), NULL);
}

/* A body that no later round has in the same place: the test must not live on leftovers. */
static void value_of(unsigned i, char out[600])
{
    int n = snprintf(out, 600, "%u ", i);
    memset(out + n, 'a' + (int)(i % 26), (size_t)(599 - n));
    out[599] = '\0';
}

/* Commits one number after the other and acknowledges each. A checkpoint now and then moves the log
 * into the database, as the worker does. Never returns. */
static void write_numbers(int ack, unsigned first, unsigned last)
{
    struct store *s, *reader;
    struct err e = { 0 };
    char value[600];
    if (powercut_register() < 0 || store_open(dir, &s, &e) < 0 ||
        store_open_reader(dir, &reader, &e) < 0) {
        fprintf(stderr, "%s\n", e.text);
        _exit(3);
    }
    for (unsigned i = first; i <= last; i++) {
        value_of(i, value);
        char key[16];
        snprintf(key, sizeof(key), "k%u", i % 50);
        if (store_meta_set(s, "number", value, &e) < 0 || store_meta_set(s, key, value, &e) < 0 ||
            store_commit(s, &e) < 0 || (i % 7 == 0 && store_checkpoint(reader, NULL, &e) < 0)) {
            fprintf(stderr, "%s\n", e.text);
            _exit(3);
        }
        if (write(ack, &i, sizeof(i)) != sizeof(i))
            _exit(4);
    }
    store_close(reader);
    store_close(s);
    exit(0);
}

/* Runs a writer and cuts the power when `acks` were seen (0: lets it end). Returns the last one
 * seen. */
static unsigned run_writer(unsigned first, unsigned last, unsigned acks)
{
    int fds[2], status;
    unsigned seen = 0, i;
    assert_int_equal(pipe(fds), 0);
    pid_t pid = fork();
    assert_true(pid >= 0);
    if (pid == 0) {
        close(fds[0]);
        write_numbers(fds[1], first, last);
    }
    close(fds[1]);
    for (unsigned n = 0; (!acks || n < acks) && read(fds[0], &i, sizeof(i)) == sizeof(i); n++)
        seen = i;
    if (acks)
        kill(pid, SIGKILL);
    /* What it wrote to the pipe before the kill was acknowledged too. */
    while (read(fds[0], &i, sizeof(i)) == sizeof(i))
        seen = i;
    close(fds[0]);
    assert_int_equal(waitpid(pid, &status, 0), pid);
    if (acks)
        assert_true(WIFSIGNALED(status));
    else
        assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
    return seen;
}

/* The number on the disk, 0: none, or -1: the store does not open or is damaged. */
static long number_on_disk(void)
{
    struct store *s;
    char text[600], want[600];
    long number = 0;
    if (store_open(dir, &s, NULL) < 0)
        return -1;
    if (store_check(s, NULL) < 0)
        number = -1;
    else if (store_meta_get(s, "number", text, sizeof(text), NULL) == 0) {
        number = strtol(text, NULL, 10);
        value_of((unsigned)number, want);
        if (strcmp(text, want) != 0)
            number = -1;
    }
    store_close(s);
    return number;
}

static void environment(const char *seed, const char *nosync, const char *count)
{
    setenv("ROOST_POWERCUT_SEED", seed, 1);
    setenv("ROOST_POWERCUT_NOSYNC", nosync, 1);
    setenv("ROOST_POWERCUT_COUNT", count, 1);
}

static void test_acknowledged_survives(void **state)
{
    (void)state;
    unsigned next = 1;
    environment("0", "0", "");
    for (unsigned round = 0; round < 15; round++) {
        unsigned seen = run_writer(next, 100000, 1 + round * 5);
        long found = number_on_disk();
        if (found < (long)seen)
            fail_msg("round %u: %u acknowledged, %ld on the disk", round, seen, found);
        next = (unsigned)found + 1;
    }
}

static void test_survives_torn_order(void **state)
{
    (void)state;
    unsigned next = 1;
    for (unsigned seed = 1; seed <= 40; seed++) {
        char text[16];
        snprintf(text, sizeof(text), "%u", seed * 7919);
        environment(text, "0", "");
        unsigned seen = run_writer(next, 100000, 1 + seed % 17);
        long found = number_on_disk();
        if (found < (long)seen)
            fail_msg("ROOST_POWERCUT_SEED=%s: %u acknowledged, %ld on the disk", text, seen, found);
        next = (unsigned)found + 1;
    }
}

static void test_without_sync_is_lost(void **state)
{
    (void)state;
    environment("0", "0", "");
    run_writer(1, 10, 0);
    assert_int_equal(number_on_disk(), 10);
    environment("0", "1", "");
    unsigned seen = run_writer(11, 100000, 20);
    assert_true(seen >= 30);
    assert_int_equal(number_on_disk(), 10);
}

/* The same with some sectors on the disk: whatever is found, it is not what was acknowledged. */
static void test_torn_without_sync(void **state)
{
    (void)state;
    char wal[128];
    struct stat st = { 0 };
    unsigned long long leaked = 0;
    unsigned broken = 0;
    for (unsigned seed = 1; seed <= 8; seed++) {
        char text[16];
        snprintf(text, sizeof(text), "%u", seed);
        teardown(NULL);
        assert_int_equal(mkdir(dir, 0700), 0);
        environment(text, "1", "");
        unsigned seen = run_writer(1, 100000, 60);
        snprintf(wal, sizeof(wal), "%s/" FILE_STORE "-wal", dir);
        leaked += stat(wal, &st) == 0 ? (unsigned long long)st.st_size : 0;
        broken += number_on_disk() < (long)seen;
    }
    assert_true(leaked > 0);
    assert_int_equal(broken, 8);
}

/* No power was cut: the kernel of a machine that runs on keeps what was written, synced or not. */
static void test_exit_loses_nothing(void **state)
{
    (void)state;
    environment("0", "1", "");
    run_writer(1, 30, 0);
    assert_int_equal(number_on_disk(), 30);
}

static uint64_t count_in(const char *path)
{
    uint64_t n = 0;
    auto_fclose FILE *f = fopen(path, "re");
    return f && fread(&n, sizeof(n), 1, f) == 1 ? n : 0;
}

static void test_counts_flushes(void **state)
{
    (void)state;
    char path[96];
    snprintf(path, sizeof(path), "%s/count", dir);
    environment("0", "0", path);
    run_writer(1, 3, 0);
    uint64_t few = count_in(path);
    run_writer(4, 103, 0);
    uint64_t many = count_in(path) - few;
    /* One per commit, two or three per checkpoint, a handful to open and close. */
    assert_in_range(many, 100, 180);
    assert_in_range(few, 3, 30);
}

int main(void)
{
#define WITH_DIR(t) cmocka_unit_test_setup_teardown(t, setup, teardown)
    const struct CMUnitTest tests[] = {
        WITH_DIR(test_acknowledged_survives), WITH_DIR(test_survives_torn_order),
        WITH_DIR(test_without_sync_is_lost),  WITH_DIR(test_torn_without_sync),
        WITH_DIR(test_exit_loses_nothing),    WITH_DIR(test_counts_flushes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
