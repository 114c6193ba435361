/* An instance: what the operator asked for (model/spec.h) as words, and who it is. */
#ifndef MODEL_INSTANCE_H
#define MODEL_INSTANCE_H

#include "model/spec.h"

#define IID_MAX 84 /* "iid-" NAME "-" 4294967295 */

/* Reads the words of an instance (fleet form) over what is in *s already, so that defaults come
 * first. user-data and vendor-data are text here (or {"base64": …} for what is not UTF-8); file names were resolved
 * by the client. `pointer` (JSON pointer of j) starts every message. Unknown words: ERR_INVALID
 * with the nearest known one. Lists replace what was there, vars are merged by their first level.
 * A root disk that is a file stands on no image: one that is inherited is forgotten, one in j refused.
 * For `launcher: external` the words of roost's own launching (image, cpus, memory, disk, firmware,
 * machine and the like, autostart) are refused in j and forgotten where an earlier reading left them; `serial` is for
 * those only. After a failure *s holds some of the words, and is still to be released. */
int spec_read(struct spec *s, const json_t *j, const char *pointer, struct err *e);
/* spec_read() for a caller who knows where j stands (model/spot.h) and reads `count` himself. */
int spec_read_at(struct spec *s, const json_t *j, const struct spot *at, struct err *e);
json_t *
spec_to_json(const struct spec *s); /* canonical: sorted keys, sizes in bytes; new reference */

struct field_change {
    const char *field; /* "memory" */
    enum change change;
};
/* Differences of two canonical forms (spec_to_json), one row per field by the field table; returns
 * the count (at most max), the gravest in *ret_worst. ERR_CONFLICT for what cannot change at all
 * (tag, uuid, serial, mac, launcher: remove and create again), also when it appears or goes: a caller for
 * whom writing down the computed value is no change puts it into both forms first. disk: to grow
 * (or from 0, the image's size) needs a restart, as its other words do, to shrink (or to 0) a rebuild. address: a
 * reservation that the next DHCP request sees, so a restart; with a bootstrapper by volume (drive,
 * drive-network), whose network configuration is read once, a rebuild. */
int spec_diff(const json_t *old, const json_t *new_, struct field_change *ret, int max,
              enum change *ret_worst, struct err *e);

/* Who it is: computed at creation, then stored; never changes but generation, iid and epoch. */
struct instance {
    int64_t id;
    struct name name;
    struct tag tag;
    char iid[IID_MAX + 1]; /* "iid-NAME-GENERATION" */
    uint32_t generation;   /* from 1; a rebuild raises it */
    uint32_t epoch;        /* of tokens; a rotation raises it */
    struct uuid uuid;
    struct mac mac;
    struct spec spec;
};
void instance_done(struct instance *i);
void instance_iid(const char *name, uint32_t generation, char ret[IID_MAX + 1]);

#endif
