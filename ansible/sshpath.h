/* Paths as ssh_config(5) reads them, in files and behind -o: quotes and backslashes are escaped
 * (OpenSSH 8.7 and later), "%" begins a token, "${" a variable of the environment. */
#ifndef ANSIBLE_SSHPATH_H
#define ANSIBLE_SSHPATH_H

#include "base/buf.h"

/* 0 when the path can be written at all: no control bytes, and no "${", for which ssh has no
 * escape. -1: ERR_INVALID. */
int sshpath_check(const char *path, struct err *e);
/* One word, in double quotes where it needs them. */
void sshpath_word(struct buf *out, const char *path);
/* What stands between the quotes: for those who put quotes around it themselves. */
void sshpath_quoted(struct buf *out, const char *path);
/* " -o OPTION=PATH", quoted once for ssh and once for whoever splits the arguments as a shell does.
 */
void sshpath_option(struct buf *out, const char *option, const char *path);
/* The options that make ssh take a host's key from this known_hosts and from nowhere else. */
void sshpath_strict(struct buf *out, const char *known_hosts);

#endif
