/* The inside of server/supervise*.c. */
#ifndef SERVER_SUPERVISE_PRIV_H
#define SERVER_SUPERVISE_PRIV_H

#include "server/guests.h"
#include "server/hooks.h"
#include "server/nets.h"
#include "server/supervise.h"

struct kid {
    struct supervisor *s;
    enum role role;
    struct chan *chan;
    bool alive, hello, ready, was_ready;
    int64_t started_ms;
    unsigned failures;
    unsigned starts;
    struct loop_timer *restart, *reap, *pulse;
    unsigned unanswered; /* supervise_pulse.c: questions since its last answer */
    char text[256]; /* of its READY */
};

struct supervisor {
    struct loop *loop;
    struct supervisor_opts o;
    void (*done)(void *);
    void *done_arg;
    struct guests *guests;
    struct nets *nets;
    struct hooks *hooks; /* NULL: none are configured */
    struct kid kids[ROLES];
    struct loop_timer *limit; /* of a stop */
    bool quitting, over, told_ready;
    struct err failure;
    int exit_code;
    char fault[256]; /* what core has yet to put on record */
    struct buf out;
};

/* It makes no sense to go on. exit_code: of the child that could not start, else 0. */
void supervisor_fail(struct supervisor *s, const struct err *why, int exit_code);

/* --- supervise_pulse.c: whether a child still turns --- */
int pulse_init(struct kid *k, struct err *e);
void pulse_begin(struct kid *k); /* it is ready */
void pulse_answered(struct kid *k);
void pulse_end(struct kid *k); /* it is gone, or about to be */
/* Core is told of a child that hung, once there is a core that can keep it. */
void pulse_tell(struct supervisor *s);

/* --- supervise_verbs.c: what a child (arg) says --- */
void supervise_message(const struct chan_msg *m, void *arg);

#endif
