/* ssh_config(5) entries: HostName, Port, User, HostKeyAlias, UserKnownHostsFile, StrictHostKeyChecking yes. */
#ifndef ANSIBLE_SSHCONFIG_H
#define ANSIBLE_SSHCONFIG_H

#include "ansible/host.h"
#include "base/buf.h"

void sshconfig_banner(struct buf *out);
void sshconfig_add(struct buf *out, const struct host *h, const struct host_defaults *d);

#endif
