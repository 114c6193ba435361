/* QEMU's argument vector for a guest (QEMU 7.2 system emulator manual, "Invocation"). Pure.
 *
 * Files are named by role. In service each one is a descriptor that roostd opened below its own
 * directory (`-add-fd`, `-blockdev` on /dev/fdset/N, /proc/self/fd/N where QEMU uses plain fopen:
 * kernel, initrd, SMBIOS blob); in vm.sh it is a plain path. Nothing else differs. */
#ifndef BOOTSTRAP_QEMU_H
#define BOOTSTRAP_QEMU_H

#include "bootstrap/qemu_file.h"

/* 0, or -1: ERR_INVALID when launch and place do not fit. */
int qemu_args(const struct launch *l, const struct qemu_place *p, struct argv *out, struct err *e);

#endif
