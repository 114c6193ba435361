/* Key pairs of SSH's as OpenSSH keeps them in a file (OpenSSH: PROTOCOL.key). */
#ifndef MODEL_KEYPAIR_H
#define MODEL_KEYPAIR_H

#include "base/buf.h"
#include "model/hostkey.h"

#define KEYPAIR_FILE_MAX (16u << 10)

/* Appends a fresh ed25519 private key without a passphrase: the text of its file. `comment` has at
 * most 64 bytes. The caller wipes the buffer. */
int keypair_make(const char *comment, struct buf *out, struct err *e);
/* The public half that such a file tells in the clear, whatever kind of key it is. ERR_INVALID: it
 * is no private key in OpenSSH's form, or one with a passphrase; nothing of it is in the message.
 */
int keypair_public(const char *text, size_t len, struct hostkey *ret, struct err *e);

#endif
