/* What ssh-keyscan(1) prints of an sshd that it asked. */
#ifndef SEEDS_KEYSCAN_H
#define SEEDS_KEYSCAN_H

#include <stddef.h>

#include "seeds/homecoming.h"

/* Lines of "HOST ALGORITHM BASE64"; the first key of each type counts. What is no key of a kind
 * that is kept is passed over, and so are comments. Returns how many were found; *ret holds them
 * and nothing else. */
int keyscan_parse(const char *text, size_t len, struct homecoming *ret);

#endif
