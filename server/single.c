/* roost-single: all three roles in one process and one loop, over the same socketpairs. */
#include <stdlib.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "server/core.h"
#include "server/front.h"
#include "server/roostd.h"

struct single;

struct part {
    struct single *all;
    enum role role;
    struct core *core;
    struct front *front;
    struct loop_timer *end;
};

struct single {
    struct loop *loop;
    struct supervisor *supervisor;
    struct part parts[ROLES];
    struct role_ops ops;
};

static void part_free(struct part *p)
{
    core_free(steal_ptr(p->core));
    front_free(steal_ptr(p->front));
}

static void end_cb(void *arg)
{
    struct part *p = arg;
    bool failed = p->front && front_failed(p->front);

    part_free(p);
    if (p->all->supervisor)
        supervisor_ended(p->all->supervisor, p->role, failed ? 1 : 0, failed ? "failed" : "ended");
}

static void done_cb(void *arg)
{
    struct part *p = arg;

    loop_timer_set(p->end, 0);
}

static int start(enum role r, int channel_fd, void *arg, struct err *e)
{
    struct part *p = &((struct single *)arg)->parts[r];

    if (r == ROLE_CORE)
        p->core = core_new(p->all->loop, channel_fd, done_cb, p, e);
    else
        p->front = front_new(p->all->loop, channel_fd, done_cb, p, e);
    return p->core || p->front ? 0 : -1;
}

static void kill_now(enum role r, void *arg)
{
    struct part *p = &((struct single *)arg)->parts[r];

    if (p->core || p->front)
        loop_timer_set(p->end, 0);
}

static int no_pid(enum role r, void *arg)
{
    (void)r, (void)arg;
    return 0;
}

static void single_free(void *roles)
{
    struct single *s = roles;

    for (int r = 0; r < ROLES; r++) {
        part_free(&s->parts[r]);
        loop_timer_free(s->parts[r].end);
    }
    free(s);
}

static void *make(struct roostd *d, const struct place *place, const struct role_ops **ret_ops,
                  struct err *e)
{
    struct single *s = calloc(1, sizeof(*s));

    (void)place;
    if (!s) {
        err_set(e, ERR_INTERNAL, "no memory");
        return NULL;
    }
    s->loop = d->loop;
    s->ops = (struct role_ops){ start, kill_now, no_pid, s };
    for (int r = 0; r < ROLES; r++) {
        s->parts[r] = (struct part){ .all = s, .role = (enum role)r };
        s->parts[r].end = loop_timer_new(s->loop, end_cb, &s->parts[r], e);
        if (!s->parts[r].end) {
            single_free(s);
            return NULL;
        }
    }
    *ret_ops = &s->ops;
    return s;
}

static void attach(void *roles, struct supervisor *s)
{
    ((struct single *)roles)->supervisor = s;
}

int single_main(int argc, char **argv)
{
    static const struct roostd_roles roles = { "roost-single", make, attach, single_free };

    return roostd_run(argc, argv, &roles);
}
