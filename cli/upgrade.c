#include "cli/upgrade.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "cli/client.h"

#define ANSWER_MAX   (64u << 10)
#define ANSWER_LIMIT 60 /* seconds */

static int dial(const char *socket_path, struct err *e)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    struct timeval limit = { .tv_sec = ANSWER_LIMIT };
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

    if (snprintf(at.sun_path, sizeof at.sun_path, "%s", socket_path) >= (int)sizeof at.sun_path)
        return err_set(e, ERR_INVALID, "%s: too long for a socket's path", socket_path);
    if (fd < 0 || connect(fd, (struct sockaddr *)&at, sizeof at) < 0)
        return client_unreachable(socket_path, errno, e);
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit);
    return steal_fd(&fd);
}

static int ask(int fd, const char *path, const char *protocol, struct err *e)
{
    auto_buf struct buf b = BUF_INIT;
    ssize_t n;

    buf_printf(&b,
               "GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n",
               path, protocol);
    if (buf_check(&b, e) < 0)
        return -1;
    n = send(fd, b.data, b.len, MSG_NOSIGNAL);
    return n == (ssize_t)b.len ? 0 : err_set(e, ERR_BUSY, "the connection to roost broke");
}

/* Reads until `wanted` bytes of b are there, or (0) the end of the header. */
static int hear(int fd, struct buf *b, size_t wanted, struct err *e)
{
    char part[4096];

    while (wanted ? b->len < wanted : !strstr(buf_str(b), "\r\n\r\n")) {
        ssize_t n = recv(fd, part, sizeof part, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return err_set(e, ERR_BUSY, "the connection to roost broke: %s",
                           n < 0 ? strerror(errno) : "it was closed");
        buf_put(b, part, (size_t)n);
        if (buf_check(b, e) < 0)
            return -1;
    }
    return 0;
}

static unsigned long header(const char *head, const char *word)
{
    const char *at = strcasestr(head, word);

    return at ? strtoul(at + strlen(word), NULL, 10) : 0;
}

int upgrade_open(const char *socket, const char *path, const char *protocol, struct upgrade *ret,
                 struct err *e)
{
    auto_buf struct buf b = { .cap = ANSWER_MAX };
    auto_close int fd = path ? dial(socket, e) : err_set(e, ERR_INTERNAL, "out of memory");
    struct timeval forever = { 0 };
    size_t head;
    long status;

    if (fd < 0 || ask(fd, path, protocol, e) < 0 || hear(fd, &b, 0, e) < 0)
        return -1;
    head = (size_t)(strstr(b.data, "\r\n\r\n") - b.data) + 4;
    status = strncmp(b.data, "HTTP/1.1 ", 9) == 0 ? strtol(b.data + 9, NULL, 10) : 0;
    if (status != 101) {
        size_t body = head + header(b.data, "\r\nContent-Length:");
        if (body > ANSWER_MAX || hear(fd, &b, body, e) < 0)
            return -1;
        return client_refusal(b.data + head, body - head, status, e);
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &forever, sizeof forever);
    *ret = (struct upgrade){ .fd = steal_fd(&fd),
                             .others = (unsigned)header(b.data, "\r\nRoost-Others:") };
    buf_put(&ret->rest, b.data + head, b.len - head);
    return 0;
}
