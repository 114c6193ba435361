/* Listening sockets that outlive roostd: the service manager keeps copies of them (FDSTORE in
 * sd_notify(3), FileDescriptorStoreMax= in the unit) and hands them to the next roostd
 * (sd_listen_fds(3)), so that connections queue while roost restarts. Without such a manager
 * nothing is handed over and nothing is kept. */
#ifndef SERVER_HANDOVER_H
#define SERVER_HANDOVER_H

#include "model/addr.h"

/* Reads LISTEN_PID, LISTEN_FDS and LISTEN_FDNAMES, once, before anything else is opened. */
void handover_begin(void);
/* What was kept under the name, the caller's from now on; -1: nothing. */
int handover_take(const char *name);
/* Only if it listens just there (`device` NULL, or bound to it as it is now); else it is closed,
 * nobody keeps it any more, and -1. */
int handover_take_at(const char *name, const struct endpoint *at, const char *device);
/* Kept from now on, in place of what was under that name. Failure is logged: it costs connections
 * at the next restart, nothing now. */
void handover_keep(const char *name, int fd);
void handover_drop(const char *name);
/* Closes and drops what nobody took. */
void handover_end(void);

#endif
