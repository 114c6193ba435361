/* apply: a fleet is compared with what is on record; the differences are the plan (core_plan.c);
 * carrying it out is images first (copies, beside what is there), then one transaction for
 * everything else. */
#include "server/core_apply.h"
#include "server/core_machine.h"
#include "server/core_ansible.h"
#include "server/core_emulator.h"
#include "server/core_import.h"
#include "server/core_network.h"
#include "server/core_task.h"

#include <malloc.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define LARGE 1000 /* instances */

static void apply_free(struct apply *a)
{
    bool large = a->fleet.n_instances >= LARGE;

    if (a->applies)
        a->c->applying = false;
    fleet_done(&a->fleet);
    json_decref(a->plan);
    json_decref(a->warnings);
    json_decref(a->told);
    free(a->stays);
    free(a);
    if (large)
        malloc_trim(0); /* else the process keeps some 80 MiB of a large fleet's trees */
}

static void refuse(struct apply *a, const struct err *err)
{
    a->done(NULL, err, a->arg);
    apply_free(a);
}

/* ---- carrying it out ---- */

static const char *action_of(const struct apply *a, const char *object, const char *name)
{
    json_t *r;
    size_t i;

    json_array_foreach(a->plan, i,
                       r) if (!strcmp(json_string_value(json_object_get(r, "object")), object) &&
                              !strcmp(json_string_value(json_object_get(r, "name")),
                                      name)) return json_string_value(json_object_get(r, "action"));
    return "unchanged";
}

/* The plan's rows stand in the order in which they were made: instances last, one each. */
static const char *instance_action(const struct apply *a, int i)
{
    size_t first = json_array_size(a->plan) - a->fleet.n_instances;

    return json_string_value(json_object_get(json_array_get(a->plan, first + i), "action"));
}

static void free_identity(struct core *c, struct instance *i)
{
    for (unsigned attempt = 0; attempt < 64; attempt++) {
        if (!i->spec.uuid.s[0])
            uuid_derive(c->salt, i->name.s, attempt, &i->uuid);
        if (!i->spec.mac_set)
            mac_derive(c->salt, i->name.s, attempt, &i->mac);
        if (!store_identity_taken(c->store, &i->uuid, &i->mac))
            return;
    } /* of what the operator said one is taken: the insertion says which */
}

static int create(struct apply *a, const struct fleet_instance *f, struct err *e)
{
    struct core *c = a->c;
    struct instance i = { .name = f->name, .generation = 1, .spec = f->spec };
    struct guest g;

    i.tag = f->spec.tag;
    if (!i.tag.s[0] && core_tag(c, f->name.s, &i.tag, e) < 0)
        return -1;
    i.uuid = f->spec.uuid;
    i.mac = f->spec.mac;
    if (core_iid(c, i.name.s, &i.generation, i.iid, e) < 0)
        return -1;
    free_identity(c, &i);
    if ((f->spec.playbook.s[0] && core_playbook_named(c, e) < 0) ||
        store_instance_insert(c->store, &i, e) < 0 ||
        drive_claims_put(c, i.id, &i.spec, e) < 0 ||
        network_reserve(c, &i, i.spec.network.s, e) < 0 || core_nics_put(c, &i, e) < 0 ||
        account_give(c, i.id, &i.spec, e) < 0 || store_guest_by_id(c->store, i.id, &g, e) < 0)
        return -1;
    g.address = (struct endpoint){ .port = 0 };
    if (core_event(c, &g, EV_DEFINED, a->who.text, e, "%s%s%s", i.iid, *a->adopted ? ", " : "",
                   a->adopted) < 0 ||
        core_guest_save(c, &g, e) < 0 ||
        (*a->adopted && grant_give(c, i.id, &a->adopted_at, e) < 0))
        return -1;
    unknown_forget(c, &i);
    return core_render(c, i.id, e);
}

static int update(struct apply *a, const struct fleet_instance *f, struct err *e)
{
    struct core *c = a->c;
    struct instance i = { .name = f->name, .spec = f->spec };
    struct guest g;

    if (store_guest_by_name(c->store, f->name.s, &g, e) < 0)
        return -1;
    i.id = g.id;
    if ((f->spec.playbook.s[0] && core_playbook_named(c, e) < 0) ||
        store_instance_set_spec(c->store, g.id, &f->spec, e) < 0 ||
        drive_claims_put(c, g.id, &f->spec, e) < 0 ||
        network_reserve(c, &i, g.network.s, e) < 0 || core_nics_put(c, &i, e) < 0 ||
        store_guest_by_id(c->store, g.id, &g, e) < 0 ||
        core_event(c, &g, EV_CHANGED, a->who.text, e, "by apply") < 0 ||
        core_guest_save(c, &g, e) < 0 || core_render(c, g.id, e) < 0)
        return -1;
    core_invalidate(c, g.tag.s);
    return 0;
}

static int put_definitions(struct apply *a, struct err *e)
{
    struct core *c = a->c;

    for (int i = 0; i < a->fleet.n_networks; i++)
        if (core_network_put(c, &a->fleet.networks[i], e) < 0)
            return -1;
    for (int i = 0; i < a->fleet.n_groups; i++)
        if (core_group_put(c, &a->fleet.groups[i], e) < 0)
            return -1;
    for (int i = 0; i < a->fleet.n_identities; i++) {
        json_t *j = identity_to_json(&a->fleet.identities[i]);
        int r = store_def_put(c->store, DEF_IDENTITY, a->fleet.identities[i].name.s, j, e);
        json_decref(j);
        if (r < 0)
            return -1;
    }
    for (int i = 0; i < a->fleet.n_images; i++) {
        struct fleet_image *f = &a->fleet.images[i];
        char key[96], stamp[65];
        json_t *j = image_to_json(&f->image);
        int r = store_def_put(c->store, DEF_IMAGE, f->image.name.s, j, e);
        json_decref(j);
        apply_stamp_key(f, key);
        core_image_stamp(&f->source, stamp);
        if (r == 0 && !core_image_missing(&f->source)) /* what it was made from stays on record */
            r = store_meta_set(c->store, key, stamp, e);
        if (r < 0)
            return -1;
    }
    return 0;
}

/* Guests whose documents hold what changed are rendered anew at their next request. */
static bool seeds_touched(const struct apply *a)
{
    for (int i = 0; i < a->fleet.n_networks; i++)
        if (!strcmp(action_of(a, "network", a->fleet.networks[i].name.s), "update"))
            return true;
    for (int i = 0; i < a->fleet.n_identities; i++)
        if (!strcmp(action_of(a, "identity", a->fleet.identities[i].name.s), "update"))
            return true;
    return false;
}

static int write_all(struct apply *a, struct err *e)
{
    struct core *c = a->c;

    if (core_write(c, true, e) < 0 || store_savepoint(c->store, e) < 0)
        return -1;
    if (put_definitions(a, e) < 0)
        return -1;
    if (seeds_touched(a)) {
        if (store_seed_stale_all(c->store, e) < 0)
            return -1;
        core_invalidate(c, "");
    }
    for (int i = 0; i < a->fleet.n_instances; i++) {
        const char *action = instance_action(a, i);
        if ((!strcmp(action, "create") && create(a, &a->fleet.instances[i], e) < 0) ||
            (!strcmp(action, "update") && update(a, &a->fleet.instances[i], e) < 0))
            return -1;
    }
    return wire_mark_all(c, e);
}

static json_t *result(const struct apply *a)
{
    return json_pack("{s:O, s:O, s:b}", "plan", a->plan, "warnings", a->warnings, "changed",
                     a->changed);
}

static void finish(struct apply *a)
{
    json_t *j = result(a);

    a->done(j, NULL, a->arg);
    json_decref(j);
    apply_free(a);
}

/* Memory follows the record. */
static void nets_again(struct core *c)
{
    struct err e;

    if (c->ending)
        return;
    if (networks_reload(c, &e) < 0 || groups_load(c, &e) < 0)
        core_fault(c, "networks and groups could not be read again: %s", e.text);
}

static bool instance_touched(const struct apply *a, const char *name)
{
    for (int i = 0; i < a->fleet.n_instances; i++)
        if (!strcmp(a->fleet.instances[i].name.s, name))
            return strcmp(instance_action(a, i), "unchanged") != 0;
    return false;
}

/* Guests that run follow what needs no restart. */
static void follow_instances(const struct apply *a)
{
    for (int i = 0; i < a->fleet.n_instances; i++) {
        struct machine *m = machine_by_name(a->c, a->fleet.instances[i].name.s);
        if (m && m->state == MACHINE_RUNNING && !strcmp(instance_action(a, i), "update"))
            hostfwds_follow(m);
    }
}

/* Networks that are up follow: their definition changed, or where a published port leads. */
static int follow(const struct network *n, void *arg)
{
    const struct apply *a = arg;
    bool touched = !strcmp(action_of(a, "network", n->name.s), "update");

    if (!network_is_up(a->c, n->name.s) && !network_is_busy(a->c, n->name.s))
        return 0;
    for (int i = 0; i < n->n_forwards && !touched; i++)
        touched = instance_touched(a, n->forwards[i].instance.s);
    if (touched)
        network_changed(a->c, n->name.s);
    return 0;
}

static void committed(bool ok, void *arg)
{
    struct apply *a = arg;
    struct err e = { .kind = ERR_IO,
                     .text = "the store could not be written; nothing was applied" };

    if (ok) {
        core_networks_each(a->c, follow, a);
        follow_instances(a);
        finish(a);
        return;
    }
    nets_again(a->c);
    refuse(a, &e);
}

static void write_and_answer(struct apply *a)
{
    struct err e;

    if (a->next_image && apply_fits_images(a, &e) < 0) {
        refuse(a, &e);
        return;
    }
    if (write_all(a, &e) == 0) {
        store_release(a->c->store);
        if (core_after(a->c, committed, a, &e) == 0)
            return;
    } else {
        store_rollback_to(a->c->store);
        nets_again(a->c);
    }
    refuse(a, &e);
}

static void next_image(struct apply *a);

static void imported(const json_t *j, const struct err *err, void *arg)
{
    struct apply *a = arg;
    struct fleet_image *f = &a->fleet.images[a->next_image];
    struct image image;
    struct err e;

    if (a->task && a->c->ending)
        task_leave(a->task);
    else if (a->task)
        task_end(a->task, err);
    a->task = NULL;
    if (err) {
        refuse(a, err);
        return;
    }
    if (image_from_record(f->image.name.s, j, &image, &e) < 0) {
        refuse(a, &e);
        return;
    }
    f->image = image;
    a->next_image++;
    next_image(a);
}

static void cancel(struct task *t, void *arg)
{
    struct apply *a = arg;
    struct import *i = import_find(a->c, a->fleet.images[a->next_image].image.name.s);

    (void)t;
    if (i)
        import_cancel(i);
}

/* A download shows on the list of tasks, but the apply waits for it: after a crash it is said again
 * by whoever applies again. */
static void import(struct apply *a, struct fleet_image *f)
{
    const struct task_new n = { .kind = "image",
                                .object = f->image.name.s,
                                .what = f->source.url,
                                .who = &a->who,
                                .cancel = cancel,
                                .arg = a };
    struct err e;

    if (f->source.url && !(a->task = task_begin(a->c, &n, &e)))
        refuse(a, &e);
    else
        core_image_import(a->c, &f->image, &f->source, a->task, imported, a);
}

static void next_image(struct apply *a)
{
    for (; a->next_image < a->fleet.n_images; a->next_image++) {
        struct fleet_image *f = &a->fleet.images[a->next_image];
        const char *action = action_of(a, "image", f->image.name.s);
        if (!strcmp(action, "create") || !strcmp(action, "replace")) {
            import(a, f);
            return;
        }
    }
    write_and_answer(a);
}

/* A plan holds as long as nobody else changes things: images can take minutes to copy. */
static int begin(struct apply *a, struct err *e)
{
    if (a->dry_run || !a->changed)
        return 0;
    if (a->c->applying)
        return err_set(e, ERR_BUSY, "another apply is under way; try again when it has ended");
    a->c->applying = a->applies = true;
    return 0;
}

/* With what the catalogue says of its predefined images. */
static int read_fleet(struct apply *a, const json_t *tree, struct err *e)
{
    json_t *full = core_fleet_words(a->c, tree, e);
    struct spec_defaults d;
    int r;

    if (!full)
        return -1;
    config_spec_defaults(&a->c->config, &d);
    r = fleet_parse(full, "fleet", NULL, &d, &a->fleet, e);
    json_decref(full);
    return r;
}

/* Where its QEMUs are known, as far as they are. */
static void plan(void *arg)
{
    struct apply *a = arg;
    struct err e = { .kind = ERR_BUSY, .text = "roost is stopping" };

    if (a->c->ending || apply_plan(a, &e) < 0 || begin(a, &e) < 0)
        refuse(a, &e);
    else if (a->dry_run || !a->changed)
        finish(a);
    else
        next_image(a);
}

static void run(struct core *c, const json_t *tree, bool dry_run, bool all_new,
                const struct adoption *adoption, const struct actor *who, core_op_fn *done,
                void *arg)
{
    struct apply *a = calloc(1, sizeof *a);
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };

    if (!a) {
        done(NULL, &e, arg);
        return;
    }
    *a = (struct apply){ .c = c, .who = *who, .dry_run = dry_run, .done = done, .arg = arg };
    a->all_new = all_new;
    if (adoption) {
        snprintf(a->adopted, sizeof a->adopted, "%s", adoption->text);
        a->adopted_at = adoption->ip;
    }
    a->plan = json_array();
    a->warnings = json_array();
    a->told = json_object();
    if (read_fleet(a, tree, &e) < 0 || emulators_ask(c, apply_architectures(a), plan, a, &e) < 0)
        refuse(a, &e);
}

void core_apply(struct core *c, const json_t *tree, bool dry_run, const struct actor *who,
                core_op_fn *done, void *arg)
{
    run(c, tree, dry_run, false, NULL, who, done, arg);
}

void core_create(struct core *c, const json_t *tree, bool dry_run, const struct actor *who,
                 core_op_fn *done, void *arg)
{
    run(c, tree, dry_run, true, NULL, who, done, arg);
}

void core_apply_adopted(struct core *c, const json_t *tree, const struct adoption *adoption,
                        const struct actor *who, core_op_fn *done, void *arg)
{
    run(c, tree, false, true, adoption, who, done, arg);
}
