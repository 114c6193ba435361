/* One event of cloud-init's reporting webhook (cloudinit.reporting.events): a JSON object with
 * name, description, event_type ("start", "finish"), origin, timestamp, and result on finish. */
#ifndef SEEDS_REPORT_H
#define SEEDS_REPORT_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

#define REPORT_BODY_MAX 65536

enum report_result { REPORT_NONE, REPORT_SUCCESS, REPORT_WARN, REPORT_FAIL };
const char *report_result_name(enum report_result r); /* "SUCCESS" …; REPORT_NONE is "" */

struct report {
    char name[96];         /* "init-network/config-users-groups"; [A-Za-z0-9 ._/:-] only */
    char description[200]; /* printable, cut */
    bool finish;
    enum report_result result;
    double timestamp; /* the guest's clock, seconds; data, never order; 0: none */
    bool is_stage; /* a top-level stage: init-local, init-network, modules-init, -config, -final */
    bool is_final; /* modules-final finished: the true end of cloud-init */
};

/* Unknown members are ignored; no object, a doubled member, a missing or malformed name or
 * event_type, an unknown result: ERR_INVALID. */
int report_parse(const char *body, size_t len, struct report *ret, struct err *e);

#endif
