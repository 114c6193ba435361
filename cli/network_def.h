/* A network's definition as the server has it, read, changed and sent back. */
#ifndef CLI_NETWORK_DEF_H
#define CLI_NETWORK_DEF_H

#include "cli/cli.h"
#include "model/network.h"

/* The definition in an answer about a network, whatever else stands beside it. */
int network_def_read(const char *name, const json_t *row, struct network *ret, struct err *e);
/* ERR_NOT_FOUND: there is none of that name. */
int network_def_get(struct cli *c, const char *name, struct network *ret, struct err *e);
/* Applies a fleet of that network alone; the apply's answer, a new reference, or NULL. */
json_t *network_def_apply(struct cli *c, const struct network *n, bool dry_run, struct err *e);

#endif
