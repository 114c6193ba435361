/* qemu-img as core starts it: unprivileged, on its own, with limits of time and memory. What it is
 * asked is in bootstrap/disk.h. */
#ifndef SERVER_CORE_QEMU_IMG_H
#define SERVER_CORE_QEMU_IMG_H

#include "base/spawn.h"
#include "server/core_priv.h"

#define QEMU_IMG_QUICK_MS   60000   /* to look, create, grow, rename a base */
#define QEMU_IMG_CONVERT_MS 3600000 /* to read all of a disk */

/* The program, as configured; or a name that is looked up in PATH. */
const char *qemu_img(const struct core *c);
/* Its output is captured. max_file: no file of more bytes than that is written; 0: no limit.
 * NULL with ERR_NOT_FOUND: it is not installed, and *e says from which package it comes. */
struct child *qemu_img_start(struct core *c, const struct argv *a, int64_t limit_ms,
                             uint64_t max_file, child_done_fn *done, void *arg, struct err *e);
/* It did what it was asked, or an error of that kind: "WHAT: qemu-img: how it ended: its first
 * line". */
int qemu_img_check(const struct spawn_exit *x, enum err_kind kind, const char *what, struct err *e);

#endif
