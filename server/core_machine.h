/* A QEMU of ours, from the wish to start it to its end. Shared by core_machine.c (the list, what roostd
 * and QMP tell), core_launch.c (start) and core_stop.c (stop). */
#ifndef SERVER_CORE_MACHINE_H
#define SERVER_CORE_MACHINE_H

#include "base/spawn.h"
#include "bootstrap/qmp.h"
#include "server/core_priv.h"

/* Somebody who waits for an end. */
struct waiter {
    struct waiter *next;
    core_op_fn *done;
    void *arg;
};
int waiter_add(struct waiter **list, core_op_fn *done, void *arg, struct err *e);
void waiters_call(struct waiter **list, const json_t *result, const struct err *err);

enum machine_state {
    MACHINE_PREPARING, /* disk */
    MACHINE_LAUNCHING, /* intent on record, roostd asked */
    MACHINE_RUNNING,
};

struct machine {
    struct machine *next;
    struct core *c;
    int64_t id;
    struct name name;
    uint64_t launch_id;
    struct token seed; /* by which it is found when it cannot say its tag */
    enum machine_state state;
    bool user_network;

    struct qmp *qmp;
    bool qmp_ready;
    bool watched; /* QMP was up once: it would have told of a shutdown */
    bool panicked;
    char ended_by[32]; /* QMP SHUTDOWN's reason; "" none heard */

    bool has_exited; /* EXITED came; waits for the last words on QMP */
    struct exited exited;

    struct loop_timer *stop_timer;
    unsigned stop_step;
    int64_t stop_asked_ms; /* CLOCK_BOOTTIME */
    char stop_how[64];

    struct child *disk; /* qemu-img at work */
    uint64_t disk_size; /* asked for; 0: as the image */
    bool disk_fresh;    /* it is made, not grown */
    char actor[64];
    struct waiter *on_start, *on_end;
};

struct machine *machine_new(struct core *c, const struct guest *g, struct err *e);
void machine_free(struct machine *m); /* out of the list; waiters are called with "roost is ending" */
void machine_watch(struct machine *m); /* opens QMP */
/* Kill through roostd. */
void machine_kill(struct machine *m);

#endif
