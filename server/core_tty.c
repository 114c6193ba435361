/* Guests' serial lines, shared: QEMU's socket takes one client (QEMU manual, "-chardev socket"), so
 * core is that one as long as anybody watches, hands what the guest says to all of them, and what
 * any of them types to the guest. Nobody is waited for: who reads too slowly misses a part and is
 * told so, and the guest's side is read at all times. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/cleanup.h"
#include "server/core_machine.h"

#define VIEWERS_MAX  16            /* of a guest */
#define VIEWERS_ALL  64            /* each may hold OUT_MAX */
#define OUT_MAX      (256u * 1024) /* what waits for a viewer */
#define IN_MAX       (16u * 1024)  /* what waits for the guest */
#define CHUNK        (16u * 1024)
#define UNREAD_MS    30000 /* a guest that does not read what was typed: it is dropped */
#define LAST_READ_MS 10000 /* viewers' time to read a line that has ended */

struct tty {
    struct tty *next;
    struct core *c;
    int64_t id;
    struct name name;
    int fd; /* QEMU's; -1: it has ended */
    struct loop_fd *watch;
    struct loop_timer *timer; /* UNREAD_MS; of one that has ended LAST_READ_MS */
    struct buf in;
    struct viewer *viewers;
    unsigned n;
    unsigned busy; /* callbacks on the stack: it is not freed below them */
};

struct viewer {
    struct viewer *next;
    struct tty *tty;
    bool silent; /* nothing of what it sends goes to the guest */
    int fd;      /* the caller's; -1 before viewer_begin() */
    struct loop_fd *watch;
    struct buf out;
    uint64_t missed; /* bytes that it was too slow for, not told yet */
    bool over;       /* `gone` is to be called */
    viewer_gone_fn *gone;
    void *arg;
};

/* ---- life ---- */

static void hang_up(struct tty *t)
{
    loop_fd_free(steal_ptr(t->watch));
    if (t->fd >= 0)
        close(steal_fd(&t->fd));
}

static void tty_free(struct tty *t)
{
    struct tty **at;

    for (at = &t->c->ttys; *at != t; at = &(*at)->next)
        ;
    *at = t->next;
    hang_up(t);
    loop_timer_free(t->timer);
    buf_done(&t->in);
    free(t);
}

static void enter(struct tty *t)
{
    t->busy++;
}

/* Those that are over are told now that nobody walks the list; without any the line is let go. */
static void leave(struct tty *t)
{
    struct viewer *v = t->viewers;

    if (t->busy > 1) {
        t->busy--;
        return;
    }
    while (v) {
        if (v->over && v->gone) {
            viewer_gone_fn *gone = v->gone;
            v->gone = NULL;
            gone(v->arg);
            v = t->viewers; /* it was freed perhaps */
        } else {
            v = v->next;
        }
    }
    t->busy--;
    if (!t->viewers)
        tty_free(t);
}

void viewer_free(struct viewer *v)
{
    struct viewer **at;
    struct tty *t;

    if (!v)
        return;
    t = v->tty;
    for (at = &t->viewers; *at != v; at = &(*at)->next)
        ;
    *at = v->next;
    t->n--;
    t->c->n_viewers--;
    loop_fd_free(v->watch);
    buf_done(&v->out);
    free(v);
    if (!t->busy && !t->viewers)
        tty_free(t);
}

unsigned viewer_others(const struct viewer *v)
{
    return v->tty->n - 1;
}

/* ---- to a viewer ---- */

static void say_missed(struct viewer *v)
{
    buf_printf(&v->out,
               "\r\n[roost: %" PRIu64 " bytes were left out here, they came faster than they were "
               "read; roost console --log %s has the last ones]\r\n",
               v->missed, v->tty->name.s);
    v->missed = 0;
}

static void viewer_want(struct viewer *v)
{
    const struct tty *t = v->tty;
    bool room = v->silent || t->in.len < IN_MAX;

    if (v->watch)
        loop_fd_want(v->watch,
                     v->over ? 0 : (room ? LOOP_READ : 0) | (v->out.len ? LOOP_WRITE : 0));
}

static void viewer_flush(struct viewer *v)
{
    while (v->fd >= 0 && !v->over && v->out.len) {
        ssize_t n = send(v->fd, v->out.data, v->out.len, MSG_DONTWAIT | MSG_NOSIGNAL);
        if (n > 0)
            buf_consume(&v->out, (size_t)n);
        else if (errno == EAGAIN)
            break;
        else if (errno != EINTR)
            v->over = true;
        if (!v->out.len && v->missed)
            say_missed(v);
    }
    if (v->fd >= 0 && !v->out.len && v->tty->fd < 0)
        v->over = true; /* that was all */
    viewer_want(v);
}

static void viewer_put(struct viewer *v, const char *data, size_t len)
{
    if (v->missed || v->out.len + len > OUT_MAX)
        v->missed += len;
    else
        buf_put(&v->out, data, len);
    v->over |= v->out.failed;
    viewer_flush(v);
}

/* ---- from and to the guest ---- */

static void tty_ended(struct tty *t)
{
    hang_up(t);
    loop_timer_set(t->timer, LAST_READ_MS);
    for (struct viewer *v = t->viewers; v; v = v->next)
        viewer_flush(v);
}

static void wants(struct tty *t)
{
    if (t->watch)
        loop_fd_want(t->watch, LOOP_READ | (t->in.len ? LOOP_WRITE : 0));
    for (struct viewer *v = t->viewers; v; v = v->next)
        viewer_want(v);
}

static void tty_read(struct tty *t)
{
    char data[CHUNK];
    ssize_t n = recv(t->fd, data, sizeof data, MSG_DONTWAIT);

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        tty_ended(t);
        return;
    }
    for (struct viewer *v = t->viewers; v; v = v->next)
        viewer_put(v, data, (size_t)n);
}

static void tty_write(struct tty *t)
{
    ssize_t n = t->in.len ? send(t->fd, t->in.data, t->in.len, MSG_DONTWAIT | MSG_NOSIGNAL) : 0;

    if (n > 0)
        buf_consume(&t->in, (size_t)n);
    else if (n < 0 && errno != EAGAIN && errno != EINTR)
        buf_clear(&t->in); /* its end comes by reading */
    if (n > 0 || !t->in.len)
        loop_timer_set(t->timer, t->in.len ? UNREAD_MS : -1);
    wants(t);
}

static void guest_cb(int fd, int what, void *arg)
{
    struct tty *t = arg;

    (void)fd;
    enter(t);
    if (what & LOOP_WRITE)
        tty_write(t);
    if (what & LOOP_READ)
        tty_read(t);
    leave(t);
}

/* The guest does not read, or viewers of a line that has ended do not. */
static void timer_cb(void *arg)
{
    struct tty *t = arg;

    enter(t);
    if (t->fd < 0) {
        for (struct viewer *v = t->viewers; v; v = v->next)
            v->over = true;
    } else {
        log_of(LOG_INFO_, t->name.s, "console: %zu bytes that were typed were not read for %d s",
               t->in.len, UNREAD_MS / 1000);
        buf_clear(&t->in);
    }
    wants(t);
    leave(t);
}

/* ---- from a viewer ---- */

static void type(struct tty *t, const void *data, size_t len)
{
    if (t->fd < 0 || !len)
        return;
    if (!t->in.len)
        loop_timer_set(t->timer, UNREAD_MS);
    buf_put(&t->in, data, len);
    tty_write(t);
}

static void viewer_read(struct viewer *v)
{
    struct tty *t = v->tty;
    size_t room = v->silent ? IN_MAX : IN_MAX - t->in.len;
    char data[4096];
    ssize_t n;

    if (!room) /* somebody else has typed in this turn */
        return;
    n = recv(v->fd, data, room < sizeof data ? room : sizeof data, MSG_DONTWAIT);
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0)
        v->over = true;
    else if (!v->silent)
        type(t, data, (size_t)n);
}

static void viewer_cb(int fd, int what, void *arg)
{
    struct viewer *v = arg;
    struct tty *t = v->tty;

    (void)fd;
    enter(t);
    if (what & LOOP_WRITE)
        viewer_flush(v);
    if (what & LOOP_READ && !v->over)
        viewer_read(v);
    leave(t);
}

int viewer_begin(struct viewer *v, int fd, const void *data, size_t len, viewer_gone_fn *gone,
                 void *arg, struct err *e)
{
    struct tty *t = v->tty;

    if (!(v->watch = loop_fd_new(t->c->loop, fd, LOOP_READ, viewer_cb, v, e)))
        return -1;
    v->fd = fd;
    v->gone = gone;
    v->arg = arg;
    enter(t);
    if (!v->silent)
        type(t, data, len < IN_MAX - t->in.len ? len : IN_MAX - t->in.len);
    viewer_flush(v);
    leave(t);
    return 0;
}

/* ---- a place at the line ---- */

static int dial(struct core *c, const struct name *name, struct err *e)
{
    struct sockaddr_un at = { .sun_family = AF_UNIX };
    char path[PATH_SIZE];
    auto_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

    layout_socket(c->config.run, name, SUFFIX_CONSOLE, path);
    if (fd < 0)
        return err_sys(e, "socket");
    if (snprintf(at.sun_path, sizeof at.sun_path, "%s", path) >= (int)sizeof at.sun_path)
        return err_set(e, ERR_INTERNAL, "the path of %s is too long", path);
    if (connect(fd, (struct sockaddr *)&at, sizeof at) < 0)
        return err_set(e, ERR_BUSY, "the console of %s does not answer: %s: %s", name->s, path,
                       strerror(errno));
    return steal_fd(&fd);
}

static struct tty *tty_new(struct core *c, const struct machine *m, struct err *e)
{
    struct tty *t = calloc(1, sizeof *t);

    if (!t) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    *t = (struct tty){ .next = c->ttys, .c = c, .id = m->id, .name = m->name, .fd = -1 };
    c->ttys = t;
    if ((t->fd = dial(c, &m->name, e)) >= 0 &&
        (t->timer = loop_timer_new(c->loop, timer_cb, t, e)) &&
        (t->watch = loop_fd_new(c->loop, t->fd, LOOP_READ, guest_cb, t, e)))
        return t;
    tty_free(t);
    return NULL;
}

static struct tty *tty_of(struct core *c, const struct machine *m, struct err *e)
{
    struct tty *t = c->ttys;

    while (t && (t->id != m->id || t->fd < 0))
        t = t->next;
    return t ? t : tty_new(c, m, e);
}

static int check(struct core *c, const char *name, struct machine **ret, struct err *e)
{
    struct guest g;

    if (core_guest(c, name, &g, e) < 0)
        return -1;
    if (g.launcher != LAUNCHER_ROOST)
        return err_set(e, ERR_CONFLICT,
                       "%s was not launched by roost (launcher: external): its console is where it "
                       "runs, such as virsh console or qm terminal",
                       name);
    *ret = machine_find(c, g.id);
    if (!*ret && phase_is_running(g.standing.phase)) /* roost has just been started */
        return err_set(e, ERR_BUSY, "%s is being looked for, its console comes in a moment", name);
    if (!*ret || (*ret)->state == MACHINE_ENDED)
        return err_set(e, ERR_CONFLICT,
                       "%s is %s, there is nothing to attach to; roost console --log %s shows its "
                       "last lines",
                       name, phase_name(g.standing.phase), name);
    if ((*ret)->state != MACHINE_RUNNING)
        return err_set(e, ERR_BUSY, "%s is being started, its console comes in a moment", name);
    if (c->n_viewers >= VIEWERS_ALL)
        return err_set(e, ERR_BUSY, "%d consoles are watched already, roost serves no more",
                       VIEWERS_ALL);
    return 0;
}

struct viewer *core_view(struct core *c, const char *name, bool silent, const struct actor *who,
                         struct err *e)
{
    struct machine *m;
    struct viewer *v;
    struct tty *t;

    if (check(c, name, &m, e) < 0 || !(t = tty_of(c, m, e)))
        return NULL;
    if (t->n >= VIEWERS_MAX) {
        err_set(e, ERR_BUSY, "%d watch the console of %s already, no more can", VIEWERS_MAX, name);
        return NULL;
    }
    if (!(v = calloc(1, sizeof *v))) {
        err_set(e, ERR_INTERNAL, "out of memory");
        if (!t->viewers)
            tty_free(t);
        return NULL;
    }
    *v = (struct viewer){ .next = t->viewers, .tty = t, .silent = silent, .fd = -1 };
    t->viewers = v;
    t->n++;
    c->n_viewers++;
    log_of(LOG_INFO_, name, "console: %s %s", who->text, silent ? "watches" : "attached");
    return v;
}
