/* How each kind of step is remembered, done and undone. Part of netcfg/link*.c. */
#ifndef NETCFG_LINK_STEP_H
#define NETCFG_LINK_STEP_H

#include "netcfg/link_msg.h"

/* What is to be changed of a link. */
struct link_set {
    int index;
    const struct mac *mac; /* NULL: as it is, also below */
    unsigned mtu;          /* 0 */
    const char *alias;
    int master; /* LINK_KEEP, 0: none */
    int up;     /* LINK_KEEP, 0, 1 */
};
enum { LINK_KEEP = -1 };
/* In one message; on an error it may be done in part. `what`: "bridge rb-lab". */
int link_set(struct netlink *n, const struct link_set *s, const char *what, struct err *e);

int link_no_memory(struct err *e);
int link_conflict(const char *name, struct err *e); /* somebody else's is left alone */
/* Takes the step's bridge, which has to be there and ours. */
int link_own_bridge(struct netlink *n, const struct step *s, const char *alias,
                    struct fact_link *ret, struct err *e);
/* Takes a link that has to be there. */
int link_need(struct netlink *n, const char *name, struct fact_link *ret, struct err *e);
/* A port of `bridge`, up; fine when it is already. ERR_CONFLICT: a port of another. */
int link_join(struct netlink *n, const struct fact_link *port, const struct fact_link *bridge,
              struct err *e);
/* Down again, unless somebody uses it by now: addresses, links on it, a master. */
int link_lower(struct netlink *n, const char *name, struct err *e);

/* Tells the link's neighbours that an address (IPv4) lives there now. Never fails. */
void link_announce(const struct fact_link *link, const struct ip *ip);

int move_remember(struct netlink *n, const struct step *s, struct buf *ret_undo, struct err *e);
int move_do(struct netlink *n, const struct step *s, const char *alias, const char *undo,
            struct err *e);
int move_undo(struct netlink *n, const struct step *s, const char *alias, const char *undo,
              struct err *e);

#endif
