/* The cached verdict of the KVM probe (FILE_ACCEL): lines of accelerator, reason, how long a guest
 * was given, and the circumstances under which it holds. The first line is what vm.sh reads. */
#ifndef BOOTSTRAP_VERDICT_H
#define BOOTSTRAP_VERDICT_H

#include "base/buf.h"
#include "bootstrap/binary.h"
#include "model/verb.h"

struct circumstances {
    char boot_id[40];
    struct binary qemu;
    char qemu_version[64];
    int64_t limit_ms; /* what a guest is given; in a verdict 0 when there was no device to start it
                         on */
};
void verdict_render(const struct accel_report *r, const struct circumstances *c, struct buf *out);
/* -1: of other circumstances, or not such a file. That there is no KVM holds for who gives a guest
 * no longer than it had. */
int verdict_parse(const char *text, const struct circumstances *now, struct accel_report *ret);

#endif
