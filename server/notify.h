/* sd_notify(3) by hand: datagrams to NOTIFY_SOCKET. */
#ifndef SERVER_NOTIFY_H
#define SERVER_NOTIFY_H

#include <stdbool.h>

#include "base/loop.h"

/* "READY=1\nSTATUS=…". Without NOTIFY_SOCKET nothing happens and it is a success. */
int notify_send(const char *state, struct err *e);
/* The same with a descriptor beside it, fd -1: none. */
int notify_send_fd(const char *state, int fd, struct err *e);
bool notify_wanted(void);

/* WATCHDOG_USEC: tells the service manager from the loop that it still turns, twice in that time.
 * NULL when nobody wants to know (e is not set), or with e. */
struct watchdog;
struct watchdog *watchdog_new(struct loop *l, struct err *e);
void watchdog_free(struct watchdog *w); /* NULL is fine */

#endif
