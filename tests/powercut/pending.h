/* What one file would look like if the power stayed: its real bytes under blocks that are pending.
 */
#ifndef POWERCUT_PENDING_H
#define POWERCUT_PENDING_H

#include <sqlite3.h>
#include <stdbool.h>

struct pending;

/* The pending state of a path, made at its first opening from the real file; kept until it is
 * forgotten, so that closing and opening again changes nothing. NULL: out of memory or an
 * unreadable file. */
struct pending *pending_open(const char *path, sqlite3_file *real);
void pending_close(struct pending *p);
/* The file was deleted: handles that are open keep what they see. */
void pending_forget(const char *path);
/* Size of a path with pending state, or -1. */
sqlite3_int64 pending_size_of(const char *path);

/* All return SQLite's codes; `real` is the caller's own descriptor of the file. */
int pending_read(struct pending *p, sqlite3_file *real, void *to, int n, sqlite3_int64 at);
int pending_write(struct pending *p, sqlite3_file *real, const void *from, int n, sqlite3_int64 at);
int pending_truncate(struct pending *p, sqlite3_int64 size);
sqlite3_int64 pending_size(struct pending *p);
/* Everything pending reaches the real file and is synced with flags. */
int pending_sync(struct pending *p, sqlite3_file *real, int flags);
/* Writes some pending sectors early; *seed is the state of the pseudo-random sequence. */
void pending_leak(struct pending *p, sqlite3_file *real, unsigned long long *seed);
/* Writes everything pending of all files by path, at a normal exit. */
void pending_flush_all(void);

#endif
