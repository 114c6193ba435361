#include "bootstrap/qmp.h"
#include "bootstrap/usernet.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/cleanup.h"
#include "base/spawn.h"
#include "bootstrap/qmp_line.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"

static struct loop *loop;
static char dir[] = "/tmp/roost-qmp-XXXXXX";
static char path[64];

/* What the client told, as one line of words. */
struct story {
    struct buf words;
    struct qmp *q;
    const char *close_at; /* word at which it is closed from inside the callback */
};

static void tell(struct story *s, const char *word, const struct err *err)
{
    buf_printf(&s->words, "%s%s%s", s->words.len ? " " : "", word, err ? "!" : "");
    if (s->close_at && strcmp(s->close_at, word) == 0)
        qmp_close(steal_ptr(s->q));
}

static void ready_cb(const struct err *err, void *arg)
{
    tell(arg, "ready", err);
}
static void gone_cb(const struct err *err, void *arg)
{
    assert_non_null(err);
    assert_int_not_equal(err->kind, ERR_NONE);
    tell(arg, "gone", NULL);
}
static void event_cb(const char *event, const json_t *data, void *arg)
{
    (void)data;
    tell(arg, event, NULL);
}
static void reply_cb(const json_t *ret, const struct err *err, void *arg)
{
    assert_true(!ret == !!err);
    tell(arg, json_is_string(ret) ? json_string_value(ret) : "reply", err);
}

static struct qmp *open_story(struct story *s, int64_t limit_ms)
{
    struct qmp_calls calls = { .ready = ready_cb, .gone = gone_cb, .event = event_cb, .arg = s };
    s->q = qmp_open(loop, path, limit_ms, &calls, NULL);
    assert_non_null(s->q);
    return s->q;
}

static void run_until(struct story *s, const char *words)
{
    int64_t end = clock_now().boot_ms + 5000;
    while (strcmp(buf_str(&s->words), words) != 0 && clock_now().boot_ms < end)
        assert_int_equal(loop_turn(loop, 20, NULL), 0);
    assert_string_equal(buf_str(&s->words), words);
}

static void story_done(struct story *s)
{
    qmp_close(s->q);
    buf_done(&s->words);
}

/* --- a server that says what the test wants --------------------------------------------------- */

static int serve(void)
{
    struct sockaddr_un a = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    strcpy(a.sun_path, path);
    unlink(path);
    assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
    assert_int_equal(listen(fd, 5), 0);
    return fd;
}

/* The connection, greeted and negotiated. */
static int negotiate(int server, struct story *s)
{
    char line[200];
    int64_t end = clock_now().boot_ms + 5000;
    fcntl(server, F_SETFL, O_NONBLOCK);
    int fd = -1;
    while (fd < 0 && clock_now().boot_ms < end) {
        loop_turn(loop, 10, NULL);
        fd = accept(server, NULL, NULL);
    }
    assert_true(fd >= 0);
    dprintf(fd, GREETING);
    ssize_t n = -1;
    while (n < 0 && clock_now().boot_ms < end) {
        loop_turn(loop, 10, NULL);
        n = recv(fd, line, sizeof(line) - 1, MSG_DONTWAIT);
    }
    assert_true(n > 0);
    line[n] = '\0';
    assert_string_equal(line, "{\"execute\":\"qmp_capabilities\",\"id\":1}\n");
    dprintf(fd, "{\"return\": {}, \"id\": 1}\r\n");
    run_until(s, "ready");
    return fd;
}

static void test_order(void **state)
{
    (void)state;
    struct story s = { .q = NULL };
    auto_close int server = serve();
    struct qmp *q = open_story(&s, 2000);
    assert_int_equal(qmp_command(q, "stop", NULL, NULL, NULL, NULL), -1); /* not ready */
    auto_close int fd = negotiate(server, &s);
    assert_true(qmp_is_ready(q));
    assert_int_equal(qmp_command(q, "a", NULL, reply_cb, &s, NULL), 0);
    assert_int_equal(qmp_command(q, "b", json_pack("{s:i}", "x", 1), reply_cb, &s, NULL), 0);
    /* An event before the reply to the command that caused it; replies out of order; an error. */
    dprintf(fd, "{\"event\": \"STOP\", \"timestamp\": {}}\r\n{\"return\": \"B\", \"id\": 3}\r\n");
    dprintf(fd, "{\"error\": {\"class\": \"GenericError\", \"desc\": \"no\"}, \"id\": 2}\r\n");
    run_until(&s, "ready STOP B reply!");
    char got[300] = "";
    loop_turn(loop, 0, NULL);
    assert_true(recv(fd, got, sizeof(got) - 1, MSG_DONTWAIT) > 0);
    assert_string_equal(
        got,
        "{\"execute\":\"a\",\"id\":2}\n{\"execute\":\"b\",\"id\":3,\"arguments\":{\"x\":1}}\n");
    story_done(&s);
}

static void test_lost(void **state)
{
    (void)state;
    struct story s = { .q = NULL };
    auto_close int server = serve();
    open_story(&s, 2000);
    int fd = negotiate(server, &s);
    assert_int_equal(qmp_command(s.q, "a", NULL, reply_cb, &s, NULL), 0);
    assert_int_equal(qmp_command(s.q, "b", NULL, reply_cb, &s, NULL), 0);
    close(fd);
    run_until(&s, "ready reply! reply! gone");
    assert_false(qmp_is_ready(s.q));
    assert_int_equal(qmp_command(s.q, "c", NULL, reply_cb, &s, NULL), -1);
    story_done(&s);
}

static void test_closed_inside(void **state)
{
    (void)state;
    static const char *const words[] = { "ready", "STOP", "reply", "gone" };
    static const char *const told[] = { "ready", "ready STOP", "ready STOP reply",
                                        "ready STOP reply! gone" };
    for (size_t i = 0; i < ARRAY_SIZE(words); i++) {
        struct story s = { .close_at = words[i] };
        auto_close int server = serve();
        open_story(&s, 2000);
        int fd = negotiate(server, &s);
        if (s.q)
            assert_int_equal(qmp_command(s.q, "a", NULL, reply_cb, &s, NULL), 0);
        (void)!send(fd, "{\"event\": \"STOP\"}\n", 18, MSG_NOSIGNAL);
        if (i != 3) {
            const char *more = "{\"return\": {}, \"id\": 2}\n{\"event\": \"RESUME\"}\n";
            (void)!send(fd, more, strlen(more), MSG_NOSIGNAL);
        }
        shutdown(fd, SHUT_WR);
        run_until(&s, told[i]);
        for (int n = 0; n < 5; n++)
            loop_turn(loop, 5, NULL);
        assert_string_equal(buf_str(&s.words), told[i]);
        assert_null(s.q);
        close(fd);
        story_done(&s);
    }
}

static void test_nobody(void **state)
{
    (void)state;
    struct story s = { .q = NULL };
    unlink(path);
    int64_t start = clock_now().boot_ms;
    open_story(&s, 120);
    run_until(&s, "gone");
    int64_t took = clock_now().boot_ms - start;
    assert_true(took >= 115 && took < 1500);
    story_done(&s);
}

static void test_silent(void **state)
{
    (void)state;
    struct story s = { .q = NULL };
    auto_close int server = serve();
    open_story(&s, 120);
    run_until(&s, "gone");
    story_done(&s);
}

static void test_hostile(void **state)
{
    (void)state;
    static const char *const lines[] = {
        "nonsense\n",
        "[]\n",
        "{}\n",
        "{\"return\": {}, \"id\": 77}\n",
        "{\"return\": {}}\n",
        "{\"return\": {}, \"id\": \"1\"}\n",
        "{\"error\": {}, \"id\": 2}\n",
        GREETING,
        "{\"event\": 5}\n",
    };
    for (size_t i = 0; i < ARRAY_SIZE(lines); i++) {
        struct story s = { .q = NULL };
        auto_close int server = serve();
        open_story(&s, 2000);
        auto_close int fd = negotiate(server, &s);
        assert_true(write(fd, lines[i], strlen(lines[i])) > 0);
        run_until(&s, "ready gone");
        story_done(&s);
    }
}

static void test_endless_line(void **state)
{
    (void)state;
    struct story s = { .q = NULL };
    auto_free char *room = malloc(1 << 16);
    auto_close int server = serve();
    open_story(&s, 2000);
    auto_close int fd = negotiate(server, &s);
    memset(room, ' ', 1 << 16);
    for (int i = 0; i < 4000 && strcmp(buf_str(&s.words), "ready") == 0; i++) {
        (void)!send(fd, room, 1 << 16, MSG_DONTWAIT | MSG_NOSIGNAL);
        loop_turn(loop, 0, NULL);
    }
    assert_string_equal(buf_str(&s.words), "ready gone");
    story_done(&s);
}

static void test_long_path(void **state)
{
    (void)state;
    char name[300];
    struct err e = { 0 };
    struct qmp_calls calls = { .arg = NULL };
    memset(name, 'a', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    assert_null(qmp_open(loop, name, 100, &calls, &e));
    assert_int_equal(e.kind, ERR_TOO_BIG);
}

/* --- the real one ----------------------------------------------------------------------------- */

struct heard {
    unsigned port;
    bool over;
};

static void usernet_cb(const json_t *ret, const struct err *err, void *arg)
{
    struct heard *f = arg;
    assert_null(err);
    struct usernet u;
    usernet_read(json_string_value(ret), &u);
    f->port = usernet_own(&u, 22, 0, NULL, 0);
    f->over = true;
}

static void exited_cb(const struct spawn_exit *x, void *arg)
{
    assert_int_equal(x->status, 0);
    *(bool *)arg = true;
}

static void test_real_qemu(void **state)
{
    (void)state;
    bool exited = false;
    struct story s = { .q = NULL };
    auto_argv struct argv a = ARGV_INIT;
    struct spawn_opts o = SPAWN_OPTS_INIT;
    struct heard f = { .port = 0 };
    char chardev[100];
    unlink(path);
    snprintf(chardev, sizeof(chardev), "unix:%s,server=on,wait=off", path);
    const char *const words[] = { "qemu-system-x86_64",
                                  "-M",
                                  "q35",
                                  "-accel",
                                  "tcg",
                                  "-S",
                                  "-nodefaults",
                                  "-display",
                                  "none",
                                  "-m",
                                  "64",
                                  "-netdev",
                                  "user,id=net0",
                                  "-device",
                                  "virtio-net-pci,netdev=net0,romfile=",
                                  "-qmp",
                                  chardev };
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        argv_add(&a, words[i]);
    o.limit_ms = 30000;
    assert_non_null(child_spawn(loop, &a, &o, exited_cb, &exited, NULL));
    open_story(&s, 30000);
    run_until(&s, "ready");
    assert_int_equal(qmp_hmp(s.q, reply_cb, &s, NULL, "hostfwd_add net0 tcp:127.0.0.1:%d-:22", 0),
                     0);
    assert_int_equal(qmp_hmp(s.q, usernet_cb, &f, NULL, "info usernet"), 0);
    while (!f.over)
        assert_int_equal(loop_turn(loop, 1000, NULL), 0);
    assert_true(f.port >= 1024);
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons((uint16_t)f.port) };
    inet_pton(AF_INET, "127.0.0.1", &in.sin_addr);
    auto_close int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(connect(fd, (struct sockaddr *)&in, sizeof(in)), 0); /* QEMU listens there */
    assert_int_equal(qmp_command(s.q, "no-such-command", NULL, reply_cb, &s, NULL), 0);
    assert_int_equal(qmp_command(s.q, "quit", NULL, reply_cb, &s, NULL), 0);
    while (!exited || !strstr(buf_str(&s.words), "gone"))
        assert_int_equal(loop_turn(loop, 1000, NULL), 0);
    /* QEMU may tell of the end before it answers the command that caused it. */
    assert_true(strcmp(buf_str(&s.words), "ready  reply! reply SHUTDOWN gone") == 0 ||
                strcmp(buf_str(&s.words), "ready  reply! SHUTDOWN reply gone") == 0);
    story_done(&s);
}

static int setup(void **state)
{
    (void)state;
    loop = loop_new(NULL);
    if (!loop || !mkdtemp(dir))
        return -1;
    snprintf(path, sizeof(path), "%s/q", dir);
    return 0;
}

static int teardown(void **state)
{
    (void)state;
    loop_free(loop);
    unlink(path);
    return rmdir(dir);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_order),         cmocka_unit_test(test_lost),
        cmocka_unit_test(test_closed_inside), cmocka_unit_test(test_nobody),
        cmocka_unit_test(test_silent),        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_endless_line),  cmocka_unit_test(test_long_path),
        cmocka_unit_test(test_real_qemu),
    };
    return cmocka_run_group_tests(tests, setup, teardown);
}
