/* Who follows the events of a roost. */
#include <sys/socket.h>

#include "tests/api/rig.h"

static void test_follower(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    auto_close int fd = dial();

    (void)state;
    fake.last = 41;
    request(fd, "GET /v1/events?after=41&wait=60", "");
    turns(20);
    assert_non_null(fake.woken);
    assert_int_equal(fake.after, 41);
    assert_in_range(fake.limit_ms, 59000, 60000);
    /* an event of somebody else: it waits on, behind that one */
    core_watch_fn *woken = fake.woken;
    fake.woken = NULL;
    fake.last = 42;
    woken(fake.watcher);
    turns(5);
    assert_non_null(fake.woken);
    assert_int_equal(fake.after, 42);
    fake.last = 43;
    fake.events = 1;
    fake.woken(fake.watcher);
    hear(fd, &b);
    assert_int_equal(status_of(&b), 200);
    assert_non_null(strstr(b.data, "{\"events\":[1],\"last\":43}"));
}

static void test_follower_does_not_wait(void **state)
{
    auto_buf struct buf b = BUF_INIT;

    (void)state;
    assert_int_equal(ask("GET /v1/events?after=5", "", &b), 200);
    assert_non_null(strstr(b.data, "{\"events\":[],\"last\":0}"));
    fake.events = 2;
    assert_int_equal(ask("GET /v1/events?after=5&wait=60", "", &b), 200);
    assert_null(fake.woken);
}

/* What a crash could take back is shown to nobody yet. */
static void test_events_after_the_commit(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    auto_close int fd = dial();

    (void)state;
    fake.unsettled = true;
    fake.events = 1;
    fake.last = 7;
    request(fd, "GET /v1/events?after=5", "");
    turns(20);
    assert_int_equal(recv(fd, b.data, 0, MSG_DONTWAIT | MSG_PEEK), -1);
    assert_non_null(fake.woken);
    fake.unsettled = false;
    fake.woken(fake.watcher);
    hear(fd, &b);
    assert_non_null(strstr(b.data, "{\"events\":[1],\"last\":7}"));
}

/* Whoever waits is told; what core says afterwards finds nobody. */
static void test_stop_while_some_wait(void **state)
{
    auto_buf struct buf b = BUF_INIT;
    auto_close int op_fd = dial(), follower = dial();
    char chunk[4096] = "";

    (void)state;
    request(op_fd, "POST /v1/instances/web1/start", "");
    request(follower, "GET /v1/events?wait=60", "");
    turns(20);
    assert_int_equal(fake.ops, 1);
    assert_non_null(fake.woken);
    api_free(rig.api);
    rig.api = NULL;
    assert_int_equal(fake.unwatched, 1);
    assert_true(recv(op_fd, chunk, sizeof chunk - 1, MSG_DONTWAIT) > 0);
    assert_non_null(strstr(chunk, "503"));
    assert_non_null(strstr(chunk, "roost is stopping"));
    assert_true(recv(follower, chunk, sizeof chunk - 1, MSG_DONTWAIT) > 0);
    fake.done[0](NULL, NULL, fake.arg[0]);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        T(test_follower),
        T(test_follower_does_not_wait),
        T(test_events_after_the_commit),
        T(test_stop_while_some_wait),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
