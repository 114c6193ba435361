/* A fleet file as a person writes it names files; the server gets their contents. */
#ifndef CLI_INLINE_H
#define CLI_INLINE_H

#include <jansson.h>

#include "base/yaml.h"
#include "model/layout.h"

/* Changes `tree` in place: public-keys that are paths become key lines (further keys of a file go
 * to the end of the list, so that the places of the others stay what `map` says), user-data and
 * vendor-data that are a path become its text or {"base64": …}, images' file, kernel and initrd and instances' cdrom
 * become absolute, the last without symbolic links too.
 * Relative paths start from `dir`, "~/" from the home directory. What has the wrong type is left
 * for fleet_parse() to name. Messages begin with "FILE:LINE:COLUMN: POINTER: ". */
int fleet_inline(json_t *tree, const char *file, const struct yaml_map *map, const char *dir,
                 struct err *e);

/* The same for one image of a CD-ROM. ERR_NOT_FOUND when it is certain that there is no such file. */
int medium_path(const char *path, const char *dir, char ret[PATH_SIZE], struct err *e);

#endif
