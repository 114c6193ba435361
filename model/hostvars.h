/* Ansible host variables as an operator writes them: names that Ansible takes, JSON values. */
#ifndef MODEL_HOSTVARS_H
#define MODEL_HOSTVARS_H

#include <jansson.h>

#include "model/spot.h"

#define HOSTVARS_MAX      256
#define HOSTVARS_TEXT_MAX (64u << 10) /* bytes of all of them as compact JSON */

/* Checks j (an object) and returns it merged over `under` (NULL: nothing), keys sorted at every
 * level; neither is changed. Names: [A-Za-z_][A-Za-z0-9_]{0,127}, no Python keyword, none of
 * Ansible's own variables; of those that begin with ansible_ only what does not take away what
 * roost decides (how the host is reached and by which key it is known). NULL on failure. */
json_t *hostvars_merge(const json_t *under, const json_t *j, const struct spot *at, struct err *e);

#endif
