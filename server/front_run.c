/* When libmicrohttpd runs: in external epoll inside the loop, at the end of a turn, after core's
 * answers of the turn have let their requests go on. */
#include <poll.h>
#include <sys/socket.h>

#include "server/front_priv.h"

#define RUNS_MAX 8   /* of MHD per turn */
#define HELD_MAX 512 /* requests that wait without being suspended */
#define HELD_MS  100 /* how long they do */
#define LOOK_MS  5   /* the next look at the others meanwhile */

/* --- requests that wait for core ----------------------------------------------------------- */

/* MHD calls the handler of a request without an answer again in each run, as it keeps it among the
 * connections that are ready. To suspend it and to resume it costs two epoll_ctl(2), a recv(2) for
 * nothing and a walk over all that are suspended: more than the few visits until core answers. But
 * while some are held, MHD cannot tell whether another one has still something to do:
 * listener_run() judges that by what moved, and looks again after LOOK_MS. So whoever waits for
 * long, or is one of too many, is suspended all the same. */

static void hold(struct conn *c)
{
    c->held = true;
    c->listener->n_held++;
}

void conn_release(struct conn *c)
{
    if (c->held)
        c->listener->n_held--;
    c->held = false;
}

void conn_wait(struct conn *c)
{
    if (c->listener->n_held < HELD_MAX)
        hold(c);
    else
        MHD_suspend_connection(c->mhd);
}

void conn_answered(struct conn *c)
{
    struct front *f = c->listener->front;

    if (!c->held)
        TAILQ_INSERT_TAIL(&f->resumed, c, resume);
    c->listener->run = c->listener->moved = true;
    loop_hook_soon(f->turn);
}

void conn_visit(struct conn *c)
{
    if (c->step == STEP_WAIT && ask_waits_ms(c) < HELD_MS)
        return;
    conn_release(c);
    if (c->step == STEP_WAIT)
        MHD_suspend_connection(c->mhd);
}

/* --- new connections ----------------------------------------------------------------------- */

/* To hear so from accept(2) costs a socket and a file that the kernel makes first. */
static bool somebody_waits(int fd)
{
    struct pollfd p = { .fd = fd, .events = POLLIN };

    return fd >= 0 && poll(&p, 1, 0) > 0;
}

/* Without waiting for MHD: it accepts ten connections for each 128 sockets that it serves, and may
 * serve thousands in one run. When so many guests boot at once, the socket's queue would overflow,
 * and whose SYN was dropped tries again only a second later. At its limit MHD itself knows what to
 * do. */
void listeners_accept(struct front *f)
{
    for (int i = 0; i < f->n_listeners && !f->over; i++) {
        struct listener *l = f->listeners[i];
        if (!somebody_waits(l->fd))
            continue;
        while (l->n_arrivals < FRONT_ARRIVALS && f->n_conns + l->n_arrivals < l->limit) {
            struct arrival *a = &l->arrivals[l->n_arrivals];
            a->len = sizeof(a->from);
            a->fd = accept4(l->fd, &a->from.sa, &a->len, SOCK_NONBLOCK | SOCK_CLOEXEC);
            if (a->fd < 0)
                break;
            l->n_arrivals++;
            l->run = true;
        }
    }
}

void listener_admit(struct listener *l)
{
    for (unsigned i = 0; i < l->n_arrivals; i++) /* MHD closes what it does not take */
        MHD_add_connection(l->mhd, l->arrivals[i].fd, &l->arrivals[i].from.sa, l->arrivals[i].len);
    l->n_arrivals = 0;
}

unsigned listeners_arrivals(const struct front *f)
{
    unsigned n = 0;

    for (int i = 0; i < f->n_listeners; i++)
        n += f->listeners[i]->n_arrivals;
    return n;
}

/* --- runs ---------------------------------------------------------------------------------- */

static void resume_all(struct front *f)
{
    struct conn *c;

    while ((c = TAILQ_FIRST(&f->resumed))) {
        TAILQ_REMOVE(&f->resumed, c, resume);
        MHD_resume_connection(c->mhd);
    }
}

/* The next run is at once, or when something happens, or, where MHD does not know, soon. */
static bool runs_again(struct listener *l)
{
    struct loop_timer *again = l->front->again;
    MHD_UNSIGNED_LONG_LONG ms = 0;

    if (l->n_arrivals > 0 || !TAILQ_EMPTY(&l->front->resumed))
        return true;
    if (MHD_get_timeout(l->mhd, &ms) != MHD_YES || ms > 0)
        return false;
    if (l->moved || l->n_held == 0)
        return true;
    if (!loop_timer_armed(again))
        loop_timer_set(again, LOOK_MS);
    return false;
}

static void listener_run(struct listener *l)
{
    for (int i = 0; i < RUNS_MAX; i++) {
        if (l->told)
            listeners_accept(l->front);
        l->run = l->told = l->moved = false;
        listener_admit(l);
        resume_all(l->front);
        MHD_run(l->mhd);
        if (!runs_again(l))
            return;
    }
    l->run = true;
}

void listeners_look(struct front *f)
{
    for (int i = 0; i < f->n_listeners; i++)
        f->listeners[i]->run |= f->listeners[i]->n_held > 0;
    loop_hook_soon(f->turn);
}

void listeners_run(struct front *f)
{
    bool more = false;

    resume_all(f);
    for (int i = 0; i < f->n_listeners; i++) {
        if (f->listeners[i]->run)
            listener_run(f->listeners[i]);
    }
    for (int i = 0; i < f->n_listeners; i++)
        more |= f->listeners[i]->run; /* also by what another one's run took in */
    if (more)
        loop_timer_set(f->again, 0);
}
