/* Files below directory descriptors; durable replacement; locks. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Reads a whole regular file of at most cap bytes (ERR_TOO_BIG beyond). dirfd may be AT_FDCWD. */
int file_read(int dirfd, const char *name, size_t cap, struct buf *ret, struct err *e);

/* Replaces `name` (one component) in dirfd durably: temp file in the same directory (O_EXCL, mode),
 * write, fsync, rename, fsync of the directory. Bytes and mode equal to what is there: nothing is
 * written and *ret_changed is false. ret_changed may be NULL. Nothing half-written ever stays. */
int file_replace(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
                 bool *ret_changed, struct err *e);

/* openat2 with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS and O_CLOEXEC.
 * Returns a descriptor or -1. */
int file_open_beneath(int dirfd, const char *path, int flags, mode_t mode, struct err *e);

/* Makes one directory below dirfd unless it exists (which must then be a directory); opens it. */
int dir_open_make(int dirfd, const char *name, mode_t mode, struct err *e);
/* mkdir -p of an absolute or relative path. */
int dir_make_all(const char *path, mode_t mode, struct err *e);
/* Removes a tree below dirfd without following links; absent is success. */
int dir_remove(int dirfd, const char *name, struct err *e);
int dir_sync(int dirfd, struct err *e);

/* Copies a file's bytes (reflink where the file system can, else copy_file_range), fsyncs it. */
int file_copy(int from, int to, struct err *e);

/* A lock that is held as long as any copy of the descriptor is open (flock(2)), made if missing.
 * Returns the descriptor (close-on-exec), or -1: ERR_BUSY when somebody else holds it. */
int lock_take(int dirfd, const char *name, struct err *e);
/* 1 held by somebody, 0 free (or absent), -1 error. Never keeps the lock. */
int lock_probe(int dirfd, const char *name, struct err *e);

/* Makes descriptors pass exec or not. */
int fd_cloexec(int fd, bool on, struct err *e);

#endif
