/* Where the values of a document stand, while it is read (base/yaml.c): a cursor goes through it
 * and leaves marks. Every function does nothing where the map is NULL. */
#ifndef BASE_YAML_MAP_H
#define BASE_YAML_MAP_H

#include <stddef.h>

#include "base/yaml.h"

struct yaml_map *yaml_map_new(void); /* NULL: out of memory */
/* Into a member, or an item; gives back where the cursor was, for yaml_map_leave(). */
size_t yaml_map_enter(struct yaml_map *m, const char *key);
size_t yaml_map_enter_item(struct yaml_map *m, size_t i);
void yaml_map_leave(struct yaml_map *m, size_t was);
/* What the cursor is at stands there; line and column from 1. */
int yaml_map_mark(struct yaml_map *m, size_t line, size_t column, struct err *e);
void yaml_map_read(struct yaml_map *m); /* the document has ended */

#endif
