/* A password that somebody types or pipes in, and what is kept of it. */
#ifndef CLI_PASSWORD_H
#define CLI_PASSWORD_H

#include "base/err.h"

/* Asks twice on the terminal without showing it; where standard input is none, reads its first
 * line. Hashes it by yescrypt (crypt(5)): the hash is to be freed. The password itself is wiped. */
int password_ask(const char *whose, char **ret_hash, struct err *e);
/* crypt(3) with a fresh salt. ERR_INVALID: empty, or with a control byte. */
int password_hash(const char *password, char **ret, struct err *e);

#endif
