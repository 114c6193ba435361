/* What the fleet file says of a group of the inventory, beside who is in it (that the instances
 * say). */
#ifndef MODEL_GROUPDEF_H
#define MODEL_GROUPDEF_H

#include <jansson.h>
#include <stdbool.h>

#include "model/name.h"
#include "model/playbook.h"

#define NEEDS_MAX 8
struct groupdef {
    struct name name;
    struct playbook playbook;
    bool trigger_set;
    enum trigger trigger;
    struct name needs[NEEDS_MAX]; /* groups that its runs see, however large the fleet; sorted */
    int n_needs;
};

/* Fleet form: {playbook, trigger, needs}, each may be left out. Messages begin with
 * "/groups/NAME/…". */
int groupdef_from_json(const char *name, const json_t *j, struct groupdef *ret, struct err *e);
/* Canonical, without the name. New reference. */
json_t *groupdef_to_json(const struct groupdef *g);
/* groupdef_from_json() for a caller who knows where j stands (model/spot.h). */
struct spot;
int groupdef_read(const char *name, const json_t *j, const struct spot *at, struct groupdef *ret,
                  struct err *e);

/* Readers of these words, wherever else they stand. */
int value_playbook(const json_t *v, const struct spot *at, struct playbook *ret, struct err *e);
int value_trigger(const json_t *v, const struct spot *at, enum trigger *ret, struct err *e);
int value_needs(const json_t *v, const struct spot *at, struct name ret[NEEDS_MAX], int *ret_n,
                struct err *e);

#endif
