/* What QEMU's user network forwards to a guest, from the text of `info usernet`. */
#ifndef BOOTSTRAP_USERNET_H
#define BOOTSTRAP_USERNET_H

#include "model/hostfwd.h"

#define USERNET_ROWS 64 /* more are not looked at */

struct usernet {
    int card; /* the first one on a user network: its netdev is net0, net1, …; -1: there is none */
    struct hostfwd rows[USERNET_ROWS]; /* that lead to it */
    int n;
};
/* Never fails: what is no forward is passed over. */
void usernet_read(const char *text, struct usernet *ret);
/* Host port of roost's own forward to guest_port, at 127.0.0.1; 0: none. The one on record where it
 * is there, else one that is not published: an instance may well publish that port too. */
unsigned usernet_own(const struct usernet *u, unsigned guest_port, unsigned recorded,
                     const struct hostfwd *published, int n);
bool usernet_has(const struct usernet *u, const struct hostfwd *f);

#endif
