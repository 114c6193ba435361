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
    struct loop_timer *restart, *reap;
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
    struct buf out;
};

/* It makes no sense to go on. exit_code: of the child that could not start, else 0. */
void supervisor_fail(struct supervisor *s, const struct err *why, int exit_code);

/* --- supervise_verbs.c: what a child (arg) says --- */
void supervise_message(const struct chan_msg *m, void *arg);

#endif
