/* The one table of the words of an instance, for reading, emitting and comparing
 * (model/instance.c). */
#ifndef MODEL_INSTANCE_FIELD_H
#define MODEL_INSTANCE_FIELD_H

#include "model/spec.h"
#include "model/words.h"

enum {
    FIELD_OWN = 1,   /* can be true of one instance only: not for `defaults`, not with `count` */
    FIELD_ROOST = 2, /* about roost's own launching: not for `launcher: external` */
    FIELD_FIXED = 4, /* never changes once the instance is on record */
};

struct field {
    struct word word;
    unsigned flags;
    enum change change; /* what another value asks for */
    /* Where that depends: the whole old and new canonical forms; NULL: `change` holds. */
    enum change (*judge)(const json_t *old, const json_t *new_);
};

/* Rows of struct field over a struct spec. `count` is known here and read by fleet.c. */
extern const struct words spec_words;
const struct field *spec_field(size_t i);

#endif
