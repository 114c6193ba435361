/* A network's run: the way of what is on the host to what is wanted, and what is known of it
 * between runs. Part of server/core_network*.c. */
#ifndef SERVER_CORE_NETRUN_H
#define SERVER_CORE_NETRUN_H

#include "server/core_machine.h"
#include "server/core_network.h"

#define NETRUN_STEPS_MAX 32
#define NETRUN_RETRY_MS  5000

enum run_state { RUN_IDLE, RUN_PLANNING, RUN_UNDOING, RUN_DOING };

struct netrun {
    struct netrun *next;
    struct core *c;
    struct name name;
    enum run_state state;
    bool wanted; /* by the run that is under way */
    bool again;  /* asked for while one is under way */
    bool up;
    bool asked;           /* by a person, and it was down: what fails is taken back */
    uint32_t id;          /* of the verb that is under way; 0 none */
    struct net_step step; /* which it is about */
    struct net_step steps[NETRUN_STEPS_MAX];
    int n, at;
    int64_t before; /* rows of the ledger from there on are seen to */
    struct err failure;
    char bridge[IFNAME_SIZE], note[256];
    uint16_t listener;
    struct waiter *waiters;
    struct waiter *next_waiters; /* of the run that comes after the one under way */
    bool next_up;                /* what they asked for */
    struct loop_timer *retry;
    int64_t retry_ms;
};

/* --- core_network.c: the list --- */
struct netrun *netrun_find(const struct core *c, const char *name); /* NULL: none */
struct netrun *netrun_get(struct core *c, const char *name,
                          struct err *e); /* made when it is not there */

/* --- core_netrun.c --- */
/* From the start; after the one that is under way, where one is. */
void netrun_begin(struct netrun *r);
/* What the ledger has and the plan does not is taken back, then the plan is done. */
void netrun_undo_next(struct netrun *r);

/* --- core_netrun_end.c --- */
void netrun_end(struct netrun *r);
/* It did not go well, in this point (the first one counts); and that is its end. */
void netrun_failed(struct netrun *r, const struct err *e);
void netrun_fail(struct netrun *r, const struct err *e);
/* An event, and a line of the log. */
void netrun_tell(struct netrun *r, enum event_kind k, const char *fmt, ...)
    __attribute__((format(printf, 3, 4)));

#endif
