/* Connections and requests, before anybody acts on them. */
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/api/rig.h"

static void test_connection_is_kept(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    auto_close int fd = dial();

    (void)state;
    for (int i = 0; i < 3; i++) {
        request(fd, i == 1 ? "GET /v1/nothing" : "GET /v1/paths", "");
        hear(fd, &b);
        assert_int_equal(status_of(&b), i == 1 ? 404 : 200);
        assert_null(strcasestr(b.data, "connection: close"));
    }
}

static void test_refusals(void **state)
{
    static const struct {
        const char *line, *body;
        unsigned status;
        const char *has; /* NULL: anything */
    } rows[] = {
        { "GET /v1/instances/web1", "", 404,
          "{\"error\":{\"kind\":\"not-found\",\"message\":\"no instance \\\"web1\\\"\"}}" },
        { "PUT /v1/instances/web1", "", 405, "Allow: GET, DELETE\r\n" },
        { "GET /v1/events?limt=3", "", 400, "did you mean \\\"limit\\\"?" },
        { "GET /v1/events?limit=0", "", 400, NULL },
        { "GET /v1/events?wait=61", "", 400, NULL },
        { "GET /v1/events?newest=1&wait=1", "", 400, NULL },
        { "POST /v1/instances/web1/start", "{\"force\":\"yes\"}", 400, NULL },
        { "POST /v1/instances/web1/start", "{\"now\":true}", 400, NULL },
        { "POST /v1/instances/web1/restart", "{\"wait\":1}", 400, NULL },
        { "POST /v1/instances/web1/stop", "{\"force\":1}", 400, NULL },
        { "POST /v1/instances/web1/stop", "{\"force\":true,\"force\":true}", 400, NULL },
        { "POST /v1/apply", "{\"fleet\":{},\"dryrun\":true}", 400, NULL },
        { "POST /v1/apply", "[]", 400, NULL },
        { "POST /v1/apply", "{", 400, NULL },
        { "DELETE /v1/instances/web1?force=maybe", "", 400, NULL },
    };
    auto_buf struct buf b = BUF_INIT;

    (void)state;
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        unsigned status = ask(rows[i].line, rows[i].body, &b);
        if (status != rows[i].status || (rows[i].has && !strstr(b.data, rows[i].has)))
            fail_msg("%s %s: %s", rows[i].line, rows[i].body, b.data);
    }
    assert_int_equal(fake.ops, 0);
}

static void test_too_large(void **state)
{
    auto_buf struct buf b = BUF_INIT, chunk = BUF_INIT;
    auto_close int announced = dial(), chunked = dial();
    static const char head[] = "POST /v1/apply HTTP/1.1\r\nHost: x\r\n"
                               "Content-Length: 67108865\r\n\r\n",
                      other[] = "POST /v1/sync HTTP/1.1\r\nHost: x\r\n"
                                "Transfer-Encoding: chunked\r\n\r\n";

    (void)state;
    say(announced, head, sizeof head - 1);
    hear(announced, &b);
    assert_int_equal(status_of(&b), 413);
    say(chunked, other, sizeof other - 1);
    buf_printf(&chunk, "11000\r\n%069632d\r\n0\r\n\r\n", 0);
    say(chunked, chunk.data, chunk.len);
    hear(chunked, &b);
    assert_int_equal(status_of(&b), 413);
    assert_int_equal(fake.ops, 0);
}

static void test_strangers_are_refused(void **state)
{
    int status = 0;
    pid_t pid;

    (void)state;
    if (getuid() != 0)
        skip(); /* nobody else can be played */
    for (int i = 0; i < 2; i++) {
        uid_t uid = i ? 0 : 65534;
        if ((pid = fork()) == 0)
            child_asks_as(uid, uid ? "\"denied\"" : "core_status");
        while (waitpid(pid, &status, WNOHANG) == 0)
            loop_turn(rig.loop, 1, NULL);
        assert_true(WIFEXITED(status));
        assert_int_equal(WEXITSTATUS(status), 0);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_connection_is_kept),
        T(test_refusals),
        T(test_too_large),
        T(test_strangers_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
