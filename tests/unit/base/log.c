#include "base/log.h"

#include <errno.h>
#include <fcntl.h>
#include <pty.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/clock.h"

static int kept = -1; /* the real standard error */
static int from = -1;
static char got[16384];

/* Standard error into this descriptor; reads come from the other. */
static void capture(int to, int reader)
{
    fflush(stderr);
    kept = dup(STDERR_FILENO);
    assert_true(kept >= 0 && dup2(to, STDERR_FILENO) >= 0);
    close(to);
    from = reader;
    fcntl(from, F_SETFL, O_NONBLOCK);
}

static void capture_pipe(void)
{
    int fds[2];
    assert_int_equal(pipe(fds), 0);
    capture(fds[1], fds[0]);
}

/* What came, and standard error as before. */
static const char *caught(void)
{
    ssize_t n = read(from, got, sizeof(got) - 1);
    got[n > 0 ? n : 0] = '\0';
    dup2(kept, STDERR_FILENO);
    close(kept);
    close(from);
    return got;
}

static int setup(void **state)
{
    (void)state;
    unsetenv("JOURNAL_STREAM");
    unsetenv("NO_COLOR");
    setenv("TERM", "xterm", 1);
    log_topic(NULL);
    return 0;
}

/* "2026-01-31T12:00:00.123Z" */
static void has_stamp(const char *line)
{
    static const char form[] = "dddd-dd-ddTdd:dd:dd.dddZ ";
    for (size_t i = 0; form[i]; i++) {
        if (form[i] == 'd')
            assert_in_range(line[i], '0', '9');
        else
            assert_int_equal(line[i], form[i]);
    }
}

static void test_plain(void **state)
{
    (void)state;
    capture_pipe();
    log_open("roostd", LOG_INFO_);
    log_info("ready, %d guests", 3);
    const char *s = caught();
    has_stamp(s);
    assert_string_equal(s + 25, "INFO  roostd ready, 3 guests\n");
    capture_pipe();
    log_of(LOG_ERROR_, "web1", "disk full");
    assert_string_equal(caught() + 25, "ERROR roostd [web1] disk full\n");
}

static void test_journal(void **state)
{
    (void)state;
    struct stat st;
    char env[64];
    capture_pipe();
    assert_int_equal(fstat(STDERR_FILENO, &st), 0);
    snprintf(env, sizeof(env), "%ju:%ju", (uintmax_t)st.st_dev, (uintmax_t)st.st_ino);
    setenv("JOURNAL_STREAM", env, 1);
    log_open("roost-core", LOG_DEBUG_);
    log_error("a");
    log_warn("b");
    log_info("c");
    log_debug("store", "d");
    assert_string_equal(caught(), "<3>roost-core a\n<4>roost-core b\n<6>roost-core c\n"
                                  "<7>roost-core d\n");
    /* Inherited from a parent whose standard error was another: not ours. */
    capture_pipe();
    setenv("JOURNAL_STREAM", "1:1", 1);
    log_open("roost-core", LOG_INFO_);
    log_info("c");
    has_stamp(caught());
}

static void test_terminal(void **state)
{
    (void)state;
    int master, slave;
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    capture(slave, master);
    log_open("roostd", LOG_INFO_);
    log_warn("careful");
    const char *s = caught();
    assert_non_null(strstr(s, "\033[33mWARN "));
    assert_non_null(strstr(s, "roostd careful"));
    assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
    capture(slave, master);
    setenv("NO_COLOR", "1", 1);
    log_open("roostd", LOG_INFO_);
    log_warn("careful");
    assert_null(strchr(caught(), '\033'));
}

static void test_levels_and_topics(void **state)
{
    (void)state;
    capture_pipe();
    log_open("r", LOG_WARN_);
    log_info("not this");
    log_debug("chan", "nor this");
    assert_string_equal(caught(), "");
    capture_pipe();
    log_open("r", LOG_DEBUG_);
    log_topic("chan");
    log_debug("loop", "not this");
    log_debug("chan", "this");
    log_info("and this");
    const char *s = caught();
    assert_non_null(strstr(s, "r this\n"));
    assert_non_null(strstr(s, "r and this\n"));
    assert_null(strstr(s, "not this"));
}

static void test_no_forged_lines(void **state)
{
    (void)state;
    capture_pipe();
    log_open("r", LOG_INFO_);
    log_of(LOG_INFO_, "we\nb", "host %s",
           "x\n2026 ERROR r forged\r\033[2J\xc2\x9b"
           "1m\xff");
    assert_string_equal(caught() + 25, "INFO  r [we?b] host x?2026 ERROR r forged??[2J??1m?\n");
    capture_pipe();
    log_text(LOG_INFO_, "we\nb", "ho\nmed", "x\n2026 ERROR r forged\r");
    assert_string_equal(caught() + 25, "INFO  r [we?b] ho?med: x?2026 ERROR r forged?\n");
    capture_pipe();
    log_text(LOG_INFO_, NULL, "home", "");
    log_text(LOG_DEBUG_, NULL, "not this", "");
    assert_string_equal(caught() + 25, "INFO  r home\n");
}

static void test_long_and_errno(void **state)
{
    (void)state;
    char big[5000];
    memset(big, 'x', sizeof(big) - 1);
    big[sizeof(big) - 1] = '\0';
    capture_pipe();
    log_open("r", LOG_INFO_);
    errno = ENOSPC;
    log_of(LOG_INFO_, big, "%s", big);
    log_info("%m");
    int after = errno;
    const char *s = caught();
    assert_int_equal(after, ENOSPC);
    const char *end = strchr(s, '\n');
    assert_non_null(end);
    assert_in_range(end - s, 1000, 2047);
    assert_non_null(strstr(end, "r No space left on device\n"));
    capture_pipe();
    log_text(LOG_INFO_, big, big, big);
    s = caught();
    assert_non_null(strchr(s, '\n'));
    assert_in_range(strlen(s), 1000, 2047);
}

/* A reader that stopped reading must not stop us. */
static void test_never_waits(void **state)
{
    (void)state;
    capture_pipe();
    fcntl(STDERR_FILENO, F_SETFL, O_NONBLOCK);
    log_open("r", LOG_INFO_);
    for (int i = 0; i < 5000; i++)
        log_info("a line of some length, number %d", i);
    assert_non_null(strstr(caught(), "number 0\n"));
}

static void test_level_parse(void **state)
{
    (void)state;
    enum log_level v = LOG_INFO_;
    struct err e;
    assert_int_equal(log_level_parse("debug", &v, NULL), 0);
    assert_int_equal(v, LOG_DEBUG_);
    assert_int_equal(log_level_parse("error", &v, NULL), 0);
    assert_int_equal(v, LOG_ERROR_);
    assert_int_equal(log_level_parse("loud", &v, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_int_equal(v, LOG_ERROR_);
}

/* The clock has no file of its own: it is seen best in stamps. */
static void test_clock(void **state)
{
    (void)state;
    static const struct {
        int64_t ms;
        const char *s;
    } cases[] = {
        { 0, "1970-01-01T00:00:00.000Z" },
        { 1769860800123, "2026-01-31T12:00:00.123Z" },
        { 951782400007, "2000-02-29T00:00:00.007Z" },
        { -1, "1969-12-31T23:59:59.999Z" },
        { INT64_MAX, "9999-12-31T23:59:59.999Z" },
        { INT64_MIN, "1000-01-01T00:00:00.000Z" },
    };
    char out[25];
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        assert_string_equal(clock_rfc3339(cases[i].ms, out), cases[i].s);
    struct instant a = clock_now(), b = clock_now();
    assert_true(b.boot_ms >= a.boot_ms && a.boot_ms > 0);
    assert_true(a.real_ms > 1700000000000);
    assert_int_equal(strlen(clock_boot_id()), 36);
    assert_ptr_equal(clock_boot_id(), clock_boot_id());
}

/* Gathered lines come out whole and in order: at the flush, when 4 KiB are full, with an error. */
static void test_gathered(void **state)
{
    char line[1001];
    (void)state;
    memset(line, 'x', sizeof(line) - 1);
    line[sizeof(line) - 1] = '\0';
    capture_pipe();
    log_open("p", LOG_INFO_);
    log_gather();
    log_info("first");
    assert_true(read(from, got, 1) < 0 && errno == EAGAIN);
    log_flush();
    assert_true(read(from, got, sizeof(got)) > 0);
    for (int i = 0; i < 4; i++)
        log_info("%s", line);
    ssize_t n = read(from, got, sizeof(got));
    assert_true(n > 3000 && n < 4000 && got[n - 1] == '\n');
    log_error("last");
    const char *text = caught();
    assert_non_null(strstr(text, "xxx\n"));
    assert_string_equal(text + strlen(text) - 5, "last\n");
}

/* The journal's own form: what a guest says stays within its field. */
static void test_journal_fields(void **state)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    ssize_t n;

    (void)state;
    snprintf(un.sun_path, sizeof(un.sun_path), "/tmp/roost-journal.%d", (int)getpid());
    assert_int_equal(bind(fd, (struct sockaddr *)&un, sizeof(un)), 0);
    log_open("roost-core", LOG_INFO_);
    log_journal(un.sun_path);
    log_of(LOG_WARN_, "web1", "key-mismatch: %s", "a\nPRIORITY=0\nMESSAGE=all is well");
    n = read(fd, got, sizeof(got) - 1);
    assert_true(n > 0);
    got[n] = '\0';
    assert_string_equal(got, "PRIORITY=4\nSYSLOG_IDENTIFIER=roost-core\nROOST_INSTANCE=web1\n"
                             "MESSAGE=[web1] key-mismatch: a?PRIORITY=0?MESSAGE=all is well\n");
    log_info("plain");
    n = read(fd, got, sizeof(got) - 1);
    got[n > 0 ? n : 0] = '\0';
    assert_string_equal(got, "PRIORITY=6\nSYSLOG_IDENTIFIER=roost-core\nMESSAGE=plain\n");
    for (int i = 0; i < 2000; i++) /* nobody reads: nobody waits */
        log_info("%d", i);
    close(fd);
    unlink(un.sun_path);
    log_open("test", LOG_INFO_);
    log_journal("/nonexistent/socket"); /* stays as it was */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup(test_plain, setup),
        cmocka_unit_test_setup(test_journal, setup),
        cmocka_unit_test_setup(test_terminal, setup),
        cmocka_unit_test_setup(test_levels_and_topics, setup),
        cmocka_unit_test_setup(test_no_forged_lines, setup),
        cmocka_unit_test_setup(test_long_and_errno, setup),
        cmocka_unit_test_setup(test_never_waits, setup),
        cmocka_unit_test(test_level_parse),
        cmocka_unit_test_setup(test_gathered, setup), /* the last that captures: it stays on */
        cmocka_unit_test(test_clock),
        cmocka_unit_test_setup(test_journal_fields, setup),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
