/* What a client asks for, in order, as measured with real ones (DESIGN section 5). Pure. */
#ifndef SEEDS_CLIENT_H
#define SEEDS_CLIENT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "model/seedurl.h"

struct client {
    unsigned major, minor; /* of cloud-init */
};
/* "cloud-init/22.4", "cloud-init/25.1.4". ERR_INVALID. */
int client_parse(const char *s, struct client *ret, struct err *e);

/* The documents that it fetches, in order; their number. */
int client_documents(const struct client *c, enum seed_doc ret[SEED_DOCS]);
bool client_waits(const struct client *c);   /* honours Retry-After on 503 */
bool client_expands(const struct client *c); /* __dmi.…__ in the seed URL */

#endif
