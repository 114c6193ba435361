/* roost-front: the guests' HTTP server. It knows no guest: it reads requests, asks core, and
 * answers; the documents of a boot that core gave it once it keeps for the boot's other requests.
 * While core is slow or away it answers by itself within the deadline, so that no guest hangs and
 * none gives up early. */
#ifndef SERVER_FRONT_H
#define SERVER_FRONT_H

#include "base/loop.h"

struct front;

/* Takes the channel to roostd over. `done` is called once, after QUIT was carried out, when the
 * channel is gone, or after a message that cannot be (then front_failed() is true). */
struct front *front_new(struct loop *l, int roostd_fd, void (*done)(void *), void *arg,
                        struct err *e);
void front_free(struct front *f); /* NULL is fine; not inside `done` */
bool front_failed(const struct front *f);
/* State in a few log lines. */
void front_dump(const struct front *f);

int front_main(int argc, char **argv);

#endif
