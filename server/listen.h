/* Listening sockets: roostd's own, so that connections queue while a child is away. */
#ifndef SERVER_LISTEN_H
#define SERVER_LISTEN_H

#include "server/config.h"

/* The socket for guests. Port 0: the kernel chooses one the first time, which is kept in
 * FILE_SEED_PORT and used from then on, since running guests know it. In use: ERR_BUSY with the
 * address and the way out. */
int listen_seed(const struct config *c, int state_dir, struct endpoint *ret_at, struct err *e);
/* The control socket, 0600; in system mode 0660 for group `roost` if there is one. A stale one is
 * replaced: the caller holds the state directory's lock. */
int listen_control(const struct config *c, struct err *e);

#endif
