#include "base/loop.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/queue.h>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "base/cleanup.h"
#include "base/log.h"

struct loop_fd {
    struct event ev;
    struct loop *loop;
    int fd, what;
    loop_fd_fn *fn;
    void *arg;
};

struct loop_timer {
    struct event ev;
    struct loop *loop;
    int64_t ms, due; /* as asked for; the turn's boot_ms from which it may run */
    loop_timer_fn *fn;
    void *arg;
};

struct loop_sig {
    struct event ev;
    struct loop *loop;
    loop_signal_fn *fn;
    void *arg;
    SLIST_ENTRY(loop_sig) next;
};

struct loop_hook {
    struct loop *loop;
    loop_hook_fn *fn; /* NULL: freed while the hooks run, swept after them */
    void *arg;
    TAILQ_ENTRY(loop_hook) order;
};

struct loop {
    struct event_base *base;
    struct event limit; /* ends a turn that waits for a limited time */
    struct instant now;
    bool fresh;   /* `now` was read in this turn */
    bool running; /* inside a turn */
    bool hooking; /* inside the round of hooks */
    bool poll;    /* the next turn does not wait */
    bool stop;
    struct err fault; /* of a call that cannot fail; the next turn returns it */
    TAILQ_HEAD(, loop_hook) hook_list;
    SLIST_HEAD(, loop_sig) signals;
};

static void silent(int severity, const char *msg)
{
    (void)severity;
    (void)msg;
}

static void limit_cb(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    (void)arg;
}

static struct event_base *base_new(void)
{
    struct event_config *cfg = event_config_new();
    if (!cfg)
        return NULL;
    /* One thread runs the loop; the worker talks to it through an eventfd. */
    event_config_set_flag(cfg, EVENT_BASE_FLAG_NOLOCK | EVENT_BASE_FLAG_IGNORE_ENV);
    struct event_base *base = event_base_new_with_config(cfg);
    event_config_free(cfg);
    return base;
}

struct loop *loop_new(struct err *e)
{
    /* libevent would print to descriptor 2; what it has to say is returned as an error instead. */
    event_set_log_callback(silent);
    struct loop *l = calloc(1, sizeof(*l));
    if (l)
        l->base = base_new();
    if (!l || !l->base) {
        err_sys(e, "cannot make an event loop");
        free(l);
        return NULL;
    }
    evtimer_assign(&l->limit, l->base, limit_cb, NULL);
    TAILQ_INIT(&l->hook_list);
    SLIST_INIT(&l->signals);
    l->now = clock_now();
    return l;
}

void loop_free(struct loop *l)
{
    if (!l)
        return;
    while (!SLIST_EMPTY(&l->signals)) {
        struct loop_sig *s = SLIST_FIRST(&l->signals);
        SLIST_REMOVE_HEAD(&l->signals, next);
        event_del(&s->ev);
        free(s);
    }
    event_del(&l->limit);
    event_base_free(l->base);
    free(l);
}

/* libevent 2.1 has no call between the wait and the first callback, so that each callback asks. */
static void tick(struct loop *l)
{
    if (!l->fresh)
        l->now = clock_now();
    l->fresh = true;
}

static struct timeval timeval_of(int64_t ms)
{
    return (struct timeval){ .tv_sec = ms / 1000, .tv_usec = ms % 1000 * 1000 };
}

static void fault(struct loop *l, const char *what, int fd)
{
    if (l->fault.kind == ERR_NONE)
        err_sys(&l->fault, "event loop: %s %d", what, fd);
}

/* --- turns --------------------------------------------------------------------------------- */

static void hooks_sweep(struct loop *l)
{
    struct loop_hook *next;
    for (struct loop_hook *h = TAILQ_FIRST(&l->hook_list); h; h = next) {
        next = TAILQ_NEXT(h, order);
        if (!h->fn) {
            TAILQ_REMOVE(&l->hook_list, h, order);
            free(h);
        }
    }
}

static void hooks_run(struct loop *l)
{
    tick(l);
    l->hooking = true;
    struct loop_hook *h = TAILQ_FIRST(&l->hook_list);
    while (h) {
        if (h->fn)
            h->fn(h->arg);
        h = TAILQ_NEXT(h, order);
    }
    l->hooking = false;
    hooks_sweep(l);
}

static int wait_and_dispatch(struct loop *l, int wait_ms, struct err *e)
{
    int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;
    if (wait_ms == 0 || l->poll)
        flags |= EVLOOP_NONBLOCK;
    else if (wait_ms > 0) {
        struct timeval tv = timeval_of(wait_ms);
        event_add(&l->limit, &tv);
    }
    l->poll = false;
    l->fresh = false;
    int rc = event_base_loop(l->base, flags);
    if (wait_ms > 0)
        event_del(&l->limit);
    return rc < 0 ? err_sys(e, "event loop: cannot wait") : 0;
}

int loop_turn(struct loop *l, int wait_ms, struct err *e)
{
    if (l->running)
        return err_set(e, ERR_INTERNAL, "event loop: a turn inside a turn");
    l->running = true;
    int rc = wait_and_dispatch(l, wait_ms, e);
    if (rc == 0)
        hooks_run(l);
    log_flush();
    l->running = false;
    if (rc == 0 && l->fault.kind != ERR_NONE) {
        if (e)
            *e = l->fault;
        l->fault = (struct err){ 0 };
        rc = -1;
    }
    return rc;
}

int loop_run(struct loop *l, struct err *e)
{
    int rc = 0;
    while (rc == 0 && !l->stop)
        rc = loop_turn(l, -1, e);
    l->stop = false;
    return rc;
}

void loop_stop(struct loop *l)
{
    l->stop = true;
}

struct instant loop_now(const struct loop *l)
{
    return l->now;
}

/* --- descriptors --------------------------------------------------------------------------- */

static void fd_cb(evutil_socket_t fd, short what, void *arg)
{
    struct loop_fd *w = arg;
    tick(w->loop);
    w->fn(fd, (what & EV_READ ? LOOP_READ : 0) | (what & EV_WRITE ? LOOP_WRITE : 0), w->arg);
}

static int fd_watch(struct loop_fd *w, int what)
{
    short flags = EV_PERSIST;
    if (what & LOOP_READ)
        flags |= EV_READ;
    if (what & LOOP_WRITE)
        flags |= EV_WRITE;
    w->what = what;
    event_assign(&w->ev, w->loop->base, w->fd, flags, fd_cb, w);
    return what ? event_add(&w->ev, NULL) : 0;
}

struct loop_fd *loop_fd_new(struct loop *l, int fd, int what, loop_fd_fn *fn, void *arg,
                            struct err *e)
{
    auto_free struct loop_fd *w = malloc(sizeof(*w));
    if (!w) {
        err_sys(e, "event loop");
        return NULL;
    }
    *w = (struct loop_fd){ .loop = l, .fd = fd, .fn = fn, .arg = arg };
    if (fd_watch(w, what) < 0) {
        err_sys(e, "event loop: cannot watch descriptor %d", fd);
        return NULL;
    }
    return steal_ptr(w);
}

void loop_fd_want(struct loop_fd *w, int what)
{
    if (w->what == what)
        return;
    event_del(&w->ev);
    if (fd_watch(w, what) < 0)
        fault(w->loop, "cannot watch descriptor", w->fd);
}

void loop_fd_free(struct loop_fd *w)
{
    if (!w)
        return;
    event_del(&w->ev);
    free(w);
}

/* --- timers -------------------------------------------------------------------------------- */

static void timer_add(struct loop_timer *t, int64_t ms)
{
    struct timeval tv = timeval_of(ms);
    if (event_add(&t->ev, &tv) < 0)
        fault(t->loop, "cannot set a timer, ms", (int)ms);
}

/* libevent counts by CLOCK_MONOTONIC_COARSE, which lags by up to a jiffy: without the second look a
 * timer could run before its time by the clock that loop_now() shows. */
static void timer_cb(evutil_socket_t fd, short what, void *arg)
{
    (void)fd;
    (void)what;
    struct loop_timer *t = arg;
    tick(t->loop);
    int64_t left = t->due - t->loop->now.boot_ms;
    if (left > 0 && left <= t->ms)
        timer_add(t, left);
    else
        t->fn(t->arg);
}

struct loop_timer *loop_timer_new(struct loop *l, loop_timer_fn *fn, void *arg, struct err *e)
{
    struct loop_timer *t = malloc(sizeof(*t));
    if (!t) {
        err_sys(e, "event loop");
        return NULL;
    }
    *t = (struct loop_timer){ .loop = l, .fn = fn, .arg = arg };
    evtimer_assign(&t->ev, l->base, timer_cb, t);
    return t;
}

void loop_timer_set(struct loop_timer *t, int64_t ms)
{
    event_del(&t->ev);
    if (ms < 0)
        return;
    t->ms = ms;
    t->due = t->loop->now.boot_ms + ms;
    timer_add(t, ms);
}

bool loop_timer_armed(const struct loop_timer *t)
{
    return event_pending(&t->ev, EV_TIMEOUT, NULL);
}

void loop_timer_free(struct loop_timer *t)
{
    if (!t)
        return;
    event_del(&t->ev);
    free(t);
}

/* --- signals, hooks ------------------------------------------------------------------------ */

static void signal_cb(evutil_socket_t signo, short what, void *arg)
{
    (void)what;
    struct loop_sig *s = arg;
    tick(s->loop);
    s->fn(signo, s->arg);
}

int loop_signal(struct loop *l, int signo, loop_signal_fn *fn, void *arg, struct err *e)
{
    auto_free struct loop_sig *s = malloc(sizeof(*s));
    if (!s)
        return err_sys(e, "event loop");
    *s = (struct loop_sig){ .loop = l, .fn = fn, .arg = arg };
    evsignal_assign(&s->ev, l->base, signo, signal_cb, s);
    if (evsignal_add(&s->ev, NULL) < 0)
        return err_sys(e, "event loop: cannot catch signal %d", signo);
    SLIST_INSERT_HEAD(&l->signals, s, next);
    (void)steal_ptr(s);
    return 0;
}

struct loop_hook *loop_hook_new(struct loop *l, loop_hook_fn *fn, void *arg, struct err *e)
{
    struct loop_hook *h = malloc(sizeof(*h));
    if (!h) {
        err_sys(e, "event loop");
        return NULL;
    }
    *h = (struct loop_hook){ .loop = l, .fn = fn, .arg = arg };
    TAILQ_INSERT_TAIL(&l->hook_list, h, order);
    return h;
}

void loop_hook_soon(struct loop_hook *h)
{
    struct loop *l = h->loop;
    TAILQ_REMOVE(&l->hook_list, h, order);
    TAILQ_INSERT_TAIL(&l->hook_list, h, order);
    l->poll = !l->running;
}

void loop_hook_free(struct loop_hook *h)
{
    if (!h)
        return;
    if (h->loop->hooking) {
        h->fn = NULL;
        return;
    }
    TAILQ_REMOVE(&h->loop->hook_list, h, order);
    free(h);
}
