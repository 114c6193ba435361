/* When is an instance where somebody waits for it to be? */
#ifndef CLI_WAIT_H
#define CLI_WAIT_H

#include "model/lifecycle.h"

enum arrival {
    ARRIVAL_NOT_YET,
    ARRIVAL_REACHED, /* there, or already past it */
    ARRIVAL_LOST,    /* ended on the way: it cannot come there by itself */
    ARRIVAL_OVERDUE, /* over its phase's limit, and nobody wants to wait longer */
};
/* goal: launched, seeded, homed, configured or stopped. A guest that was never started counts as
 * stopped. */
enum arrival arrival_of(enum phase now, enum phase goal);
int goal_parse(const char *s, enum phase *ret, struct err *e);

#endif
