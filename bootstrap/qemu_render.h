/* Pieces of QEMU's arguments that more than one noun is made of. */
#ifndef BOOTSTRAP_QEMU_RENDER_H
#define BOOTSTRAP_QEMU_RENDER_H

#include "base/buf.h"
#include "bootstrap/qemu_file.h"

/* What is common to the steps below. */
struct render {
    const struct launch *l;
    const struct qemu_place *p;
    struct argv *out;
};

/* Adds an option and its value; a value that is out of memory is told by out->failed. */
void qemu_opt(struct render *r, const char *name, const char *value);
void qemu_opt_buf(struct render *r, const char *name, const struct buf *value);
/* Text inside an option: QEMU's parser takes a doubled comma for one ("keyval" and QemuOpts alike).
 */
void qemu_put_text(struct buf *b, const char *s);
/* The name under which QEMU opens the file; fdset N is number N of enum qemu_file. */
void qemu_put_file(struct buf *b, const struct qemu_place *p, enum qemu_file f);
/* The first of the two that qemu_blockdev() makes, alone. */
void qemu_blockdev_file(struct render *r, enum qemu_file f, const char *node, const char *options);
/* One -blockdev for the file (node NODE-file) and one for its format above it (node NODE), with
 * `options` (",name=value" or "") for both and `above` for the upper one alone. A disk's format is
 * told here, never guessed by QEMU. */
void qemu_blockdev(struct render *r, enum qemu_file f, const char *node, const char *format,
                   const char *options, const char *above);

/* ",bootindex=N" for a device that the guest may boot from; nothing for others. */
void qemu_put_bootindex(struct buf *b, const struct launch *l, enum boot device);

#endif
