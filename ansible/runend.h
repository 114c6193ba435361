/* How a run ended, as it is written down in its directory. */
#ifndef ANSIBLE_RUNEND_H
#define ANSIBLE_RUNEND_H

#include "ansible/runner.h"

#define RUNEND_MAX (8u << 10)

int runend_render(const struct runner_end *end, struct buf *out, struct err *e);
/* ERR_INVALID: no such document. */
int runend_parse(const char *text, size_t len, struct runner_end *ret, struct err *e);
/* "NAME: what it means" of exit_code and signal, where nothing better is known. */
void runend_reason(struct runner_end *end);
/* One line of what Ansible said on stderr: from its last "ERROR" on. "" when there is none. */
void runend_error(const char *text, char *out, size_t size);

#endif
