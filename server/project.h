/* Projections: the generated files as functions of the store. Run in the worker on its own connection, or by
 * whoever wants the text. */
#ifndef SERVER_PROJECT_H
#define SERVER_PROJECT_H

#include "base/buf.h"
#include "server/config.h"
#include "server/store.h"

int project_inventory(struct store *s, const struct config *c, struct buf *out, struct err *e);
int project_known_hosts(struct store *s, const struct config *c, struct buf *out, struct err *e);
int project_ssh_config(struct store *s, const struct config *c, struct buf *out, struct err *e);
/* Entries of one name (an instance's) or address; nothing found is no error. */
int project_known_host(struct store *s, const char *host, struct buf *out, struct err *e);

#endif
