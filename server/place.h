/* Where roostd stands: the state directory, its lock, the run directory. */
#ifndef SERVER_PLACE_H
#define SERVER_PLACE_H

#include "server/config.h"

struct place {
    int state, instances, images; /* directories */
    int lock;                     /* FILE_LOCK, flock'ed; children inherit it */
};
#define PLACE_INIT ((struct place){ -1, -1, -1, -1 })

/* Makes what is missing. The state directory and the run directory must be this user's own; no
 * symbolic link is followed in the run directory's last two parts, since /tmp is everybody's. The
 * lock is waited for as long as wait_ms (children of a roost that died are about to let go); then
 * ERR_BUSY naming its holder. On failure nothing is held. */
int place_open(const struct config *c, int64_t wait_ms, struct place *ret, struct err *e);
void place_close(struct place *p);

#endif
