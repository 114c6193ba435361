/* How the members of an instance's row are shown. */
#ifndef CLI_INSTANCE_H
#define CLI_INSTANCE_H

#include <jansson.h>

#include "base/buf.h"

enum form { FORM_TEXT, FORM_NUMBER, FORM_SIZE, FORM_AGO, FORM_LIST, FORM_BOOL };
/* A value as people read it; false: there is nothing to show. */
bool put_value(const json_t *v, enum form form, struct buf *out);

#endif
