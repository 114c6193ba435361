/* Hooks, on roostd's side: runs the programs that roost.conf names, each as its user, with what
 * core hands over on their standard input. One process a hook at any time: a hook that hangs is
 * ended at its limit and delays nobody but itself. Nothing here is remembered; core's cursor is. */
#ifndef SERVER_HOOKS_H
#define SERVER_HOOKS_H

#include "base/loop.h"
#include "server/config.h"
#include "server/proto.h"

struct hooks;
/* Sends to core; `b` is emptied. Nothing happens while core is away. */
typedef void hooks_send_fn(enum proto_type t, uint32_t id, struct buf *b, void *arg);

/* config is borrowed. NULL with no error in *e where none is configured. */
struct hooks *hooks_new(struct loop *l, const struct config *c, hooks_send_fn *send, void *arg,
                        struct err *e);
void hooks_free(struct hooks *h); /* NULL is fine; what runs is ended, core asks for it again */

/* A verb from core, answered by HOOK_DONE. -1: the message does not decode. */
int hooks_run(struct hooks *h, uint32_t id, struct msg_cur *c, struct err *e);
/* Nobody waits for answers any more; what runs goes on, and its next run begins after it. */
void hooks_core_gone(struct hooks *h);

#endif
