/* Processes that hang together: what a program has started, whatever became of its own children. */
#ifndef ANSIBLE_FAMILY_H
#define ANSIBLE_FAMILY_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/* From now on whoever loses his parent among our descendants becomes our child, a daemon's double
 * fork and setsid(2) included (PR_SET_CHILD_SUBREAPER). */
int family_adopt(struct err *e);
/* Ends every descendant of this process: SIGTERM, after grace_ms SIGKILL. Blocks until they are
 * gone (our own children stay to be waited for). */
void family_end(int64_t grace_ms);
/* Ends every process of a session (SIGKILL). The caller knows that the session has one: else its
 * number may be another's by now. */
void family_end_session(pid_t session);

#endif
