/* When is an instance where somebody waits for it to be? */
#ifndef CLI_WAIT_H
#define CLI_WAIT_H

#include "cli/cli.h"
#include "model/lifecycle.h"

enum arrival {
    ARRIVAL_NOT_YET,
    ARRIVAL_REACHED, /* there, or already past it */
    ARRIVAL_LOST,    /* ended on the way: it cannot come there by itself */
    ARRIVAL_OVERDUE, /* over its phase's limit, and nobody wants to wait longer */
    ARRIVAL_UNCONFIGURED, /* home, and nothing will configure it by itself */
    ARRIVAL_GONE,         /* removed meanwhile */
};
/* goal: launched, seeded, homed, configured or stopped. A guest that was never started counts as
 * stopped. */
enum arrival arrival_of(enum phase now, enum phase goal);
/* configuration: the API's word for it, NULL or "" where there is none. Why nothing more will come,
 * with what would be right; NULL: something may. */
const char *unconfigured_why(const char *configuration);
int goal_parse(const char *s, enum phase *ret, struct err *e);
/* Follows instances until each has come to the goal, cannot any more, or the time is over, and tells
 * of it on the way and at the end. The command's --timeout, --overdue and --quiet count where it has
 * them. -1 when one has not arrived. */
int wait_for(struct cli *c, const struct args *a, char *const *names, int n, enum phase goal,
             struct err *e);

#endif
