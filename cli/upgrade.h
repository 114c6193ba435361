/* A connection to the control API that becomes something else's (RFC 9110 section 7.8). */
#ifndef CLI_UPGRADE_H
#define CLI_UPGRADE_H

#include "base/buf.h"
#include "base/err.h"

struct upgrade {
    int fd;          /* the caller's */
    unsigned others; /* header Roost-Others: who has such a connection there too */
    struct buf rest; /* what came behind the answer already; the caller's */
};

/* Asks for `path` and the protocol. Errors as of client_get(). */
int upgrade_open(const char *socket, const char *path, const char *protocol, struct upgrade *ret,
                 struct err *e);

#endif
