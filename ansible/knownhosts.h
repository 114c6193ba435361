/* known_hosts (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"): keys hang on the instance's name (HostKeyAlias), and
 * on its address, "[127.0.0.1]:2222" for other ports than 22. */
#ifndef ANSIBLE_KNOWNHOSTS_H
#define ANSIBLE_KNOWNHOSTS_H

#include "ansible/host.h"
#include "base/buf.h"

void knownhosts_banner(struct buf *out);
void knownhosts_add(struct buf *out, const struct host *h);

#endif
