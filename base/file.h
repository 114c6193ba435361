/* Files below directory descriptors; durable replacement; locks. */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"

/* Reads a whole regular file of at most cap bytes (ERR_TOO_BIG beyond) in place of what `ret` held.
 * dirfd may be AT_FDCWD. */
int file_read(int dirfd, const char *name, size_t cap, struct buf *ret, struct err *e);

/* Replaces `name` (one component) in dirfd durably: temp file in the same directory (O_EXCL, mode),
 * write, fsync, rename, fsync of the directory. Bytes and mode equal to what is there: nothing is
 * written and *ret_changed is false. ret_changed may be NULL. Nothing half-written ever stays: the
 * temp file is ".NAME.tmp", and what a killed writer left of it goes with the next call. Two
 * writers of one name wait for each other. A symbolic link is replaced, not followed. */
int file_replace(int dirfd, const char *name, const void *data, size_t len, mode_t mode,
                 bool *ret_changed, struct err *e);

/* openat2 with RESOLVE_BENEATH | RESOLVE_NO_SYMLINKS | RESOLVE_NO_MAGICLINKS and O_CLOEXEC.
 * Returns a descriptor or -1. */
int file_open_beneath(int dirfd, const char *path, int flags, mode_t mode, struct err *e);

/* Makes one directory below dirfd unless it exists (which must then be a directory); opens it. */
int dir_open_make(int dirfd, const char *name, mode_t mode, struct err *e);
/* mkdir -p of an absolute or relative path; every directory made gets `mode` less the umask. */
int dir_make_all(const char *path, mode_t mode, struct err *e);
/* Removes a tree below dirfd without following links or entering mount points, 64 levels deep at
 * most; absent is success. */
int dir_remove(int dirfd, const char *name, struct err *e);
int dir_sync(int dirfd, struct err *e);
/* What a tree takes on its disk, bytes (st_blocks), as far as it can be read; 0: nothing is there. */
uint64_t dir_usage(const char *path);

/* Makes `to` a copy of `from` (reflink where the file system can, else copy_file_range; holes stay
 * holes), fsyncs it. Offsets of both descriptors are undefined afterwards. */
int file_copy(int from, int to, struct err *e);
/* The same, given up soon after *stop is set (by another thread): ERR_BUSY, `to` holds a part. */
int file_copy_until(int from, int to, const atomic_bool *stop, struct err *e);

/* A lock that is held as long as any copy of the descriptor is open (flock(2)), made if missing.
 * Returns the descriptor (close-on-exec), or -1: ERR_BUSY when somebody else holds it. */
int lock_take(int dirfd, const char *name, struct err *e);
/* 1 held by somebody, 0 free (or absent), -1 error. Never keeps the lock, but
 * holds it shared for an instant, in which a lock_take elsewhere can say ERR_BUSY. */
int lock_probe(int dirfd, const char *name, struct err *e);

/* Makes descriptors pass exec or not. */
int fd_cloexec(int fd, bool on, struct err *e);

#endif
