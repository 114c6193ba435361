/* roost's callback plugin for Ansible ("Developing plugins", callback plugins): it writes what
 * became of each host as JSON lines to the descriptor that ROOST_OUTCOME_FD names, whatever
 * stdout_callback and language are; without that variable it does nothing. What Ansible marks
 * no_log never passes it. The program carries it and writes it into a directory that Ansible is
 * told. */
#ifndef ANSIBLE_PLUGIN_H
#define ANSIBLE_PLUGIN_H

#include <stdbool.h>

#include "base/err.h"

#define PLUGIN_FILE   "roost_outcome.py"
#define PLUGIN_FD_ENV "ROOST_OUTCOME_FD"

/* Keeps the file in dirfd as this build has it (file_replace()). ret_changed may be NULL. */
int plugin_write(int dirfd, bool *ret_changed, struct err *e);

#endif
