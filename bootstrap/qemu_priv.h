/* Between the files that render QEMU's arguments: qemu.c checks and orders, each of the others adds
 * the options of one noun. */
#ifndef BOOTSTRAP_QEMU_PRIV_H
#define BOOTSTRAP_QEMU_PRIV_H

#include "bootstrap/qemu_render.h"

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
