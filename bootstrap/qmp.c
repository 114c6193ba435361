#include "bootstrap/qmp.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "bootstrap/qmp_line.h"

enum {
    RETRY_MS = 50,
    READ_SIZE = 16 << 10,
    PENDING_MAX = 1024,   /* commands without a reply yet */
    OUTPUT_MAX = 4 << 20, /* bytes that QEMU did not take yet */
};

enum state { CONNECTING, GREETING, NEGOTIATING, READY, GONE };

struct pending {
    uint64_t id;
    qmp_reply_fn *reply;
    void *arg;
    struct pending *next;
};

struct qmp {
    struct loop *loop;
    struct loop_fd *watch;
    struct loop_timer *timer; /* retries of the connection; limit of the handshake; a late end */
    struct sockaddr_un address;
    int fd;
    int64_t deadline_ms; /* CLOCK_BOOTTIME, for connection and handshake */
    enum state state;
    uint64_t last_id;
    struct buf in, out;
    int pass; /* descriptor that goes with the next bytes; -1 */
    struct pending *pending, **pending_end;
    int n_pending;
    struct qmp_calls calls;
    struct err why;
    int depth;   /* callbacks on the stack: the memory lives as long */
    bool closed; /* by its owner: no callback any more */
};

/* --- the end --------------------------------------------------------------------------------- */

static void disconnect(struct qmp *q)
{
    loop_fd_free(steal_ptr(q->watch));
    if (q->fd >= 0)
        close(steal_fd(&q->fd));
    if (q->pass >= 0)
        close(steal_fd(&q->pass));
}

static void enter(struct qmp *q)
{
    q->depth++;
}

/* Gives the memory back once the owner closed it and nobody below works with it. */
static void leave(struct qmp *q)
{
    if (--q->depth > 0 || !q->closed)
        return;
    disconnect(q);
    loop_timer_free(q->timer);
    while (q->pending) {
        struct pending *next = q->pending->next;
        free(q->pending);
        q->pending = next;
    }
    buf_done(&q->in);
    buf_done(&q->out);
    free(q);
}

void qmp_close(struct qmp *q)
{
    if (!q || q->closed)
        return;
    enter(q);
    q->closed = true;
    leave(q);
}

static struct pending *pending_take(struct qmp *q, uint64_t id)
{
    for (struct pending **at = &q->pending; *at; at = &(*at)->next) {
        struct pending *p = *at;
        if (id && p->id != id)
            continue;
        *at = p->next;
        if (!p->next)
            q->pending_end = at;
        q->n_pending--;
        return p;
    }
    return NULL;
}

static void answer(struct qmp *q, struct pending *p, const json_t *ret, const struct err *err)
{
    if (p->reply && !q->closed)
        p->reply(ret, err, p->arg);
    free(p);
}

/* Commands learn of it before the owner does. */
static void gone(struct qmp *q, const struct err *why)
{
    const struct err err = *why; /* `why` may be q's own and q may go */
    enter(q);
    q->state = GONE;
    disconnect(q);
    loop_timer_set(q->timer, -1);
    struct pending *p;
    while (!q->closed && (p = pending_take(q, 0)))
        answer(q, p, NULL, &err);
    if (!q->closed && q->calls.gone)
        q->calls.gone(&err, q->calls.arg);
    leave(q);
}

/* --- what comes ------------------------------------------------------------------------------ */

static int send_command(struct qmp *q, const char *command, json_t *args, qmp_reply_fn *reply,
                        void *arg, struct err *e);

static void capabilities_cb(const json_t *ret, const struct err *err, void *arg)
{
    struct qmp *q = arg;
    (void)ret;
    if (err) { /* refused, or already on the way out: gone() says it once */
        q->why = *err;
        return;
    }
    q->state = READY;
    loop_timer_set(q->timer, -1);
    if (q->calls.ready)
        q->calls.ready(NULL, q->calls.arg);
}

static int take_reply(struct qmp *q, const struct qmp_line *l, struct err *e)
{
    struct pending *p = l->id ? pending_take(q, l->id) : NULL;
    if (!p)
        return err_set(e, ERR_INVALID, "QMP reply to no command%s%.200s", l->name ? ": " : "",
                       l->name ? l->name : "");
    if (l->kind == QMP_RETURN) {
        answer(q, p, l->data, NULL);
        return 0;
    }
    struct err refused = { 0 };
    err_set(&refused, ERR_INVALID, "QEMU: %.400s", l->name);
    answer(q, p, NULL, &refused);
    if (q->why.kind != ERR_NONE && e)
        *e = q->why;
    return q->why.kind != ERR_NONE ? -1 : 0;
}

static int take(struct qmp *q, const struct qmp_line *l, struct err *e)
{
    switch (l->kind) {
    case QMP_GREETING:
        if (q->state != GREETING)
            return err_set(e, ERR_INVALID, "QMP greets twice");
        q->state = NEGOTIATING;
        return send_command(q, "qmp_capabilities", NULL, capabilities_cb, q, e);
    case QMP_RETURN:
    case QMP_ERROR:
        return take_reply(q, l, e);
    case QMP_EVENT:
        break;
    }
    if (q->state == READY && q->calls.event)
        q->calls.event(l->name, l->data, q->calls.arg);
    return 0;
}

static int line_cb(const char *text, size_t len, void *arg, struct err *e)
{
    struct qmp *q = arg;
    struct qmp_line l;
    if (qmp_line_parse(text, len, &l, e) < 0)
        return -1;
    int rc = take(q, &l, e);
    qmp_line_done(&l);
    return q->closed ? 1 : rc; /* 1: stop quietly */
}

static int receive(struct qmp *q, struct err *e)
{
    char room[READ_SIZE];
    ssize_t n = read(q->fd, room, sizeof(room));
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n < 0)
        return err_sys(e, "QMP connection to %s", q->address.sun_path);
    if (n == 0)
        return err_set(e, ERR_IO, "QEMU closed its QMP connection");
    buf_put(&q->in, room, (size_t)n);
    if (buf_check(&q->in, e) < 0)
        return -1;
    return qmp_lines(&q->in, line_cb, q, e);
}

/* --- what goes ------------------------------------------------------------------------------- */

/* QEMU keeps the last descriptor that came until a command takes it, so it may well go out with the
 * end of a command before its own. */
static ssize_t send_some(struct qmp *q)
{
    union {
        struct cmsghdr align;
        char room[CMSG_SPACE(sizeof(int))];
    } control = { .room = { 0 } };
    struct iovec bytes = { q->out.data, q->out.len };
    struct msghdr m = { .msg_iov = &bytes, .msg_iovlen = 1 };
    if (q->pass >= 0) {
        m.msg_control = control.room;
        m.msg_controllen = sizeof(control.room);
        struct cmsghdr *c = CMSG_FIRSTHDR(&m);
        c->cmsg_level = SOL_SOCKET;
        c->cmsg_type = SCM_RIGHTS;
        c->cmsg_len = CMSG_LEN(sizeof(int));
        memcpy(CMSG_DATA(c), &q->pass, sizeof(int));
    }
    ssize_t n = sendmsg(q->fd, &m, MSG_NOSIGNAL);
    if (n > 0 && q->pass >= 0)
        close(steal_fd(&q->pass));
    return n;
}

static int transmit(struct qmp *q, struct err *e)
{
    if (q->out.len > 0) {
        ssize_t n = send_some(q);
        if (n < 0 && errno != EAGAIN && errno != EINTR)
            return err_sys(e, "QMP connection to %s", q->address.sun_path);
        if (n > 0)
            buf_consume(&q->out, (size_t)n);
    }
    loop_fd_want(q->watch, q->out.len > 0 ? LOOP_READ | LOOP_WRITE : LOOP_READ);
    return 0;
}

static int put_command(struct qmp *q, const char *command, json_t *args, uint64_t id, struct err *e)
{
    json_t *line =
        json_pack("{s:s, s:I, s:o*}", "execute", command, "id", (json_int_t)id, "arguments", args);
    char *text = line ? json_dumps(line, JSON_COMPACT) : NULL;
    json_decref(line);
    if (!text)
        return err_set(e, ERR_INTERNAL, "QMP command %s cannot be written", command);
    buf_puts(&q->out, text);
    buf_putc(&q->out, '\n');
    free(text);
    return buf_check(&q->out, e);
}

static int send_command(struct qmp *q, const char *command, json_t *args, qmp_reply_fn *reply,
                        void *arg, struct err *e)
{
    struct pending *p = q->n_pending < PENDING_MAX ? calloc(1, sizeof(*p)) : NULL;
    if (!p) {
        json_decref(args);
        return err_set(e, ERR_BUSY, "QMP: %d commands are without a reply", q->n_pending);
    }
    *p = (struct pending){ .id = ++q->last_id, .reply = reply, .arg = arg };
    if (put_command(q, command, args, p->id, e) < 0) {
        free(p);
        return -1;
    }
    *q->pending_end = p;
    q->pending_end = &p->next;
    q->n_pending++;
    loop_fd_want(q->watch, LOOP_READ | LOOP_WRITE);
    return 0;
}

int qmp_command(struct qmp *q, const char *command, json_t *args, qmp_reply_fn *reply, void *arg,
                struct err *e)
{
    if (q->state != READY) {
        json_decref(args);
        return err_set(e, ERR_BUSY, "no QMP connection yet, or none any more");
    }
    return send_command(q, command, args, reply, arg, e);
}

int qmp_command_fd(struct qmp *q, const char *command, json_t *args, int fd, qmp_reply_fn *reply,
                   void *arg, struct err *e)
{
    auto_close int copy = q->pass < 0 ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;
    if (copy < 0) {
        json_decref(args);
        return q->pass < 0 ? err_sys(e, "QMP command %s: its descriptor", command)
                           : err_set(e, ERR_BUSY, "QMP: another descriptor is on its way");
    }
    if (qmp_command(q, command, args, reply, arg, e) < 0)
        return -1;
    q->pass = steal_fd(&copy);
    return 0;
}

int qmp_hmp(struct qmp *q, qmp_reply_fn *reply, void *arg, struct err *e, const char *fmt, ...)
{
    char text[1024];
    va_list ap;
    va_start(ap, fmt);
    int n = vsnprintf(text, sizeof(text), fmt, ap);
    va_end(ap);
    if (n < 0 || (size_t)n >= sizeof(text))
        return err_set(e, ERR_TOO_BIG, "monitor command of more than %zu bytes", sizeof(text) - 1);
    return qmp_command(q, "human-monitor-command", json_pack("{s:s}", "command-line", text), reply,
                       arg, e);
}

/* --- the connection -------------------------------------------------------------------------- */

static void io_cb(int fd, int what, void *arg)
{
    struct qmp *q = arg;
    struct err e = { 0 };
    int rc = 0;
    (void)fd;
    enter(q);
    if (what & LOOP_READ)
        rc = receive(q, &e);
    if (rc == 0 && !q->closed && q->state != GONE)
        rc = transmit(q, &e);
    if (rc < 0 && !q->closed)
        gone(q, &e);
    leave(q);
}

/* ECONNREFUSED: the socket is bound but QEMU does not listen yet, or a dead one left it. */
static bool may_come(int error)
{
    return error == ENOENT || error == ECONNREFUSED || error == EAGAIN || error == EINTR;
}

/* 1 connected, 0 not yet, -1 never. */
static int connect_once(struct qmp *q, struct err *e)
{
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (fd < 0)
        return err_sys(e, "QMP socket");
    if (connect(fd, (const struct sockaddr *)&q->address, sizeof(q->address)) < 0) {
        int error = errno;
        err_sys(e, "cannot connect to QEMU at %s", q->address.sun_path);
        return may_come(error) ? 0 : -1;
    }
    q->watch = loop_fd_new(q->loop, fd, LOOP_READ, io_cb, q, e);
    if (!q->watch)
        return -1;
    q->fd = steal_fd(&fd);
    q->state = GREETING;
    return 1;
}

static void timer_cb(void *arg)
{
    struct qmp *q = arg;
    struct err e = { 0 };
    int64_t left = q->deadline_ms - clock_now().boot_ms;
    if (q->state != CONNECTING) {
        err_set(&e, ERR_TIMEOUT, "QEMU does not answer at %s", q->address.sun_path);
        gone(q, &e);
        return;
    }
    int rc = connect_once(q, &e);
    if (rc < 0 || (rc == 0 && left <= 0))
        gone(q, &e);
    else if (rc == 0)
        loop_timer_set(q->timer, left < RETRY_MS ? left : RETRY_MS);
    else
        loop_timer_set(q->timer, left > 0 ? left : 0);
}

struct qmp *qmp_open(struct loop *l, const char *path, int64_t limit_ms,
                     const struct qmp_calls *calls, struct err *e)
{
    struct qmp *q = calloc(1, sizeof(*q));
    if (!q) {
        err_sys(e, "QMP connection");
        return NULL;
    }
    q->loop = l;
    q->fd = q->pass = -1;
    q->calls = *calls;
    q->pending_end = &q->pending;
    q->in.cap = QMP_LINE_MAX + 2 * READ_SIZE;
    q->out.cap = OUTPUT_MAX;
    q->address.sun_family = AF_UNIX;
    q->deadline_ms = clock_now().boot_ms + limit_ms;
    if (strlen(path) >= sizeof(q->address.sun_path)) {
        err_set(e, ERR_TOO_BIG, "socket path %s is longer than %zu bytes", path,
                sizeof(q->address.sun_path) - 1);
        free(q);
        return NULL;
    }
    memcpy(q->address.sun_path, path, strlen(path) + 1);
    q->timer = loop_timer_new(l, timer_cb, q, e);
    if (!q->timer) {
        free(q);
        return NULL;
    }
    loop_timer_set(q->timer, 0); /* first try from the loop, so that no callback comes from here */
    return q;
}

bool qmp_is_ready(const struct qmp *q)
{
    return q->state == READY;
}
