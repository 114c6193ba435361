/* Projections: the generated files as functions of the store. Run in the worker on its own
 * connection, or by whoever wants the text. */
#ifndef SERVER_PROJECT_H
#define SERVER_PROJECT_H

#include "base/buf.h"
#include "server/config.h"
#include "server/store.h"

enum projection { PROJECT_KNOWN_HOSTS, PROJECT_INVENTORY, PROJECT_DYNAMIC, PROJECT_SSH_CONFIG, PROJECTIONS };

/* One of them, asked for and answered. */
struct projected {
    bool due;    /* asked for */
    bool failed; /* `err` says why; the others are not touched by it */
    struct err err;
    struct buf text; /* the caller's: buf_done() */
};

/* One walk over the fleet for all that are due. -1 when the walk itself failed. */
int project_all(struct store *s, const struct config *c, struct projected p[PROJECTIONS],
                struct err *e);
/* The text of one. */
int project(struct store *s, const struct config *c, enum projection which, struct buf *out,
            struct err *e);
/* Inventory and known_hosts as a run sees them, of those hosts that it sees (NULL: all); the
 * inventory names known_hosts by that path. */
typedef bool project_fn(const struct store_host *h, void *arg);
int project_run(struct store *s, const struct config *c, const char *known_hosts, project_fn *sees,
                void *arg, struct buf *ret_inventory, struct buf *ret_known_hosts, struct err *e);
/* Entries of known_hosts for one name (an instance's) or address; nothing found is no error. */
int project_known_host(struct store *s, const char *host, struct buf *out, struct err *e);

#endif
