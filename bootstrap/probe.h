/* Which accelerator works here. /dev/kvm may open, even answer, and then abort or hang when a guest
 * really runs, so the probe boots real guest code: QEMU on KVM with the machine and CPU that guests
 * get, 5 s at most. On amd64 a boot sector goes through the BIOS (int 10h, int 13h), switches to
 * protected mode and leaves through isa-debug-exit; on arm64 code in flash touches memory, waits
 * for a timer's interrupt, says so on its serial port and powers off by PSCI. Anything but the
 * agreed exit code and words means TCG, with the reason. */
#ifndef BOOTSTRAP_PROBE_H
#define BOOTSTRAP_PROBE_H

#include <sys/types.h>

#include "base/loop.h"
#include "model/verb.h"

struct probe;
struct probe_opts {
    enum arch arch;   /* the host's, and so the guest code's */
    const char *qemu; /* binary of that architecture: path or name */
    const char *kvm;  /* "/dev/kvm"; tests give another */
    int state_dir;    /* where the verdict is cached (FILE_ACCEL), -1: nowhere */
    bool forced;      /* an accelerator is given by configuration: no probe, only QEMU's version */
    enum accel force;
    int64_t limit_ms; /* of the guest: 5000; QEMU's --version may take four times that */
};
typedef void probe_done_fn(const struct accel_report *r, void *arg);

/* Answers from the cache (same boot_id, same QEMU binary by path, size, mtime, and version; "no
 * KVM" only if a guest was started and had no less than limit_ms) or runs the probe. `done` is
 * called once from the loop. A missing QEMU is an answer too: qemu_version is empty. */
struct probe *probe_start(struct loop *l, const struct probe_opts *o, probe_done_fn *done,
                          void *arg, struct err *e);
void probe_cancel(struct probe *p); /* NULL is fine */

/* What can be seen of the device without running a guest: a verdict holds for no other. */
struct kvm_sight {
    int error; /* of opening it; 0: it opens */
    dev_t dev, rdev;
    ino_t ino;
};
void kvm_look(const char *kvm, struct kvm_sight *ret);
bool kvm_same(const struct kvm_sight *a, const struct kvm_sight *b);

#endif
