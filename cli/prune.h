/* What an apply --prune takes away. */
#ifndef CLI_PRUNE_H
#define CLI_PRUNE_H

#include <jansson.h>

#include "cli/cli.h"

/* Rows as a plan has them, action "remove", of what is on record and not in the plan of the file
 * (which has a row for everything in it). class of an instance: "running", "for good", "into the
 * trash". New reference. */
json_t *prune_plan(struct cli *c, const json_t *plan, bool destroy, struct err *e);
/* Refused where one runs, or where disks would go without --destroy-disks; else it is asked for,
 * unless --yes. */
int prune_confirm(struct cli *c, const struct args *a, const json_t *rows, struct err *e);
/* Removes them, and carries on over failures; rows of what stayed say "keep" or "failed", and why.
 * -1 when something failed. */
int prune_do(struct cli *c, json_t *rows, bool destroy, struct err *e);

#endif
