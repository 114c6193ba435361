/* The trash, between its two files: core_trash.c keeps and puts back, core_trash_op.c is what people
 * ask for, and time. */
#ifndef SERVER_CORE_TRASH_H
#define SERVER_CORE_TRASH_H

#include "server/core_priv.h"

/* In the transaction that takes the instance off the record, before that; its directory follows
 * after the commit (moves_carry_out()). */
int trash_take(struct core *c, const struct guest *g, const char *actor, struct err *e);
/* In a transaction too: as it was, or called otherwise (as NULL: its name). ERR_CONFLICT: somebody
 * has its name, tag, uuid, MAC, ports or files by now, or what it stands on is gone. */
int trash_put_back(struct core *c, int64_t id, const char *as, const char *actor,
                   struct name *ret, struct err *e);

#endif
