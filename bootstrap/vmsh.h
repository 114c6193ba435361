/* vm.sh: the same guest by plain paths, made for a person. It works without roost, puts serial and
 * monitor on the terminal (-nographic, Ctrl-a x ends), and refuses while roost runs the guest
 * (flock on instance.lock). It lies beside the disk and finds its files relative to itself. */
#ifndef BOOTSTRAP_VMSH_H
#define BOOTSTRAP_VMSH_H

#include "base/buf.h"
#include "bootstrap/qemu.h"

/* `binary` and `firmware_code` are absolute paths; firmware_code may be NULL without UEFI. */
int vmsh_render(const struct launch *l, const char *binary, const char *firmware_code,
                struct buf *out, struct err *e);

#endif
