/* An apply, from the fleet to its answer. Shared by core_plan.c (what would change), core_names.c
 * (names that do not go together) and core_apply.c (carrying it out). */
#ifndef SERVER_CORE_APPLY_H
#define SERVER_CORE_APPLY_H

#include "model/fleet.h"
#include "server/core_image.h"

struct apply {
    struct core *c;
    struct fleet fleet;
    struct actor who;
    bool dry_run, changed;
    bool claim_warned;
    json_t *told; /* remarks on machines and playbooks, {TEXT: true}: one of a kind is enough */
    bool *stays;  /* one each instance: its machine is what it was; NULL: none does */
    bool all_new; /* an instance that is there already is refused */
    bool applies; /* it is the one that may change things */
    /* its one instance is a caller that was unknown: who, for the event, and where; "" nobody */
    char adopted[160];
    struct ip adopted_at;
    json_t *plan, *warnings;
    int next_image; /* being imported */
    struct task *task; /* of a download; NULL: none */
    core_op_fn *done;
    void *arg;
};

/* A caller that becomes the fleet's one instance. */
struct adoption {
    char text[160];
    struct ip ip;
};
/* core_apply() of a fleet of one instance, which may then read its seed from that address until it
 * is home (core_grant.c). */
void core_apply_adopted(struct core *c, const json_t *tree, const struct adoption *adoption,
                        const struct actor *who, core_op_fn *done, void *arg);

/* Fills plan, warnings and `changed`: a row per object of the fleet, instances last. Writes
 * nothing. An image that stays gets what only its files tell from the record. */
int apply_plan(struct apply *a, struct err *e);
/* core_plan_def.c: the rows of all but instances; and one row, of a copied text each, fields
 * stolen, NULL: none. */
int plan_definitions(struct apply *a, struct err *e);
void plan_row(struct apply *a, const char *object, const char *name, const char *action,
              const char *class_, json_t *fields);
/* core_plan_warn.c: what is to be said beside the plan; of an instance when it is new,
 * or what its changed fields ask for. */
void plan_warn_network(struct apply *a, const struct network *n);
void plan_warn_identity(struct apply *a, const struct identity *i);
void plan_warn_instance(struct apply *a, const struct fleet_instance *f);
void plan_warn_change(struct apply *a, const struct fleet_instance *f,
                      const struct field_change *fields, int n);
void apply_warn(struct apply *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
/* Of many instances with the same words the first is told of; whose image is fetched first is
 * judged twice. */
void apply_warn_once(struct apply *a, const char *text, const char *instance);
/* Of an instance whose machine stays as it was a warning, and 0: what it hangs on is QEMU's and
 * root's, and nobody's apply. Else -1 with e, which says what is wrong with the machine. */
int apply_judge(struct apply *a, const struct fleet_instance *f, struct err *e);
/* Warns where an instance and a group have one name, if the fleet has to do with it. */
int apply_warn_of_names(struct apply *a, struct err *e);
/* core_minimums.c: CPUs, memory and disk against the minimums of its image and the size of the
 * image's disk, where that is known; of one instance, and of all when every image is there. */
int apply_fits_image(struct apply *a, const struct fleet_instance *f, struct err *e);
int apply_fits_images(struct apply *a, struct err *e);
/* core_apply_machine.c: its words against what QEMU knows. The architectures whose QEMU has a say in
 * the fleet, as of emulators_ask(), which goes before the plan; and the judgement on one. */
unsigned apply_architectures(struct apply *a);
int apply_fits_emulator(struct apply *a, const struct fleet_instance *f, struct err *e);
/* core_apply_playbook.c: what an instance or a group names as its playbook has to be there, where it
 * is said anew; where it was said before and went since, that is a warning. `was`: NULL for none. */
int apply_check_playbook(struct apply *a, const struct fleet_instance *f, bool anew, struct err *e);
int apply_check_group_playbook(struct apply *a, const struct groupdef *g,
                               const struct groupdef *was, struct err *e);
/* An image of this fleet, else the one on record. */
int apply_image(struct apply *a, const char *name, struct image *ret, struct err *e);
/* core_hostfwd_plan.c: the forwards that the fleet asks for, with those on record. */
int apply_check_forwards(struct apply *a, struct err *e);
/* core_fits.c: what an apply asks of an instance before it is on record, for one that gets there by
 * another way: the ports that it wants, its disks that are files, and, with the image that it comes
 * with (else NULL), its size and machine. */
int apply_check_comer(struct core *c, const struct instance *i, const struct image *image,
                      struct err *e);
/* Key in the store's meta table of what an image was made from. */
void apply_stamp_key(const struct fleet_image *f, char key[96]);

#endif
