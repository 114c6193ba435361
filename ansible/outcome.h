/* What became of each host of a run, from the JSON lines of roost's callback plugin (plugin.h).
 *
 * The lines are hostile: what a module answers comes from the guest. Lines over OUTCOME_LINE_MAX,
 * lines that are no such JSON and hosts that the run was not for are counted and passed over; texts
 * are cut and masked (no control characters); nothing grows with what a guest says. */
#ifndef ANSIBLE_OUTCOME_H
#define ANSIBLE_OUTCOME_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/name.h"

#define OUTCOME_LINE_MAX    4096
#define OUTCOME_TASK_MAX    160
#define OUTCOME_MESSAGE_MAX 400

enum outcome_state {
    OUTCOME_NONE, /* the run ended before its outcome was known: killed, interrupted, or not
                     begun; `task` is where it was, if anywhere */
    OUTCOME_OK,   /* every task ended well, nothing changed */
    OUTCOME_CHANGED,
    OUTCOME_UNREACHABLE, /* message: what ssh says */
    OUTCOME_FAILED,      /* the first task that failed and was neither ignored nor rescued */
    OUTCOME_SKIPPED,     /* no task ran on it: no play is for it, or all were skipped */
    OUTCOMES
};
const char *outcome_name(enum outcome_state s); /* "ok" … ; none: "unknown" */
int outcome_from_name(const char *name);        /* or -1 */

struct outcome_counts {
    uint32_t ok, changed, unreachable, failed, skipped, rescued, ignored;
};

struct outcome_host {
    struct name host;
    enum outcome_state state;
    char task[OUTCOME_TASK_MAX + 1];       /* first failing task, or where it was; "" none */
    char message[OUTCOME_MESSAGE_MAX + 1]; /* one line; "" none */
    struct outcome_counts counts;
    int64_t duration_ms; /* from its first task to its last result; 0 none ran */
};

struct outcomes;
/* For these hosts (copied), in any order. */
struct outcomes *outcomes_new(const struct name *hosts, int n, struct err *e);
void outcomes_free(struct outcomes *o); /* NULL is fine */

/* One line without its newline. -1: ERR_INVALID or ERR_TOO_BIG; it is passed over. */
int outcomes_line(struct outcomes *o, const char *line, size_t len, struct err *e);
/* Any piece of the stream. */
void outcomes_put(struct outcomes *o, const void *data, size_t len);
/* After the last piece; a last line without its end is passed over. Settles states. */
void outcomes_finish(struct outcomes *o);

int outcomes_count(const struct outcomes *o);
const struct outcome_host *outcomes_get(const struct outcomes *o, int i); /* by name (strcmp) */
bool outcomes_begun(const struct outcomes *o); /* the playbook was read without error and began */
bool outcomes_complete(const struct outcomes *o);    /* it went to its end: final counts are here */
unsigned outcomes_refused(const struct outcomes *o); /* lines that were passed over */

#endif
