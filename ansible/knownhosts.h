/* known_hosts (sshd(8), "SSH_KNOWN_HOSTS FILE FORMAT"): keys hang on the instance's name
 * (HostKeyAlias), and on its address, "[127.0.0.1]:2222" for other ports than 22. One line per key.
 */
#ifndef ANSIBLE_KNOWNHOSTS_H
#define ANSIBLE_KNOWNHOSTS_H

#include "ansible/host.h"
#include "base/buf.h"

void knownhosts_banner(struct buf *out);
/* The address stands beside the name only while it is the host's (host_holds_address): ssh takes
 * any of the keys that it finds under an address, so whoever had the port before must not answer
 * for whoever has it now. */
void knownhosts_add(struct buf *out, const struct host *h);

#endif
