/* Ports of the host that lead to ports of an instance on a user network: QEMU listens there itself
 * (its word for one is hostfwd). What a shared network publishes is a struct forward. */
#ifndef MODEL_HOSTFWD_H
#define MODEL_HOSTFWD_H

#include <jansson.h>

#include "base/buf.h"
#include "base/msg.h"
#include "model/network.h"

#define HOSTFWDS_MAX 16 /* of an instance */

struct hostfwd {
    enum transport transport;
    struct endpoint at; /* on the host; 0.0.0.0: each of its addresses. IPv4, which is QEMU's limit */
    uint16_t port;      /* of the guest */
};

/* "[ADDRESS:]PORT:GUESTPORT[/tcp|/udp]", 127.0.0.1 unless said. ERR_INVALID. */
int hostfwd_parse(const char *s, struct hostfwd *ret, struct err *e);
#define HOSTFWD_TEXT (ENDPOINT_TEXT + 12)
/* "127.0.0.1:8080:80", "0.0.0.0:5353:53/udp": with the address, tcp left out. */
const char *hostfwd_format(const struct hostfwd *f, char out[HOSTFWD_TEXT]);
bool hostfwd_equal(const struct hostfwd *a, const struct hostfwd *b);
/* Both want one port of the host: one transport, and the same address or one of them each. */
bool hostfwd_clashes(const struct hostfwd *a, const struct hostfwd *b);
/* The same with what a shared network publishes, which is never on the loopback. */
bool hostfwd_clashes_forward(const struct hostfwd *a, const struct forward *b);
/* As QEMU's netdev option has it: ",hostfwd=tcp:127.0.0.1:8080-:80" for each. */
void hostfwds_option(const struct hostfwd *list, int n, struct buf *out);

/* Fleet form: a list of texts. Ones that clash: ERR_INVALID. Kept in order, so that another order is
 * no change. */
struct spot;
int value_hostfwds(const json_t *v, const struct spot *at, struct hostfwd ret[HOSTFWDS_MAX],
                   int *ret_n, struct err *e);
json_t *hostfwds_emit(const struct hostfwd *list, int n); /* new reference; NULL: there are none */

/* In the verb that launches. */
void hostfwds_encode(const struct hostfwd *list, int n, struct buf *out);
int hostfwds_decode(struct msg_cur *c, struct hostfwd ret[HOSTFWDS_MAX]); /* fails the cursor */
int hostfwds_check(const struct hostfwd *list, int n, struct err *e);

#endif
