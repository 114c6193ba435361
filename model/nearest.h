/* "Did you mean": the known name that is nearest to what was written. */
#ifndef MODEL_NEAREST_H
#define MODEL_NEAREST_H

#include <stddef.h>

/* The name among names[0..n-1] at the smallest edit distance (optimal string alignment) if that is
 * at most 2 and at most half of the word's length; NULL: none is near. */
const char *nearest_name(const char *s, const char *const *names, size_t n);

#endif
