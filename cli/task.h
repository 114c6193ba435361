/* Following a task of roost's to its end. */
#ifndef CLI_TASK_H
#define CLI_TASK_H

#include "cli/cli.h"

/* Shows how far it is (a bar on a terminal, lines now and then without one; on standard error,
 * nothing where quiet) until it has ended. The ended task, a new reference; NULL: e says why it
 * failed, or why it is not known how it ends. */
json_t *task_follow(struct cli *c, const json_t *task, bool quiet, struct err *e);

#endif
