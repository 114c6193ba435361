/* Files of somebody's that are guests' disks: where they may lie, and how they are opened; by core,
 * which looks at them, and by roostd, which hands them to QEMU. */
#ifndef SERVER_DRIVE_FILE_H
#define SERVER_DRIVE_FILE_H

#include <sys/stat.h>

#include "model/drive.h"
#include "server/config.h"

/* Opens d->file for reading, or for reading and writing: a regular file or a block device, and none
 * of roost's own. In system mode only what [launch] disk-directories has, without following links
 * below these (ERR_DENIED otherwise). A descriptor, or -1. */
int drive_file_open(const struct config *c, const char *file, bool writes, struct stat *ret,
                    struct err *e);

#endif
