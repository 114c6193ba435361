/* Hooks, on core's side: a reactor over the events with a cursor for each hook, so that every event
 * it is to hear reaches its program at least once, in order, behind the commit. roostd runs the
 * programs (server/hooks.h). */
#ifndef SERVER_CORE_HOOK_H
#define SERVER_CORE_HOOK_H

#include "server/core_priv.h"

#define HOOK_LOG_CAP (256u << 10) /* bytes of a hook's log before it is put aside once */

int core_hooks_new(struct core *c, struct err *e); /* nothing where none is configured */
void core_hooks_begin(struct core *c);             /* everybody may speak */
void core_hooks_committed(struct core *c);
void core_hooks_free(struct core *c);
/* HOOK_DONE from roostd. */
void core_hook_done(struct core *c, uint32_t id, const struct hook_done *m);

/* [{name, command, events, behind, running, attempt, delivered, given-up, fault, log}] */
json_t *core_hooks_json(struct core *c);
void core_hooks_faults(struct core *c, json_t *list);
/* name "": all of them; fn for each with its fault ("" none). */
void core_hooks_each(struct core *c, void (*fn)(const struct hook *h, const char *fault, void *arg),
                     void *arg);

/* --- core_hook_text.c --- */
/* What a program reads: {"schema": 1, "hook", "attempt", "event": {…}, "instance": {…} or null}. */
int core_hook_text(struct core *c, const struct hook *h, const struct event *ev, unsigned attempt,
                   struct buf *out, struct err *e);
/* STATE/hooks/NAME.log, and what one attempt wrote at its end. */
void core_hook_log_path(const struct config *c, const struct hook *h, char ret[PATH_SIZE + 96]);
void core_hook_log(struct core *c, const struct hook *h, const struct event *ev, unsigned attempt,
                   const struct hook_done *m);

#endif
