/* Operations: answered when core has done them, however long that takes. */
#include <errno.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "tests/api/rig.h"

static void test_operation_waits_for_core(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    auto_close int fd = dial();
    char chunk[16];

    (void)state;
    request(fd, "POST /v1/instances/web1/stop", "{\"force\":true}");
    turns(20);
    assert_int_equal(fake.ops, 1);
    assert_true(fake.force);
    assert_string_equal(fake.name, "web1");
    char uid[32];
    snprintf(uid, sizeof uid, "uid %u (", getuid());
    assert_non_null(strstr(fake.who.text, uid));
    assert_true(recv(fd, chunk, sizeof chunk, MSG_DONTWAIT) < 0 && errno == EAGAIN);
    fake.done[0](NULL, NULL, fake.arg[0]);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 200);
    assert_non_null(strstr(b.data, "\r\n\r\n{}\n"));
    /* and the connection serves on */
    request(fd, "GET /v1/status", "");
    hear(fd, &b);
    assert_int_equal(status_of(&b), 200);
}

static void test_operation_fails(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    auto_close int fd = dial();
    struct err e;

    (void)state;
    request(fd, "DELETE /v1/instances/web1?force=1", "");
    turns(20);
    assert_int_equal(fake.ops, 1);
    assert_true(fake.force);
    err_set(&e, ERR_CONFLICT, "it runs");
    fake.done[0](NULL, &e, fake.arg[0]);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 409);
    assert_non_null(strstr(b.data, "\"conflict\""));
}

/* Answered when it has begun and that is on record; how it ends is nobody's business then. */
static void test_operation_that_is_not_waited_for(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    auto_close int fd = dial();
    struct err refused;

    (void)state;
    request(fd, "POST /v1/instances/web1/start", "{\"wait\":false}");
    turns(20);
    assert_int_equal(fake.ops, 1);
    fake.after_commit(true, fake.after_commit_arg);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 200);
    assert_non_null(strstr(b.data, "{\"begun\":true}"));
    fake.done[0](NULL, NULL, fake.arg[0]); /* later */

    err_set(&refused, ERR_CONFLICT, "it runs already");
    request(fd, "POST /v1/instances/web1/restart", "{\"wait\":false,\"force\":true}");
    turns(20);
    fake.done[1](NULL, &refused, fake.arg[1]); /* at once */
    fake.after_commit(true, fake.after_commit_arg);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 409);
    assert_non_null(strstr(b.data, "it runs already"));

    request(fd, "POST /v1/instances/web1/stop", "{\"wait\":false}");
    turns(20);
    fake.after_commit(false, fake.after_commit_arg);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 500);
    assert_non_null(strstr(b.data, "could not be written\""));
    fake.done[2](NULL, NULL, fake.arg[2]);

    fake.full = true; /* which is why */
    request(fd, "POST /v1/instances/web1/stop", "{\"wait\":false}");
    turns(20);
    fake.after_commit(false, fake.after_commit_arg);
    hear(fd, &b);
    assert_non_null(strstr(b.data, "could not be written: its disk is full, free some space\""));
    fake.done[3](NULL, NULL, fake.arg[3]);
}

static void test_operation_answered_at_once(void **state)
{
    auto_buf struct buf b = BUF_INIT;

    (void)state;
    fake.at_once = true;
    assert_int_equal(ask("POST /v1/sync", "", &b), 200);
    assert_non_null(strstr(b.data, "{\"did\":\"sync\"}"));
    assert_int_equal(ask("POST /v1/reprobe", "{}", &b), 200);
}

static void test_networks(void **state)
{
    auto_buf struct buf b = BUF_INIT;

    (void)state;
    fake.at_once = true;
    assert_int_equal(ask("POST /v1/networks/lab/up", "", &b), 200);
    assert_non_null(strstr(b.data, "{\"did\":\"lab\"}"));
    assert_int_equal(ask("POST /v1/networks/lab/down", "{\"force\":true}", &b), 400);
    assert_int_equal(ask("DELETE /v1/networks/dmz", "", &b), 200);
    assert_string_equal(fake.name, "dmz");
    assert_int_equal(ask("GET /v1/networks/lab/plan", "", &b), 200);
    assert_non_null(strstr(b.data, "{\"did\":\"lab\"}"));
}

static void test_client_goes_away(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    int fd = dial();

    (void)state;
    request(fd, "POST /v1/instances/web1/start", "");
    turns(20);
    assert_int_equal(fake.ops, 1);
    close(fd);
    turns(5);
    fake.done[0](NULL, NULL, fake.arg[0]);
    turns(20);
    assert_int_equal(ask("GET /v1/status", "", &b), 200);
}

static void test_waiting_is_capped(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    int fds[API_PARKED_MAX];

    (void)state;
    for (int i = 0; i < API_PARKED_MAX; i++) {
        fds[i] = dial();
        request(fds[i], "POST /v1/instances/web1/start", "");
        turns(2);
    }
    turns(20);
    assert_int_equal(fake.ops, API_PARKED_MAX);
    assert_int_equal(ask("POST /v1/instances/web1/start", "", &b), 503);
    assert_non_null(strstr(b.data, "Retry-After: 1\r\n"));
    assert_int_equal(ask("GET /v1/status", "", &b), 200);
    for (int i = 0; i < API_PARKED_MAX; i++)
        fake.done[i](NULL, NULL, fake.arg[i]);
    for (int i = 0; i < API_PARKED_MAX; i++) {
        hear(fds[i], &b);
        assert_int_equal(status_of(&b), 200);
        close(fds[i]);
    }
}

static void test_apply(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    auto_close int fd = dial();

    (void)state;
    request(fd, "POST /v1/apply",
            "{\"fleet\":{\"instances\":{\"a\":{},\"b\":{}}},\"dry-run\":true}");
    turns(20);
    assert_int_equal(fake.ops, 1);
    assert_true(fake.dry_run);
    assert_int_equal(fake.instances, 2);
    /* what core borrowed is still there */
    assert_int_equal(json_object_size(json_object_get(fake.tree, "instances")), 2);
    fake.done[0](NULL, NULL, fake.arg[0]);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 200);
}

static void test_apply_is_large(void **state)
{
    auto_buf struct buf text = { .cap = 32 << 20 }, b = BUF_INIT;
    auto_buf struct buf head = BUF_INIT;
    auto_close int fd = dial();

    (void)state;
    fake.at_once = true;
    buf_puts(&text, "{\"fleet\":{\"instances\":{");
    for (int i = 0; i < 10000; i++)
        buf_printf(&text, "%s\"web-%d\":{\"user-data\":\"%01000d\"}", i ? "," : "", i, 0);
    buf_puts(&text, "}}}");
    buf_printf(&head, "POST /v1/apply HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n",
               text.len);
    say(fd, head.data, head.len);
    say(fd, text.data, text.len);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 200);
    assert_int_equal(fake.instances, 10000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_operation_waits_for_core),
        T(test_operation_fails),
        T(test_operation_that_is_not_waited_for),
        T(test_operation_answered_at_once),
        T(test_networks),
        T(test_client_goes_away),
        T(test_waiting_is_capped),
        T(test_apply),
        T(test_apply_is_large),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
