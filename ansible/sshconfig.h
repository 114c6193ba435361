/* ssh_config(5) entries: HostName, Port, User, HostKeyAlias, UserKnownHostsFile,
 * StrictHostKeyChecking yes. */
#ifndef ANSIBLE_SSHCONFIG_H
#define ANSIBLE_SSHCONFIG_H

#include "ansible/host.h"
#include "base/buf.h"

void sshconfig_banner(struct buf *out);
/* A host without an address gets a comment in place of an entry; so does what ssh cannot be told (a
 * user that is a template, a path with "${"). */
void sshconfig_add(struct buf *out, const struct host *h, const struct host_defaults *d);

#endif
