/* QEMUs, on roostd's side: the verbs launch, kill, adopt and vm.sh carried out, ends noticed.
 *
 * A QEMU holds its instance's lock as long as it lives (an inherited descriptor), so "does it run"
 * never depends on pids, boots or clocks. It outlives roostd and is adopted by the next. */
#ifndef SERVER_GUESTS_H
#define SERVER_GUESTS_H

#include "base/loop.h"
#include "server/config.h"
#include "server/place.h"
#include "server/proto.h"

struct guests;
/* Sends to core; `b` is emptied. Nothing happens while core is away. */
typedef void guests_send_fn(enum proto_type t, uint32_t id, struct buf *b, void *arg);
/* The same with a descriptor beside it, which stays the caller's; -1: with none. */
typedef void guests_send_fd_fn(enum proto_type t, uint32_t id, struct buf *b, int fd, void *arg);

/* config, place and nets are borrowed. Starts the accelerator's probe, whose verdict launches wait
 * for.
 */
struct nets;
struct guests *guests_new(struct loop *l, const struct config *c, const struct place *p,
                          struct nets *nets, guests_send_fn *send, guests_send_fd_fn *send_fd,
                          void *arg, struct err *e);
void guests_free(struct guests *g); /* NULL is fine; the QEMUs run on */

/* A verb from core. -1: the message does not decode, which is a reason to end core. */
int guests_launch(struct guests *g, uint32_t id, struct msg_cur *c, struct err *e);
int guests_kill(struct guests *g, uint32_t id, struct msg_cur *c, struct err *e);
int guests_adopt(struct guests *g, uint32_t id, struct msg_cur *c, struct err *e);
int guests_vmsh(struct guests *g, uint32_t id, struct msg_cur *c, struct err *e);
int guests_medium(struct guests *g, uint32_t id, struct msg_cur *c, struct err *e);
int guests_reprobe(struct guests *g, uint32_t id, struct msg_cur *c, struct err *e);
/* Core was started: tells the verdict, if there is one. */
void guests_core_came(struct guests *g);
/* Core is gone: launches that still wait for the probe are off, the next core asks anew. */
void guests_core_gone(struct guests *g);
void guests_dump(const struct guests *g);

#endif
