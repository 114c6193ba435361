/* The guest code of the KVM probe, and the machine that runs it: one for each architecture, since
 * KVM runs the host's own alone. */
#ifndef BOOTSTRAP_PROBE_BOOT_H
#define BOOTSTRAP_PROBE_BOOT_H

#include <stddef.h>

#include "base/spawn.h"
#include "model/verb.h"

struct probe_boot {
    const void *code;
    size_t size;
    long image;              /* bytes of the image that begins with it; zeros beyond */
    const char *machine;     /* options of -machine, beside those that guests get */
    const char *const *args; /* up to NULL; the image is the block node "image" */
    /* It ran to its end when QEMU ended with this exit code, and this alone on its standard output
     * (NULL: whatever there is). */
    int status;
    const char *said;
};
extern const struct probe_boot probe_boot_amd64, probe_boot_arm64;
const struct probe_boot *probe_boot_of(enum arch a);

/* QEMU's arguments after its name: machine, CPU and memory as guests get them (bootstrap/qemu.c).
 * `image`: the file's name, /dev/fdset/N too; without commas. */
void probe_boot_args(enum arch a, enum accel accel, const char *image, struct argv *out);

#endif
