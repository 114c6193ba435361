/* vm.sh for a Mac: the same guest under Homebrew's QEMU, with macOS' own networks (QEMU 7.2 manual,
 * "-netdev vmnet-…", since QEMU 7.1) and the Hypervisor framework. It finds the guest's files
 * beside itself, and says at its head which those are. Pure. */
#ifndef BOOTSTRAP_MACSH_H
#define BOOTSTRAP_MACSH_H

#include "base/buf.h"
#include "model/network.h"
#include "model/verb.h"

/* What the files are called beside it. */
#define MACSH_BASE   "base"
#define MACSH_KERNEL "kernel"
#define MACSH_INITRD "initrd"

/* `n` is the network of the launch; bridged ones are on the Mac's en0 unless IFNAME says. state:
 * the state directory on this host, for the lines that fetch the files. ERR_INVALID as of
 * qemu_args(). */
int macsh_render(const struct launch *l, const struct network *n, const char *state,
                 struct buf *out, struct err *e);

#endif
