/* What begins with a stop: core_follow.c has the way there, and restart; core_rebuild.c rebuild and
 * reset, core_remove.c removal. */
#ifndef SERVER_CORE_FOLLOW_H
#define SERVER_CORE_FOLLOW_H

#include "server/core_priv.h"

struct follow {
    struct core *c;
    struct name name;
    struct actor who;
    bool anyway;   /* whatever memory there is */
    bool for_good; /* not into the trash */
    bool was_running;
    core_op_fn *done;
    void *arg;
};
/* NULL without memory. Ends in follow_end(), which tells who asked; or in follow_start(). */
struct follow *follow_new(struct core *c, const char *name, const struct actor *who,
                          core_op_fn *done, void *arg, struct err *e);
void follow_end(struct follow *f, const struct err *err); /* NULL: it is done */
/* `then`, with f as its argument, when the guest has ended; at once when it is not running. */
void follow_when_down(struct follow *f, bool force, core_op_fn *then);
/* All of the above for a guest that is to run again afterwards; ERR_CONFLICT, before it is stopped,
 * when it would not by its memory (anyway: whatever there is). */
void follow_up(struct core *c, const char *name, bool anyway, bool force, const struct actor *who,
               core_op_fn *then, core_op_fn *done, void *arg);
/* For `then`. Several may have waited for its end: one of the others can have started it again
 * (ERR_CONFLICT). */
int follow_still_down(struct core *c, const struct guest *g, struct err *e);
/* A `then`: starts it, as who asked is told. */
core_op_fn follow_start;

#endif
