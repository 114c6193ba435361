/* The catalogue of predefined images: where publishers have them, and what they are like. A file of
 * YAML, {NAME: {title, default-user, firmware, min-cpus, min-memory, min-disk, amd64: {url,
 * checksum}, arm64: …}}. */
#ifndef MODEL_CATALOGUE_H
#define MODEL_CATALOGUE_H

#include <jansson.h>

#include "base/yaml.h"

/* Every entry of the tree, with every architecture that it has, makes an image (model/image.h).
 * Messages begin with the place in the file. */
int catalogue_check(const json_t *tree, const char *file, const struct yaml_map *map,
                    struct err *e);
/* The words of an image that are {predefined: NAME, …}: what the entry says, and over it what is
 * said beside it. Words without `predefined` come back as they are. New reference; NULL: there is
 * no such entry, or not of that architecture (ERR_NOT_FOUND with what there is), or no memory.
 * `name` is the image's, for messages. */
json_t *catalogue_expand(const json_t *catalogue, const json_t *words, const char *name,
                         struct err *e);

#endif
