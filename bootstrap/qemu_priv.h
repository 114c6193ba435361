/* Between the files that render QEMU's arguments: qemu.c checks and orders, the others add the
 * options of one noun each. */
#ifndef BOOTSTRAP_QEMU_PRIV_H
#define BOOTSTRAP_QEMU_PRIV_H

#include "base/buf.h"
#include "bootstrap/qemu.h"

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
/* One -blockdev for the file (node NODE-file) and one for its format above it (node NODE), with
 * `options` (",name=value" or "") for both and `above` for the upper one alone. A disk's format is
 * told here, never guessed by QEMU. */
void qemu_blockdev(struct render *r, enum qemu_file f, const char *node, const char *format,
                   const char *options, const char *above);

/* ",bootindex=N" for a device that the guest may boot from; nothing for others. */
void qemu_put_bootindex(struct buf *b, const struct launch *l, enum boot device);

/* qemu_display.c: a display with a keyboard and a tablet, devices of the host, and last of all what
 * an operator adds. */
void qemu_add_display(struct render *r);
void qemu_add_video(struct render *r);
void qemu_add_host_devices(struct render *r);
void qemu_add_arguments(struct render *r);
void qemu_add_machine(struct render *r); /* qemu_machine.c */
void qemu_add_firmware(struct render *r);
void qemu_add_kernel(struct render *r);
void qemu_add_disks(struct render *r);   /* qemu_disk.c */
void qemu_add_media(struct render *r);   /* qemu_media.c */
void qemu_add_network(struct render *r); /* qemu_net.c */

#endif
