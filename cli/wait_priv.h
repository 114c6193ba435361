/* The inside of waiting: wait.c follows instances, wait_report.c says how it ended. */
#ifndef CLI_WAIT_PRIV_H
#define CLI_WAIT_PRIV_H

#include <jansson.h>

#include "cli/cli.h"
#include "cli/wait.h"

/* One instance on its way. */
struct awaited {
    const char *name;
    json_t *row; /* as it was seen last; NULL: never */
    enum arrival arrival;
    char shown[32]; /* the state that was told last */
};

struct waiting {
    struct cli *c;
    enum phase goal;
    int64_t limit_ms, start_ms; /* CLOCK_BOOTTIME */
    int64_t last;               /* event */
    bool tell, live, till_overdue;
    struct awaited *guests;
    int n;
};

/* Of autostart: it is down, and will be started by itself. */
bool waits_for_turn(const json_t *row);

/* Prints who arrived, tells why the others did not, with their last console lines, and sums up. -1
 * when one did not: e is the gravest of them, what is lost before what is late. */
int wait_report(struct waiting *w, struct err *e);

#endif
