/* What a plain YAML scalar means: the core schema (YAML 1.2 section 10.3.2), but numbers with a
 * leading zero are strings (file modes, ids). Inside base/yaml*.c only. */
#ifndef BASE_YAML_SCALAR_H
#define BASE_YAML_SCALAR_H

#include <stdbool.h>

#include <jansson.h>

/* A new reference. NULL: no memory, or a number that 64 bits or JSON cannot hold. */
json_t *yaml_scalar_resolve(const char *s);
bool yaml_scalar_is_number(const char *s); /* infinity and not-a-number included */

#endif
