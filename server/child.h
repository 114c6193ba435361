/* What roostd's children have in common: they hold the channel to it as descriptor 3 (and the state
 * directory's lock as 4) and end when it goes away. */
#ifndef SERVER_CHILD_H
#define SERVER_CHILD_H

#include <stdbool.h>

#include "base/err.h"

#define CHILD_CHANNEL_FD 3
#define CHILD_LOCK_FD    4
#define CHILD_ENV_LEVEL  "ROOST_LOG_LEVEL"
#define CHILD_ENV_TOPIC  "ROOST_DEBUG"

/* Options of a child (--version), the log under that name, the descriptors checked, signals and
 * rights set. Returns true to go on; false to exit with *ret_code. */
bool child_begin(int argc, char **argv, const char *name, int *ret_code);
/* Not dumpable, no new privileges, whatever is run from here on. */
int child_confine(struct err *e);
/* Soft RLIMIT_NOFILE to the hard one. */
void child_files(void);

#endif
