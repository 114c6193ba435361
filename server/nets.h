/* Networks, on roostd's side: plans them on this host, carries out and takes back single steps,
 * keeps dnsmasq and seed sockets, opens taps. Nothing here must survive: the ledger of what was
 * changed is core's, links and rules are the kernel's, dnsmasq outlives roostd and is found again.
 */
#ifndef SERVER_NETS_H
#define SERVER_NETS_H

#include "base/loop.h"
#include "server/config.h"
#include "server/place.h"
#include "server/proto.h"

struct nets;
struct nets_opts {
    const struct config *config; /* borrowed, as all here */
    const struct place *place;
    const char *libexec; /* where roost-lease is */
    /* Sends to core; `b` is emptied. Nothing happens while core is away. */
    void (*send)(enum proto_type t, uint32_t id, struct buf *b, void *arg);
    /* A seed socket of a network came, or is gone (fd -1): front is to know. The descriptor stays
     * the network's. */
    void (*listener)(uint16_t number, const struct endpoint *at, int fd, void *arg);
    void *arg;
};

struct nets *nets_new(struct loop *l, const struct nets_opts *o, struct err *e);
void nets_free(struct nets *n); /* NULL is fine; links, rules and dnsmasqs stay */

/* Verbs from core. -1: the message does not decode, which is a reason to end core. */
int nets_plan(struct nets *n, uint32_t id, struct msg_cur *c, struct err *e);
int nets_look(struct nets *n, uint32_t id, struct msg_cur *c, struct err *e); /* plans, keeps nothing */
int nets_do(struct nets *n, uint32_t id, struct msg_cur *c, struct err *e);
int nets_undo(struct nets *n, uint32_t id, struct msg_cur *c, struct err *e);
int nets_reload(struct nets *n, uint32_t id, struct msg_cur *c, struct err *e);  /* SIGHUP */
int nets_release(struct nets *n, uint32_t id, struct msg_cur *c, struct err *e); /* a lease */
int nets_check(struct nets *n, uint32_t id, struct msg_cur *c, struct err *e);   /* the doctor */

/* A tap for QEMU, of a card of the launch: 0 the first, then its further ones. ERR_CONFLICT: the
 * network is not up. */
int nets_tap(struct nets *n, const struct launch *l, int card, struct err *e);

/* Tells a new front of all seed sockets. */
void nets_front_came(struct nets *n);
void nets_dump(const struct nets *n);

#endif
