/* The inside of surveys (core_survey.c) and what core_read.c renders for them. */
#ifndef SERVER_CORE_SURVEY_H
#define SERVER_CORE_SURVEY_H

#include <stdatomic.h>

#include "server/core_autostart.h"

/* What a rendering of guests needs beside them: no more of core, so that a thread can do it. */
struct view {
    struct store *store;
    int64_t now_ms; /* real */
    int64_t usual_ms[PHASES];
    const struct config *config;
    bool playbooks; /* something may run for a guest that has no playbook of its own */
    struct waitlist waitlist;
    bool behind; /* there are events that Ansible's reactor has not seen */
};
/* As core stands now, on its own store; of all guests, or (not NULL) of that one. In the loop. */
void view_of(struct core *c, const char *only, struct view *ret);
void view_done(struct view *v);
/* core_configured.c: "pending", "running", "configured", "failed"; "nothing" runs for it, "late"
 * (what runs for it came when it was home already), "manual" (by hand alone), "off" (Ansible is);
 * null: it is not home. */
json_t *configuration_json(const struct view *v, const struct guest *g);

/* All instances as a JSON array of rows, in order of name, from one snapshot. ERR_BUSY once *ending
 * is set. */
int instances_print(const struct view *v, const atomic_bool *ending, struct buf *out,
                    struct err *e);

#endif
