#include "ansible/runlog.h"

#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/file.h"

struct place {
    char path[32];
    int dir;
};

static int setup(void **state)
{
    static struct place p;

    snprintf(p.path, sizeof(p.path), "/tmp/runlog-XXXXXX");
    if (!mkdtemp(p.path) || (p.dir = open(p.path, O_RDONLY | O_DIRECTORY | O_CLOEXEC)) < 0)
        return -1;
    *state = &p;
    return 0;
}

static int teardown(void **state)
{
    struct place *p = *state;

    auto_close int tmp = open("/tmp", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

    close(p->dir);
    return dir_remove(tmp, p->path + strlen("/tmp/"), NULL);
}

static void assert_read(int dir, uint64_t from, size_t max, const char *want, uint64_t next)
{
    auto_buf struct buf out = BUF_INIT;
    uint64_t got = 0;

    assert_int_equal(runlog_read(dir, from, max, &out, &got, NULL), 0);
    assert_string_equal(buf_str(&out), want);
    assert_int_equal(got, next);
}

static void test_following(void **state)
{
    const struct place *p = *state;
    struct runlog l;

    assert_read(p->dir, 0, 100, "", 0);
    assert_int_equal(runlog_open(&l, p->dir, 0, NULL), 0);
    assert_read(p->dir, 0, 100, "", 0);
    runlog_write(&l, "PLAY\n", 5);
    assert_read(p->dir, 0, 100, "PLAY\n", 5);
    runlog_write(&l, "TASK\n", 5);
    assert_read(p->dir, 5, 100, "TASK\n", 10);
    assert_read(p->dir, 3, 4, "Y\nTA", 7);
    assert_read(p->dir, 10, 100, "", 10);
    assert_read(p->dir, 99, 100, "", 99);
    runlog_close(&l);
}

/* A hundred times its size: two files at most, and the end is all there. */
static void test_the_beginning_goes(void **state)
{
    const struct place *p = *state;
    auto_buf struct buf out = BUF_INIT;
    struct runlog l;
    char line[16];
    uint64_t next;

    assert_int_equal(runlog_open(&l, p->dir, RUNLOG_MIN, NULL), 0);
    for (int i = 0; i < 650000; i++) {
        snprintf(line, sizeof(line), "%09d\n", i);
        runlog_write(&l, line, 10);
    }
    assert_false(l.lost);
    assert_int_equal(runlog_read(p->dir, 0, 1 << 20, &out, &next, NULL), 0);
    assert_int_equal(next, 6500000);
    assert_true(out.len <= RUNLOG_MIN && out.len > RUNLOG_MIN / 2);
    assert_string_equal(buf_str(&out) + out.len - 20, "000649998\n000649999\n");
    /* What is there stands where it was written: 10 bytes a line. */
    uint64_t at = next - out.len;
    assert_int_equal(strtol(buf_str(&out) + (10 - at % 10) % 10, NULL, 10), (long)((at + 9) / 10));
    runlog_close(&l);
}

/* As a full disk would: who writes goes on, who reads gets what is there. */
static void test_what_cannot_be_written(void **state)
{
    const struct place *p = *state;
    auto_buf struct buf out = BUF_INIT;
    struct rlimit was, small = { 10000, RLIM_INFINITY };
    struct runlog l;
    char many[1000];
    uint64_t next;

    memset(many, 'x', sizeof(many));
    getrlimit(RLIMIT_FSIZE, &was);
    small.rlim_max = was.rlim_max;
    assert_int_equal(runlog_open(&l, p->dir, RUNLOG_MIN, NULL), 0);
    setrlimit(RLIMIT_FSIZE, &small);
    signal(SIGXFSZ, SIG_IGN);
    for (int i = 0; i < 40; i++)
        runlog_write(&l, many, sizeof(many));
    setrlimit(RLIMIT_FSIZE, &was);
    assert_true(l.lost);
    assert_non_null(strstr(l.why.text, "log of the run"));
    runlog_write(&l, "end\n", 4);
    assert_int_equal(runlog_read(p->dir, 0, 1 << 20, &out, &next, NULL), 0);
    assert_int_equal(next, 40004);
    assert_string_equal(buf_str(&out) + out.len - 4, "end\n");
    runlog_close(&l);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(test_following, setup, teardown),
        cmocka_unit_test_setup_teardown(test_the_beginning_goes, setup, teardown),
        cmocka_unit_test_setup_teardown(test_what_cannot_be_written, setup, teardown),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
