/* Disks on the command line: --disk, --disk-bus, --cache, --volatile of the root disk, --add-disk
 * and
 * --remove-disk of the others. */
#ifndef CLI_DRIVE_H
#define CLI_DRIVE_H

#include "cli/command.h"

#include <jansson.h>

/* Puts `disk` and `disks`, as they are said, into `words` (fleet form); over those of `spec`, the
 * definition on record, NULL: none. */
int drives_said(const struct args *a, const json_t *spec, json_t *words, struct err *e);
/* Takes back what such an option said: 1 done, 0 it was not set, -1 not such an
 * option. */
int drive_unset(json_t *spec, const char *option);
/* The option that a place below an instance is about ("disk/bus"); NULL: none of these. */
const char *drive_option(const char *place);

#endif
