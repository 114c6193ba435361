/* sd_notify(3) by hand: one datagram to NOTIFY_SOCKET. */
#ifndef SERVER_NOTIFY_H
#define SERVER_NOTIFY_H

#include "base/err.h"

/* "READY=1\nSTATUS=…". Without NOTIFY_SOCKET nothing happens and it is a success. */
int notify_send(const char *state, struct err *e);

#endif
