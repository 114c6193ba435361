/* Which instances a command is about: names, patterns, --group, --state, --all. */
#ifndef CLI_SELECT_H
#define CLI_SELECT_H

#include "cli/cli.h"

struct selection {
    char **name; /* each once; in the order of the command line where all are names, else by name */
    int n;
    bool by_name; /* every one was named in full: nothing was looked up */
};
/* Operands are names or patterns (glob(7): *, ?, […]); --group and --state narrow what they give,
 * and without operands all instances; --all is all of them. Nothing said: ERR_INVALID; nothing
 * found: ERR_NOT_FOUND. */
int select_instances(struct cli *c, const struct args *a, struct selection *ret, struct err *e);
void selection_done(struct selection *s);

/* The rows of a list that are selected, in their order; without any word about it all of them. The
 * new reference may be empty. */
json_t *select_rows(const json_t *rows, const struct args *a, struct err *e);
/* Before something is destroyed: on a terminal the question is asked, unless --yes; elsewhere what
 * was named in full is meant, and for the rest --yes is wanted. `what` is such as "delete the disks
 * of". */
int select_confirm(const struct selection *s, const struct args *a, const char *what,
                   struct err *e);

#endif
