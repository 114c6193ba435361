/* What the verbs' encoders and decoders (verb.c, verb_network.c) share: fields of one kind each.
 * A getter that meets what its putter never writes fails the cursor, as msg_get_bool() does. */
#ifndef MODEL_VERB_FIELD_H
#define MODEL_VERB_FIELD_H

#include "base/msg.h"
#include "model/addr.h"
#include "model/name.h"

/* "message VERB: FIELD is out of its range"; returns -1. */
int verb_wrong(const char *verb, const char *field, struct err *e);
int verb_check_name(const struct name *n, const char *what, struct err *e);

/* Enums travel as one byte; n is their count. */
void verb_put_enum(struct buf *b, unsigned v);
unsigned verb_get_enum(struct msg_cur *c, unsigned n);

/* Text for people, from logs and programs, at most 511 bytes: one line of printable ASCII by the
 * time it travels; what is not is replaced. */
#define VERB_TEXT_MAX 512
void verb_put_text(struct buf *b, const char *s, size_t size);
/* A line that travels as it is, or is refused. */
void verb_get_line(struct msg_cur *c, char *out, size_t size);

/* Addresses in bytes; no family is no bytes. An IPv4-mapped one is refused, since one address has
 * one value (addr.h), and so is a prefix with bits behind it. */
void verb_put_ip(struct buf *b, const struct ip *a);
void verb_get_ip(struct msg_cur *c, struct ip *ret);
void verb_put_cidr(struct buf *b, const struct cidr *c);
void verb_get_cidr(struct msg_cur *c, struct cidr *ret);
void verb_put_mac(struct buf *b, const struct mac *m);
void verb_get_mac(struct msg_cur *c, struct mac *ret); /* of one station, not all zero */

#endif
