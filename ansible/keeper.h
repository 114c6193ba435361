/* What roost-run does: sees one ansible-playbook through (ansible/runner.h has the whole story). */
#ifndef ANSIBLE_KEEPER_H
#define ANSIBLE_KEEPER_H

#include <stdint.h>

#include "base/spawn.h"

/* Descriptor of the outcome lines in Ansible's process; that of the lock is the next one. */
#define KEEPER_OUTCOME_FD 3

struct keeper_opts {
    const char *directory; /* of the run */
    const char *work;      /* working directory of the command */
    int64_t limit_ms;      /* 0: none */
    uint64_t log_max;
    int lock_fd; /* the held lock, handed on to the command */
};
/* Runs until the command and all that it started have ended and `end` is written. -1: it could not
 * even begin to (nothing was started), or the end could not be written. */
int keeper_run(const struct keeper_opts *o, const struct argv *command, struct err *e);

#endif
