#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <cmocka.h>

#include "base/cleanup.h"
#include "server/config.h"
#include "server/config_table.h"

static char file[64];

static void write_file(const char *text, size_t len)
{
    snprintf(file, sizeof(file), "/tmp/roost-config-XXXXXX");
    int fd = mkstemp(file);
    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, len), len);
    close(fd);
}

static int read_text(struct config *c, const char *text, struct err *e)
{
    write_file(text, strlen(text));
    assert_int_equal(config_defaults(c, NULL), 0);
    int rc = config_read_file(c, file, e);
    unlink(file);
    return rc;
}

/* The complaint, without the name of the file. */
static const char *complaint(const char *text)
{
    static struct err e;
    struct config c, before;

    e = (struct err){ 0 };
    config_defaults(&before, NULL);
    assert_int_equal(read_text(&c, text, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_memory_equal(e.text, file, strlen(file));
    return e.text + strlen(file);
}

static void test_defaults(void **state)
{
    (void)state;
    struct config c;
    char at[ENDPOINT_TEXT];

    assert_int_equal(config_defaults(&c, NULL), 0);
    assert_string_equal(endpoint_format(&c.listen, at), "127.0.0.1:10200");
    assert_int_equal(c.disk, UINT64_C(5) << 30);
    assert_int_equal(c.core_deadline, 700);
    assert_int_equal(c.mode, geteuid() ? MODE_ROOTLESS : MODE_SYSTEM);
    assert_int_equal(c.events_age, INT64_C(90) * 86400000);
    assert_string_equal(c.network.s, "user");
}

/* Every default is in range, prints, and reads back as what it was. */
static void test_round_trip(void **state)
{
    (void)state;
    struct config c, again;
    size_t n;
    const struct config_row *rows = config_rows(&n);

    assert_int_equal(config_defaults(&c, NULL), 0);
    assert_int_equal(config_set(&c, "limits.seeded=90s", NULL), 0);
    assert_int_equal(config_set(&c, "defaults.memory=1536M", NULL), 0);
    assert_int_equal(config_defaults(&again, NULL), 0);
    for (size_t i = 0; i < n; i++) {
        struct buf text = BUF_INIT, second = BUF_INIT;
        config_value(&c, &rows[i], &text);
        assert_int_equal(
            config_put(&again, &rows[i], buf_str(&text), (struct config_origin){ 0 }, NULL), 0);
        config_value(&again, &rows[i], &second);
        assert_string_equal(buf_str(&text), buf_str(&second));
        buf_done(&text);
        buf_done(&second);
    }
    assert_int_equal(again.limit_seeded, 90000);
    assert_int_equal(again.memory, UINT64_C(1536) << 20);
}

static void test_file(void **state)
{
    (void)state;
    struct config c;
    struct buf out = BUF_INIT;

    assert_int_equal(read_text(&c,
                               "# comment\n[seed]\nlisten = 0.0.0.0:80 ; why\n\n[launch]\n"
                               "qemu=/opt/qemu\nenabled = no\n[seed]\nreporting = off\n",
                               NULL),
                     0);
    assert_int_equal(c.listen.port, 80);
    assert_string_equal(c.qemu, "/opt/qemu");
    assert_false(c.launch);
    assert_false(c.reporting);
    assert_int_equal(config_set(&c, "seed.listen=127.0.0.1:0", NULL), 0);
    config_print(&c, &out);
    assert_non_null(strstr(out.data, "listen = 127.0.0.1:0  ; option -o\n"));
    assert_non_null(strstr(out.data, "seal = no  ; default\n"));
    char want[128];
    snprintf(want, sizeof(want), "qemu = /opt/qemu  ; %s:6\n", file);
    assert_non_null(strstr(out.data, want));
    buf_done(&out);
}

static void test_complaints(void **state)
{
    (void)state;
    static const struct {
        const char *text, *want;
    } rows[] = {
        { "[seed]\nlissen = 1\n", ":2: [seed] lissen: no such key; there are listen, advertise" },
        { "[sead]\n", ":1: [sead]: no such section; there are roost, process, seed" },
        { "[seed]\nseal = maybe\n", ":2: [seed] seal: \"maybe\" is not one of no, yes, all" },
        { "[seed]\nseal=no\n[front]\n[seed]\nseal = yes\n",
          ":5: [seed] seal: given twice, first in line 2; remove one" },
        { "listen = 1\n", ":1: key \"listen\" stands before any [section]" },
        { "[seed]\nlisten\n", ":2: \"listen\": expected [section] or key = value" },
        { "[seed\n", ":1: \"[seed\": expected [section] and nothing behind it" },
        { "[front]\ncache-keep = 31s\n",
          ":2: [front] cache-keep: \"31s\" is out of range: 0ms to 30s" },
        { "[front]\nmax-connections = 80x\n", ":2: [front] max-connections: " },
        { "[front]\nmax-connections = 1\n", ":2: [front] max-connections: " },
        { "[front]\ncore-deadline = 900\n", ":2: [front] core-deadline: " },
        { "[roost]\nstate = relative/path\n",
          ":2: [roost] state: \"relative/path\" is not an absolute path" },
        { "[launch]\nqemu = a/b\n", ":2: [launch] qemu: \"a/b\" is neither" },
        { "[launch]\nrun-as = a,b\n", ":2: [launch] run-as: " },
        { "[roost]\nstate = /a\\\n/b\n", ":2: a line cannot go on in the next one" },
    };

    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        const char *got = complaint(rows[i].text);
        if (strncmp(got, rows[i].want, strlen(rows[i].want)) != 0)
            fail_msg("for \"%s\": \"%s\", expected \"%s\"", rows[i].text, got, rows[i].want);
    }
}

static void test_long_line(void **state)
{
    (void)state;
    char text[1300] = "[roost]\n# ";

    memset(text + strlen(text), 'x', 1200);
    assert_non_null(strstr(complaint(text), ":2: line has more than 1000 bytes"));
}

static void test_nul_bytes(void **state)
{
    (void)state;
    struct config c;
    struct err e = { 0 };

    write_file("[roost]\n\0\n", 10);
    config_defaults(&c, NULL);
    assert_int_equal(config_read_file(&c, file, &e), -1);
    unlink(file);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_int_equal(config_read_file(&c, "/nonexistent/roost.conf", &e), -1);
    assert_int_equal(e.kind, ERR_NOT_FOUND);
}

static void test_options(void **state)
{
    (void)state;
    static const char *const bad[] = { "",       "seed",           "seed.listen",     ".=",
                                       "a.b=c",  "seed.listen=x",  "seed.nothing=1",  "=seed.seal",
                                       "seed=1", "roost.mode=odd", "front.backlog=-1" };
    struct config c;
    struct err e;

    config_defaults(&c, NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        e = (struct err){ 0 };
        assert_int_equal(config_set(&c, bad[i], &e), -1);
        assert_int_equal(e.kind, ERR_INVALID);
        assert_memory_equal(e.text, "-o ", 3);
    }
}

static void test_mode_decides_state(void **state)
{
    (void)state;
    struct config c;

    setenv("ROOST_STATE", "/tmp/roost-test-state", 1);
    setenv("XDG_RUNTIME_DIR", "/tmp", 1);
    config_defaults(&c, NULL);
    assert_int_equal(config_set(&c, "roost.mode=rootless", NULL), 0);
    assert_int_equal(config_finish(&c, NULL), 0);
    assert_string_equal(c.state, "/tmp/roost-test-state");
    assert_memory_equal(c.run, "/tmp/roost/", 11);
    assert_string_equal(c.control + strlen(c.run), "/control.sock");
    config_defaults(&c, NULL);
    assert_int_equal(config_set(&c, "roost.mode=system", NULL), 0);
    assert_int_equal(config_finish(&c, NULL), 0);
    assert_string_equal(c.state, "/var/lib/roost");
}

static void test_together(void **state)
{
    (void)state;
    struct config c;
    struct err e;

    config_defaults(&c, NULL);
    assert_int_equal(config_set(&c, "launch.firmware-vars=", NULL), 0);
    assert_int_equal(config_finish(&c, &e), -1);
    assert_int_equal(e.kind, ERR_INVALID);
    assert_ptr_equal(strstr(e.text, "-o: [launch] firmware-vars: "), e.text);
    config_defaults(&c, NULL);
    assert_int_equal(config_set(&c, "process.restart-max=50ms", NULL), 0);
    assert_int_equal(config_finish(&c, &e), -1);
    assert_ptr_equal(strstr(e.text, "-o: [process] restart-max: "), e.text);
    config_defaults(&c, NULL);
    assert_int_equal(config_set(&c, "defaults.disk=5", NULL), 0);
    assert_int_equal(config_finish(&c, &e), -1);
    assert_ptr_equal(strstr(e.text, "-o: [defaults] disk: 5 bytes"), e.text);
    assert_int_equal(config_set(&c, "defaults.disk=0", NULL), 0);
    assert_int_equal(config_finish(&c, NULL), 0);
}

static void test_channel(void **state)
{
    (void)state;
    struct config c, got;
    struct buf b = BUF_INIT;
    struct err e;

    config_defaults(&c, NULL);
    config_set(&c, "roost.mode=rootless", NULL);
    config_set(&c, "roost.state=/tmp/x", NULL);
    config_set(&c, "seed.advertise=http://192.0.2.1:8080", NULL);
    assert_int_equal(config_finish(&c, NULL), 0);
    config_encode(&c, &b);
    struct msg_cur cur = msg_cur(b.data, b.len);
    assert_int_equal(config_decode(&cur, &got, NULL), 0);
    assert_string_equal(got.advertise, "http://192.0.2.1:8080");
    assert_string_equal(got.run, c.run);
    assert_int_equal(got.mode, MODE_ROOTLESS);
    /* Cut anywhere, or with something behind it, it is refused. */
    for (size_t len = 0; len < b.len; len++) {
        cur = msg_cur(b.data, len);
        assert_int_equal(config_decode(&cur, &got, &e), -1);
    }
    buf_putc(&b, 'x');
    cur = msg_cur(b.data, b.len);
    assert_int_equal(config_decode(&cur, &got, &e), -1);
    buf_done(&b);
}

/* The printed defaults are a file that reads, and so they are with every comment mark taken away.
 */
static void test_printed_defaults(void **state)
{
    (void)state;
    struct buf out = BUF_INIT;
    struct config c;
    struct err e = { 0 };

    config_print_defaults(&out);
    if (read_text(&c, out.data, &e) < 0)
        fail_msg("%s", e.text);
    for (char *p = out.data; (p = strchr(p, ';')); p++) {
        if (p > out.data && p[-1] == '\n')
            *p = ' ';
    }
    if (read_text(&c, out.data, &e) < 0)
        fail_msg("%s", e.text);
    assert_int_equal(c.origin[0].from, FROM_FILE);
    buf_done(&out);
}

/* A file that makes the same configuration again, and holds nothing that nobody said. */
static void test_said(void **state)
{
    (void)state;
    static const char text[] = "[seed]\nlisten = 0.0.0.0:80\n[launch]\naccelerator = tcg\n"
                               "stop-limit = 10s\n[hook mail]\nevents = overdue, homed\n"
                               "command = /bin/true\nretries = 3\n";
    auto_buf struct buf said = BUF_INIT, again = BUF_INIT;
    struct config c;

    assert_int_equal(config_defaults(&c, NULL), 0);
    assert_int_equal(config_finish(&c, NULL), 0);
    config_print_said(&c, &said);
    assert_string_equal(buf_str(&said), "");
    assert_int_equal(read_text(&c, text, NULL), 0);
    assert_int_equal(config_finish(&c, NULL), 0);
    config_print_said(&c, &said);
    assert_string_equal(buf_str(&said),
                        "[seed]\nlisten = 0.0.0.0:80\n[launch]\naccelerator = tcg\n"
                        "stop-limit = 10s\n[hook mail]\nevents = homed, overdue\n"
                        "command = /bin/true\nretries = 3\n");
    assert_int_equal(read_text(&c, buf_str(&said), NULL), 0);
    assert_int_equal(config_finish(&c, NULL), 0);
    config_print_said(&c, &again);
    assert_string_equal(buf_str(&said), buf_str(&again));
    /* Said by hand: the socket, and where the state lies. */
    assert_int_equal(read_text(&c, "[roost]\nstate = /srv/r\ncontrol = /run/c.sock\n", NULL), 0);
    assert_int_equal(config_finish(&c, NULL), 0);
    buf_clear(&again);
    config_print_said(&c, &again);
    assert_string_equal(buf_str(&again), "[roost]\nstate = /srv/r\ncontrol = /run/c.sock\n");
}

static void test_hooks(void **state)
{
    (void)state;
    struct config c, got;
    struct buf b = BUF_INIT;
    struct err e = { 0 };
    struct event ev = { .kind = EV_HOMED, .instance = { "web-1" } };
    const struct name groups[] = { { "back" }, { "front" } };

    assert_int_equal(read_text(&c,
                               "[hook mail]\nevents = homed, failed overdue\ncommand = /bin/m -x  y\n"
                               "instances = web-*\n[hook dns]\nevents=all\ncommand=/bin/d\ngroups=fr*\n",
                               &e),
                     0);
    assert_int_equal(c.n_hooks, 2);
    assert_string_equal(c.hooks[0].name.s, "mail");
    assert_string_equal(c.hooks[0].command, "/bin/m -x  y");
    assert_int_equal(c.hooks[0].events,
                     UINT64_C(1) << EV_HOMED | UINT64_C(1) << EV_FAILED | UINT64_C(1) << EV_OVERDUE);
    assert_int_equal(c.hooks[0].limit, 30000);
    assert_true(hook_hears(&c.hooks[0], &ev, NULL, 0));
    assert_true(hook_hears(&c.hooks[1], &ev, groups, 2));
    assert_false(hook_hears(&c.hooks[1], &ev, groups, 1));
    ev.kind = EV_STAGE;
    assert_false(hook_hears(&c.hooks[0], &ev, NULL, 0));
    ev = (struct event){ .kind = EV_FAILED };
    assert_false(hook_hears(&c.hooks[0], &ev, NULL, 0)); /* of no instance */
    config_set(&c, "roost.mode=rootless", NULL);
    assert_int_equal(config_set(&c, "hook mail.retries=0", NULL), 0);
    assert_int_equal(config_finish(&c, NULL), 0);
    config_encode(&c, &b);
    for (size_t len = 0; len < b.len; len++) {
        struct msg_cur cut = msg_cur(b.data, len);
        assert_int_equal(config_decode(&cut, &got, &e), -1);
    }
    struct msg_cur cur = msg_cur(b.data, b.len);
    assert_int_equal(config_decode(&cur, &got, NULL), 0);
    assert_int_equal(got.n_hooks, 2);
    assert_int_equal(got.hooks[0].retries, 0);
    assert_string_equal(got.hooks[0].instances, "web-*");
    assert_int_equal(got.hooks[1].events, c.hooks[1].events);
    buf_done(&b);
}

static void test_limits(void **state)
{
    (void)state;
    struct config c;
    struct phase_limits kvm, tcg;

    config_defaults(&c, NULL);
    config_phase_limits(&c, false, &kvm);
    config_phase_limits(&c, true, &tcg);
    assert_int_equal(kvm.ms[PHASE_SEEDED], 300000);
    assert_int_equal(tcg.ms[PHASE_SEEDED], 1200000);
    assert_int_equal(tcg.ms[PHASE_STOPPING], kvm.ms[PHASE_STOPPING]);
    assert_int_equal(tcg.ms[PHASE_HOMED], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),
        cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_complaints),
        cmocka_unit_test(test_long_line),
        cmocka_unit_test(test_nul_bytes),
        cmocka_unit_test(test_options),
        cmocka_unit_test(test_mode_decides_state),
        cmocka_unit_test(test_together),
        cmocka_unit_test(test_channel),
        cmocka_unit_test(test_printed_defaults),
        cmocka_unit_test(test_said),
        cmocka_unit_test(test_hooks),
        cmocka_unit_test(test_limits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
