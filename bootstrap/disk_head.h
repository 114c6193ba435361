/* What the beginning of a disk image tells, before anybody copies it or boots from it. */
#ifndef BOOTSTRAP_DISK_HEAD_H
#define BOOTSTRAP_DISK_HEAD_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* As much of a file as is looked at: btrfs keeps its mark behind 64 KiB. */
#define DISK_HEAD_SIZE 69632

/* What is surely no disk (text, an archive, something that is still compressed, a part of a
 * sector): ERR_INVALID with what would be right. 0: it may be one; *ret_marked whether something
 * says so: a partition table or boot sector, a file system, ISO 9660, an image format of QEMU's.
 * len: DISK_HEAD_SIZE or the whole file. */
int disk_head_check(const void *head, size_t len, uint64_t file_size, bool *ret_marked,
                    struct err *e);

#endif
