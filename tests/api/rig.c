#include "tests/api/rig.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

struct rig rig;
static struct sockaddr_un at;
static struct loop_timer *bundle_timer;

int rig_up(void **state)
{
    struct err e;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    (void)state;
    memset(&fake, 0, sizeof fake);
    at = (struct sockaddr_un){ .sun_family = AF_UNIX };
    /* An abstract address: nothing to clean up, and open to any uid. */
    snprintf(at.sun_path + 1, sizeof at.sun_path - 1, "roost-api-test-%d", getpid());
    assert_int_equal(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    assert_int_equal(listen(fd, 64), 0);
    rig.loop = loop_new(&e);
    bundle_timer = fake_bundle_timer(rig.loop);
    rig.api = api_new(rig.loop, NULL, fd, false, &e);
    if (!rig.api)
        fail_msg("%s", e.text);
    return 0;
}

int rig_down(void **state)
{
    (void)state;
    api_free(rig.api);
    loop_timer_free(bundle_timer);
    loop_free(rig.loop);
    return 0;
}

int dial(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    assert_int_equal(connect(fd, (struct sockaddr *)&at, sizeof at), 0);
    return fd;
}

void turns(int n)
{
    while (n-- > 0)
        loop_turn(rig.loop, 1, NULL);
}

void say(int fd, const char *text, size_t len)
{
    while (len) {
        ssize_t n = send(fd, text, len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n < 0 && errno != EAGAIN)
            return; /* refused already */
        if (n > 0) {
            text += n;
            len -= (size_t)n;
        }
        loop_turn(rig.loop, 0, NULL);
    }
}

static bool is_whole(const struct buf *b)
{
    const char *head = buf_str(b), *end = strstr(head, "\r\n\r\n"),
               *length = strcasestr(head, "content-length: ");

    return end && (!length || length > end ||
                   b->len >= (size_t)(end + 4 - head) + strtoul(length + 16, NULL, 10));
}

/* Whole answers only; an answer that never comes fails the test. */
void hear(int fd, struct buf *b)
{
    char chunk[65536];

    buf_clear(b);
    for (int turns = 0; turns < 3000 && !is_whole(b); turns++) {
        loop_turn(rig.loop, 1, NULL);
        ssize_t n = recv(fd, chunk, sizeof chunk, MSG_DONTWAIT);
        if (n > 0)
            buf_put(b, chunk, (size_t)n);
        else if (n == 0)
            break;
    }
    assert_true(is_whole(b));
}

void request(int fd, const char *line, const char *body)
{
    char text[2048];
    int n = snprintf(text, sizeof text, "%s HTTP/1.1\r\nHost: x\r\nContent-Length: %zu\r\n\r\n%s",
                     line, strlen(body), body);

    say(fd, text, (size_t)n);
}

unsigned status_of(const struct buf *b)
{
    return b->len > 12 ? (unsigned)strtoul(b->data + 9, NULL, 10) : 0;
}

/* One request on a connection of its own. */
unsigned ask(const char *line, const char *body, struct buf *b)
{
    auto_close int fd = dial();

    request(fd, line, body);
    hear(fd, b);
    return status_of(b);
}

void child_asks_as(uid_t uid, const char *expect)
{
    char answer[4096] = "";
    static const char text[] = "GET /v1/status HTTP/1.1\r\nHost: x\r\n\r\n";
    int fd;

    if (setgid(uid) || setuid(uid))
        _exit(2);
    fd = socket(AF_UNIX, SOCK_STREAM, 0);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) || write(fd, text, sizeof text - 1) < 0 ||
        read(fd, answer, sizeof answer - 1) <= 0)
        _exit(3);
    _exit(strstr(answer, expect) ? 0 : 4);
}
