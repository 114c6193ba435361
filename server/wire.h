/* What follows from a commit: reactors, one table (server/wire.c). A reactor is level-triggered and
 * idempotent: events mark it dirty in the store, inside the transaction that made it due; it runs
 * coalesced, off the loop, and its mark goes when it has done its work. A failing one is a fault
 * that shows and is tried again; it never holds anybody up. */
#ifndef SERVER_WIRE_H
#define SERVER_WIRE_H

#include "base/buf.h"
#include "model/event.h"

struct core;
struct wire;

int wire_new(struct core *c, struct err *e);
void wire_free(struct core *c);
/* Inside a transaction: marks the reactors that this kind of event wakes. */
int wire_mark(struct core *c, enum event_kind k, struct err *e);
/* All of them, e.g. after apply. */
int wire_mark_all(struct core *c, struct err *e);
/* After a commit: arms what is due. */
void wire_arm(struct core *c);
/* Runs all of them now; `done` when they are through. err is the first failure. */
void wire_run_all(struct core *c, void (*done)(const struct err *err, unsigned changed, void *arg),
                  void *arg);
/* Once a second: checkpoints. */
void wire_tick(struct core *c);
/* "" or the last failure of a reactor, for status. */
const char *wire_fault(const struct core *c);

#endif
