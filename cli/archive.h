/* Backups as files (model/backup.h). */
#ifndef CLI_ARCHIVE_H
#define CLI_ARCHIVE_H

#include "model/backup.h"

/* Reads all of it and compares each file with what the manifest says; `into` >= 0: those that are
 * restored are written there too, 0600 and on disk. Nothing may follow the end. ERR_CONFLICT: of
 * another version; ERR_INVALID: no backup, or a damaged one. */
int archive_read(const char *path, int into, struct backup *ret, struct err *e);

#endif
