/* Headers of tar archives (POSIX.1-1988 ustar), regular files only: what a backup is made of, so
 * that tar(1) reads it too. Reading is strict: what this does not write it refuses. */
#ifndef BASE_TAR_H
#define BASE_TAR_H

#include <stdint.h>

#include "base/err.h"

#define TAR_BLOCK    512
#define TAR_NAME_MAX 99
#define TAR_OCTAL_MAX ((UINT64_C(1) << 33) - 1) /* eleven octal digits; beyond, as GNU tar: */
#define TAR_SIZE_MAX  ((UINT64_C(1) << 62) - 1) /* the number itself, behind a byte 0x80 */

struct tar_member {
    char name[TAR_NAME_MAX + 1]; /* one component: no slash, no leading dot */
    uint64_t size;               /* bytes; the next header is at the next multiple of TAR_BLOCK */
    int64_t mtime_s;
};

/* A member's header; it is 0600 and nobody's in particular. ERR_INVALID for a name that does not
 * fit, ERR_TOO_BIG for a size that does not. */
int tar_header(const struct tar_member *m, uint8_t out[TAR_BLOCK], struct err *e);
/* 1 and the member, 0 for a block of zeros (two of them end an archive), -1 with ERR_INVALID. */
int tar_parse(const uint8_t block[TAR_BLOCK], struct tar_member *ret, struct err *e);
/* Bytes between a member's end and the next block. */
unsigned tar_padding(uint64_t size);

#endif
