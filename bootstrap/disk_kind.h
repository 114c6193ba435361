/* Which format a disk file has, by its content, before QEMU sees it: QEMU would look for itself,
 * and open what the file names. */
#ifndef BOOTSTRAP_DISK_KIND_H
#define BOOTSTRAP_DISK_KIND_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "model/image.h"

struct disk_kind {
    const char *qemu;        /* its name for -f */
    enum disk_format format; /* DISK_NONE: to be converted first */
};
/* `head` as of disk_head_check(). What names another file (a backing or data file, extents, a
 * parent), is encrypted, or cannot be looked at: ERR_INVALID with what would be right. */
int disk_kind_of(const void *head, size_t len, const struct disk_kind **ret, struct err *e);
/* How large a disk the guest sees, bytes; 0: it is not to be told from the head (what is converted
 * first). */
uint64_t disk_kind_size(const struct disk_kind *k, const void *head, size_t len,
                        uint64_t file_size);

#endif
