/* roost-unbundle: reads one bundle (model/bundle.h), in a process of its own without rights that
 * lives as long as that. It gets descriptors and no paths: the bundle is standard input, each part
 * goes to UNBUNDLE_PART_FD + its number (files of no length), what it tells to UNBUNDLE_SAY_FD.
 *
 * out, lines: progress BYTES TOTAL (0: not known) · error KIND TEXT · bundle JSON (the manifest,
 * every field checked, without extents; last, and only if all of the bundle is right) */
#ifndef SERVER_UNBUNDLE_H
#define SERVER_UNBUNDLE_H

#include "model/bundle.h"

#define UNBUNDLE_PART_FD  3
#define UNBUNDLE_SAY_FD   (UNBUNDLE_PART_FD + BUNDLE_PARTS)
#define UNBUNDLE_LINE_MAX (BUNDLE_MANIFEST_MAX + 64)

/* 0 when all is right; tells as above. */
int unbundle_run(int from);
/* An overlay as this roost makes them: qcow2 without encryption, without a data file of its own, of
 * that size. What it names as its base does not count: QEMU is told. ERR_INVALID. */
int unbundle_overlay(int fd, uint64_t *ret_size, struct err *e);

#endif
