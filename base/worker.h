/* One worker thread beside the loop, for work that would make guests wait: rendering of
 * projections, checkpoints, copies. Jobs run one after another, in order. */
#ifndef BASE_WORKER_H
#define BASE_WORKER_H

#include "base/loop.h"

struct worker;
typedef void worker_fn(void *arg);

struct worker *worker_new(struct loop *l, struct err *e);
/* `run` in the thread, then `done` in the loop. The argument belongs to the job. */
int worker_post(struct worker *w, worker_fn *run, worker_fn *done, void *arg, struct err *e);
int worker_pending(const struct worker *w); /* jobs queued or running or not yet done() */
/* Finishes the running job, drops queued ones after calling their done(), joins. NULL is fine. */
void worker_free(struct worker *w);

#endif
