/* The event loop (libevent behind it; no other file includes libevent).
 *
 * One thread runs it. Callbacks are thin: cast, one call, return. The clock is read once per turn.
 * A turn is: wait, all callbacks that are due, then the turn hooks in order of registration; what
 * several messages of one turn caused (one commit, one write) belongs into a hook. */
#ifndef BASE_LOOP_H
#define BASE_LOOP_H

#include <stdbool.h>
#include <stdint.h>

#include "base/clock.h"
#include "base/err.h"

struct loop;
struct loop_fd;
struct loop_timer;
struct loop_hook;

struct loop *loop_new(struct err *e);
void loop_free(struct loop *l); /* NULL is fine; watches must be gone */

int loop_run(struct loop *l, struct err *e); /* until loop_stop() */
void loop_stop(struct loop *l);
/* One turn; wait_ms < 0 waits for an event, 0 polls. For tests and for draining at the end. */
int loop_turn(struct loop *l, int wait_ms, struct err *e);
struct instant loop_now(const struct loop *l);

enum { LOOP_READ = 1, LOOP_WRITE = 2 };
typedef void loop_fd_fn(int fd, int what, void *arg);
/* Level-triggered watch. The descriptor stays the caller's. */
struct loop_fd *loop_fd_new(struct loop *l, int fd, int what, loop_fd_fn *fn, void *arg,
                            struct err *e);
void loop_fd_want(struct loop_fd *w, int what); /* 0 pauses it */
void loop_fd_free(struct loop_fd *w);

typedef void loop_timer_fn(void *arg);
/* One-shot timers; loop_timer_set again to repeat, < 0 disarms. Freeing inside its callback is
 * fine. */
struct loop_timer *loop_timer_new(struct loop *l, loop_timer_fn *fn, void *arg, struct err *e);
void loop_timer_set(struct loop_timer *t, int64_t ms);
bool loop_timer_armed(const struct loop_timer *t);
void loop_timer_free(struct loop_timer *t);

typedef void loop_signal_fn(int signo, void *arg);
/* Kept until loop_free(). */
int loop_signal(struct loop *l, int signo, loop_signal_fn *fn, void *arg, struct err *e);

typedef void loop_hook_fn(void *arg);
/* Called at the end of every turn. */
struct loop_hook *loop_hook_new(struct loop *l, loop_hook_fn *fn, void *arg, struct err *e);
/* Moves the hook behind all others and asks for it: at the end of this turn (again, when it was
 * called already, so that it also serves what other hooks cause); outside a turn the next turn does
 * not wait. Not from the hook itself. */
void loop_hook_soon(struct loop_hook *h);
void loop_hook_free(struct loop_hook *h);

#endif
