/* roostd's two children: started, greeted, connected with each other, restarted with back-off,
 * stopped. */
#ifndef SERVER_SUPERVISE_H
#define SERVER_SUPERVISE_H

#include "base/loop.h"
#include "server/config.h"
#include "server/place.h"

enum role { ROLE_CORE, ROLE_FRONT, ROLES };
const char *role_name(enum role r);    /* "core" */
const char *role_program(enum role r); /* "roost-core" */

/* How a role is brought to life. As processes: supervise_process.c; within this process: single.c.
 * Its end is told by supervisor_ended(), from the loop. */
struct role_ops {
    /* Takes channel_fd over, also on failure. */
    int (*start)(enum role r, int channel_fd, void *arg, struct err *e);
    void (*kill)(enum role r, void *arg); /* at once; nothing happens when it does not run */
    int (*pid)(enum role r, void *arg);   /* 0: no process of its own */
    void *arg;
};

struct supervisor_opts {
    const struct config *config; /* borrowed, as all here */
    const struct place *place;
    const char *libexec; /* where the programs are */
    const struct role_ops *ops;
    int seed_fd, control_fd; /* listening sockets */
    struct endpoint seed_at;
};

struct supervisor;
/* Starts both. `done` is called once, when both have ended after supervisor_quit(), or when it
 * makes no sense to go on: then *supervisor_failure() says why. */
struct supervisor *supervisor_new(struct loop *l, const struct supervisor_opts *o,
                                  void (*done)(void *), void *arg, struct err *e);
void supervisor_free(struct supervisor *s); /* NULL is fine; children see the channel's end */
/* front first, since its last requests need core. */
void supervisor_quit(struct supervisor *s);
/* exit_code: -1 when it ended in another way than by exit(); `text` for the log. */
void supervisor_ended(struct supervisor *s, enum role r, int exit_code, const char *text);
/* kind ERR_NONE after an ordinary stop. exit_code of the child that could not start, else 0. */
const struct err *supervisor_failure(const struct supervisor *s, int *ret_exit_code);
void supervisor_dump(const struct supervisor *s);

/* Children as processes, from programs in a directory. */
struct processes;
struct processes *processes_new(struct loop *l, const char *libexec, int lock_fd, struct err *e);
void processes_attach(struct processes *p, struct supervisor *s);
const struct role_ops *processes_ops(struct processes *p);
void processes_free(
    struct processes *p); /* NULL is fine; they run on until they see their channel's end */

#endif
