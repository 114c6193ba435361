/* A power cut for SQLite: what a process wrote to its database and log since the last successful
 * xSync lives in the memory of that process only, so that SIGKILL drops it, as a power cut drops
 * the page cache of the kernel (a kill alone proves nothing: the kernel keeps what was written).
 *
 * All connections of the process see the pending bytes; other processes do not. Locks and the
 * shared-memory index stay with the unix VFS: the index is rebuilt by the next opener, since no
 * lock on it survives its process. A process that ends by exit() loses nothing, as no power was
 * cut.
 *
 *   ROOST_POWERCUT_COUNT=FILE   counts successful xSync calls in FILE: one 64-bit number in host
 * order, shared by all processes that name it ROOST_POWERCUT_SEED=N       at unsynced writes
 * pseudo-random pending sectors reach the disk early and out of order, torn at 512 bytes; 0 or
 * unset: none do ROOST_POWERCUT_NOSYNC=1     xSync reports success and makes nothing durable:
 * synchronous=OFF */
#ifndef POWERCUT_VFS_H
#define POWERCUT_VFS_H

/* Registers the shim over the default VFS and makes it the default. 0, or -1 with a line on stderr.
 */
int powercut_register(void);

#endif
