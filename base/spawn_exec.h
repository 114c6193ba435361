/* The start of a program: the way from vfork to exec. Part of base/spawn.c. */
#ifndef BASE_SPAWN_EXEC_H
#define BASE_SPAWN_EXEC_H

#include "base/spawn.h"

/* Starts the program with descriptors std[0..2] (>= 0) as 0, 1, 2 and what `o` says of `fds`,
 * `env`, session and limits. Returns when it runs: a failure up to exec is an error here, and
 * nothing is left of the child. */
pid_t spawn_exec(const struct argv *a, const struct spawn_opts *o, const int std[3], struct err *e);

/* In the child, before exec: spawn_opts.user; system calls only. -1 with errno. */
int spawn_become(const struct spawn_user *u);
/* In the child, before exec: spawn_opts.caps. -1 with errno. */
int spawn_keep_caps(uint64_t keep);

#endif
