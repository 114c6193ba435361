/* vm.sh: the same guest by plain paths, made for a person. It works without roost, puts serial and
 * monitor on the terminal (-nographic, Ctrl-a x ends), and refuses while roost runs the guest
 * (flock on instance.lock). It lies beside the disk and finds its files relative to itself. */
#ifndef BOOTSTRAP_VMSH_H
#define BOOTSTRAP_VMSH_H

#include "base/buf.h"
#include "bootstrap/qemu.h"

/* `binary` and `firmware_code` are absolute paths; firmware_code may be NULL without UEFI. directory:
 * the guest's own, for a script that lies elsewhere; NULL: beside it. */
int vmsh_render(const struct launch *l, const char *binary, const char *firmware_code,
                const char *directory, struct buf *out, struct err *e);

/* For scripts of other kinds: the paths of its disks, beside the script, and of what takes the writes
 * of volatile ones; and the commands that make these. */
void vmsh_disks(const struct launch *l, struct qemu_place *p, char (*name)[DRIVE_NAME_SIZE]);
void vmsh_volatiles(struct buf *out, const struct launch *l, const struct qemu_place *p);

#endif
