/* Guests that come from another host (model/bundle.h). */
#ifndef SERVER_CORE_BRING_H
#define SERVER_CORE_BRING_H

#include "server/core_priv.h"

/* At the start: what an import that was interrupted has left goes. */
int brings_clean(struct core *c, struct err *e);
void brings_free(struct core *c);

#endif
