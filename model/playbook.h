/* What Ansible runs for a guest that came home, and when: words of the fleet file. */
#ifndef MODEL_PLAYBOOK_H
#define MODEL_PLAYBOOK_H

#include "base/err.h"

/* The moment for it (DESIGN section 4). */
enum trigger {
    TRIGGER_FINAL, /* cloud-init has truly ended */
    TRIGGER_HOMED, /* the phone-home is on record */
    TRIGGER_MANUAL,
    TRIGGERS
};
const char *trigger_name(enum trigger t); /* "final" "homed" "manual" */
int trigger_from_name(const char *s);     /* -1 */

#define PLAYBOOK_MAX 255
struct playbook {
    char s[PLAYBOOK_MAX + 1]; /* "" none said */
};

/* A file: absolute, or below the fleet's directory of playbooks. 1 to 255 printable ASCII bytes, no
 * '-' first (ansible-playbook would take it for an option), no component "..". */
int playbook_parse(const char *s, struct playbook *ret, struct err *e);

#endif
