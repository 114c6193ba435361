/* What core takes from a child that may be anybody's by now. The child is this program itself: it
 * tells what its standard input has, then ends as ERRAND_END says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "server/core_errand.h"

#define SAY_FD   3
#define ALIVE_FD 4
#define LONGEST  200
#define PIPE     (1 << 20) /* it may hold more than is read at once */
#define ENDS     "ERRAND_END"
#define STAYS    "stays"

static const char *program;

static int child(const char *end)
{
    char chunk[65536];
    ssize_t n;

    if (fcntl(SAY_FD, F_SETPIPE_SZ, PIPE) < PIPE)
        return 100;
    while ((n = read(STDIN_FILENO, chunk, sizeof chunk)) > 0)
        if (write(SAY_FD, chunk, (size_t)n) != n)
            return 101;
    while (strcmp(end, STAYS) == 0)
        pause();
    return atoi(end);
}

/* ---- the other side ---- */

static struct {
    struct loop *loop;
    struct errand *errand;
    int alive; /* reaches its end when the child does */
    char noted[256];
    uint64_t bytes, total;
    int done;
    struct err err; /* kind ERR_NONE: it ended well */
} rig;

static int on_note(char *value, void *arg)
{
    assert_ptr_equal(arg, &rig);
    snprintf(rig.noted, sizeof rig.noted, "%s", value);
    return strcmp(value, "refused") == 0 ? -1 : 0;
}

static int on_last(char *value, void *arg)
{
    (void)value, (void)arg;
    return ERRAND_LAST;
}

static void on_progress(uint64_t bytes, uint64_t total, void *arg)
{
    assert_ptr_equal(arg, &rig);
    rig.bytes = bytes;
    rig.total = total;
}

static void on_done(const struct err *err, void *arg)
{
    assert_ptr_equal(arg, &rig);
    rig.errand = NULL;
    rig.done++;
    rig.err = err ? *err : (struct err){ .kind = ERR_NONE };
}

static int setup(void **state)
{
    (void)state;
    memset(&rig, 0, sizeof rig);
    rig.alive = -1;
    rig.loop = loop_new(NULL);
    return rig.loop ? 0 : -1;
}

static int teardown(void **state)
{
    (void)state;
    errand_free(rig.errand);
    loop_free(rig.loop);
    if (rig.alive >= 0)
        close(rig.alive);
    return 0;
}

static void begin(const char *tells, size_t len, const char *end)
{
    static const struct errand_word words[] = { { "note", on_note }, { "last", on_last } };
    static struct errand_kind kind = { .say_fd = SAY_FD,
                                       .line_max = LONGEST,
                                       .words = words,
                                       .n_words = ARRAY_SIZE(words),
                                       .progress = on_progress,
                                       .done = on_done };
    auto_close int in = memfd_create("tells", MFD_CLOEXEC);
    struct err e = { .text = "" };
    int p[2];

    kind.program = program;
    assert_int_equal(write(in, tells, len), len);
    assert_int_equal(lseek(in, 0, SEEK_SET), 0);
    assert_int_equal(pipe2(p, O_CLOEXEC), 0);
    rig.alive = p[0];
    setenv(ENDS, end, 1);
    rig.errand =
        errand_begin(rig.loop, &kind, in, &(struct spawn_fd){ p[1], ALIVE_FD }, 1, &rig, &e);
    unsetenv(ENDS);
    close(p[1]);
    if (!rig.errand)
        fail_msg("%s", e.text);
}

/* Blocks until it is gone: nothing was read of what it told by then. */
static void wait_gone(void)
{
    char c;

    assert_int_equal(read(rig.alive, &c, 1), 0);
}

static void turn_until(const uint64_t *n, const int *done)
{
    int64_t until = clock_now().boot_ms + 20000;

    while (!*n && !*done && clock_now().boot_ms < until)
        assert_int_equal(loop_turn(rig.loop, 1000, NULL), 0);
}

static void finish(enum err_kind kind, const char *text)
{
    static const uint64_t never;

    turn_until(&never, &rig.done);
    assert_int_equal(rig.done, 1);
    if (rig.err.kind != kind || !strstr(rig.err.text, text))
        fail_msg("%s: %s", err_kind_name(rig.err.kind), rig.err.text);
    close(steal_fd(&rig.alive));
}

static void run(const char *tells, const char *end, enum err_kind kind, const char *text)
{
    begin(tells, strlen(tells), end);
    finish(kind, text);
    rig.done = 0;
}

/* ---- the tests ---- */

static void what_it_tells_arrives(void **state)
{
    (void)state;
    run("progress 5 70\nnote a b\nlast 1\n", "0", ERR_NONE, "");
    assert_string_equal(rig.noted, "a b");
    assert_int_equal(rig.bytes, 5);
    assert_int_equal(rig.total, 70);
}

static void more_than_a_pipe_holds_arrives(void **state)
{
    static char text[4 * PIPE];
    size_t len = 0;

    (void)state;
    for (int i = 1; len < sizeof text - 64; i++)
        len += (size_t)sprintf(text + len, "progress %d 200000\n", i);
    strcpy(text + len, "last 1\n");
    run(text, "0", ERR_NONE, "");
    assert_true(rig.bytes > 100000);
}

static void its_error_is_told_as_it_is(void **state)
{
    (void)state;
    run("error too-big it is too big for that\n", "1", ERR_TOO_BIG, "it is too big for that");
    run("error what-kind of another roost\n", "1", ERR_INTERNAL, "of another roost");
    run("error busy later\n", "0", ERR_BUSY, "later");
}

static void the_end_without_the_last_word_is_none(void **state)
{
    char text[128];

    (void)state;
    snprintf(text, sizeof text, "%s: exit code 0", program);
    run("note a\n", "0", ERR_INTERNAL, text);
    run("last 1", "0", ERR_INTERNAL, text); /* no whole line */
    run("", "0", ERR_INTERNAL, text);
    snprintf(text, sizeof text, "%s: exit code 3", program);
    run("last 1\n", "3", ERR_INTERNAL, text);
}

#define BAD "told what it may not tell"

static void what_it_may_not_tell_ends_it(void **state)
{
    static const char *const rows[] = {
        "note\n",           "\n",
        "what is this\n",   "note \xff\n",
        "note refused\n",   "progress 5\n",
        "progress 5 x\n",   "progress -1 5\n",
        "error internal\n", "last 1\nlast 2\n",
        "last 1\nnote b\n",
    };

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        run(rows[i], STAYS, ERR_INTERNAL, BAD);
        run(rows[i], "0", ERR_INTERNAL, BAD);
    }
    begin("note a\0b\nlast 1\n", 15, STAYS);
    finish(ERR_INTERNAL, BAD);
}

static void a_line_has_a_limit(void **state)
{
    char text[LONGEST + 32] = "note ";

    (void)state;
    memset(text + 5, 'x', LONGEST - 5);
    strcpy(text + LONGEST, "\nlast 1\n");
    run(text, "0", ERR_NONE, "");
    strcpy(text + LONGEST, "x\nlast 1\n");
    run(text, "0", ERR_INTERNAL, BAD);
    strcpy(text + LONGEST, "x");
    run(text, STAYS, ERR_INTERNAL, BAD);
}

/* More is in the pipe than one read takes, so that the rest is read when its end is known. */
static void last_words_that_may_not_be_told(void **state)
{
    static char text[PIPE];
    size_t len = 0;

    (void)state;
    while (len < PIPE / 2)
        len += (size_t)sprintf(text + len, "progress 1 2\n");
    strcpy(text + len, "what is this\n");
    begin(text, strlen(text), "0");
    wait_gone();
    finish(ERR_INTERNAL, BAD);
}

static void cancelled(void **state)
{
    (void)state;
    begin("progress 1 2\nlast 1\n", 20, STAYS);
    turn_until(&rig.bytes, &rig.done);
    assert_int_equal(rig.done, 0);
    errand_cancel(rig.errand);
    finish(ERR_BUSY, "it was cancelled");
}

static void freed_it_is_gone_without_a_word(void **state)
{
    (void)state;
    begin("progress 1 2\n", 13, STAYS);
    turn_until(&rig.bytes, &rig.done);
    errand_free(rig.errand);
    rig.errand = NULL;
    wait_gone();
    assert_int_equal(rig.done, 0);
}

static void a_program_that_is_not_there(void **state)
{
    static const struct errand_kind kind = { .program = "roost-nothing", .say_fd = SAY_FD };
    struct err e;

    (void)state;
    assert_null(errand_begin(rig.loop, &kind, -1, NULL, 0, &rig, &e));
    assert_int_equal(e.kind, ERR_NOT_FOUND);
}

#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        T(what_it_tells_arrives),           T(more_than_a_pipe_holds_arrives),
        T(its_error_is_told_as_it_is),      T(the_end_without_the_last_word_is_none),
        T(what_it_may_not_tell_ends_it),    T(a_line_has_a_limit),
        T(last_words_that_may_not_be_told), T(cancelled),
        T(freed_it_is_gone_without_a_word), T(a_program_that_is_not_there),
    };
    const char *slash = argc ? strrchr(argv[0], '/') : NULL;

    if (getenv(ENDS))
        return child(getenv(ENDS));
    program = slash ? slash + 1 : argv[0];
    return cmocka_run_group_tests_name("server/core_errand", tests, NULL, NULL);
}
