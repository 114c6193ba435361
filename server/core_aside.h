/* Beside the loop: a thread with a connection of its own to the store, for answers that need all of
 * it. Guests never wait for one. */
#ifndef SERVER_CORE_ASIDE_H
#define SERVER_CORE_ASIDE_H

#include <stdatomic.h>

#include "server/core_priv.h"

struct aside;

/* One piece of work, the first member of what it is about; whoever posts it owns it, and frees it
 * in done(). */
struct aside_job {
    /* In the loop, after the commit: what the thread needs of core. NULL: nothing. */
    void (*begin)(struct aside_job *j, struct store *reader);
    /* In the thread, on what was committed when it began. Gives up once *stop is set. */
    int (*work)(struct aside_job *j, struct store *reader, const atomic_bool *stop, struct err *e);
    /* In the loop, once; err NULL: it is done. ERR_BUSY: roost is stopping. */
    void (*done)(struct aside_job *j, const struct err *err);
    struct aside *by; /* these are core_aside.c's */
    bool failed;
    struct err err;
};

/* *at, made when somebody asks for the first time; NULL with e. */
struct aside *aside_open(struct core *c, struct aside **at, struct err *e);
/* Begins when this turn is committed, so that it sees what was written before it was asked for; a
 * commit that failed does not hold it up, what is on record can be told all the same. One job after
 * another. -1: done() is not called. */
int aside_post(struct aside *by, struct aside_job *j, struct err *e);
bool aside_busy(const struct aside *by); /* a job was posted and is not done */

/* At the end of core: the thread ends, and who waits is told; then what it used. NULL is fine. */
void aside_stop(struct aside *by);
void aside_free(struct aside *by);

#endif
