/* roost-core: holds the store and decides. One object, driven by the loop.
 *
 * Everything that its answers depend on is committed once per loop turn (group commit); answers go
 * out after the flush. server/core_*.c are its nouns; server/api*.c and the guests' messages are
 * its callers. */
#ifndef SERVER_CORE_H
#define SERVER_CORE_H

#include "base/loop.h"

struct core;

/* Takes the channel to roostd over. `done` is called once, after QUIT was carried out or the
 * channel is gone. */
struct core *core_new(struct loop *l, int roostd_fd, void (*done)(void *), void *arg,
                      struct err *e);
void core_free(struct core *c); /* NULL is fine */

int core_main(int argc, char **argv);

#endif
