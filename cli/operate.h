/* What other commands do to instances beside their own work. */
#ifndef CLI_OPERATE_H
#define CLI_OPERATE_H

#include "cli/cli.h"

/* Launches them, as `instance start` does; the command's --wait and --timeout count. */
int start_named(struct cli *c, const struct args *a, char **names, int n, struct err *e);

#endif
