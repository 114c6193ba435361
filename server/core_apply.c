/* apply: a fleet is compared with what is on record; the differences are the plan; carrying it out is
 * images first (copies, beside what is there), then one transaction for everything else. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/fleet.h"
#include "seeds/userdata.h"
#include "server/core_machine.h"

#define FIELDS_MAX 32

struct apply {
    struct core *c;
    struct fleet fleet;
    struct actor who;
    bool dry_run, changed;
    json_t *plan, *warnings;
    int next_image; /* being imported */
    core_op_fn *done;
    void *arg;
};

static void apply_free(struct apply *a)
{
    fleet_done(&a->fleet);
    json_decref(a->plan);
    json_decref(a->warnings);
    free(a);
}

static void refuse(struct apply *a, const struct err *err)
{
    a->done(NULL, err, a->arg);
    apply_free(a);
}

/* ---- the plan ---- */

static void row(struct apply *a, const char *object, const char *name, const char *action,
                const char *class_, json_t *fields)
{
    if (strcmp(action, "unchanged"))
        a->changed = true;
    json_array_append_new(a->plan, json_pack("{s:s, s:s, s:s, s:s, s:o}", "object", object, "name",
                                             name, "action", action, "class", class_, "fields",
                                             fields ? fields : json_array()));
}

static void warn(struct apply *a, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void warn(struct apply *a, const char *fmt, ...)
{
    char text[512];
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    json_array_append_new(a->warnings, json_string(text));
}

/* Names of members that differ between two canonical objects. */
static json_t *members_changed(const json_t *old, const json_t *new_)
{
    json_t *list = json_array(), *v;
    const char *key;

    json_object_foreach((json_t *)new_, key, v)
        if (!json_equal(json_object_get(old, key), v))
            json_array_append_new(list, json_string(key));
    json_object_foreach((json_t *)old, key, v)
        if (!json_object_get(new_, key))
            json_array_append_new(list, json_string(key));
    return list;
}

static int plan_network(struct apply *a, const struct network *n, struct err *e)
{
    const struct network *was = core_network(a->c, n->name.s);
    json_t *new_, *old;

    if (n->kind != NETWORK_USER)
        return err_set(e, ERR_INVALID,
                       "network %s: kind %s is not available in this version; use kind: user",
                       n->name.s, network_kind_name(n->kind));
    if (n->policy == POLICY_TAG)
        warn(a, "network %s: policy tag: whoever reaches the seed port can read every seed there",
             n->name.s);
    if (!was) {
        row(a, "network", n->name.s, "create", "", NULL);
        return 0;
    }
    new_ = network_to_json(n);
    old = network_to_json(was);
    if (json_equal(old, new_))
        row(a, "network", n->name.s, "unchanged", "", NULL);
    else
        row(a, "network", n->name.s, "update", "live", members_changed(old, new_));
    json_decref(new_);
    json_decref(old);
    return 0;
}

static int plan_identity(struct apply *a, const struct identity *i, struct err *e)
{
    json_t *new_ = identity_to_json(i), *old = NULL;
    int r = store_def_get(a->c->store, DEF_IDENTITY, i->name.s, &old, e);

    if (r < 0 && e->kind == ERR_NOT_FOUND) {
        row(a, "identity", i->name.s, "create", "", NULL);
        r = 0;
    } else if (r == 0 && json_equal(old, new_)) {
        row(a, "identity", i->name.s, "unchanged", "", NULL);
    } else if (r == 0) {
        /* Accounts are made at first boot: guests that have booted keep theirs. */
        row(a, "identity", i->name.s, "update", "needs rebuild", members_changed(old, new_));
    }
    json_decref(new_);
    json_decref(old);
    return r;
}

struct users {
    const char *image;
    struct core *c;
    unsigned n;
};

static int uses_image(const struct guest *g, void *arg)
{
    struct users *u = arg;
    struct instance i = { 0 };

    if (store_instance_get(u->c->store, g->id, &i, NULL) == 0 && !strcmp(i.spec.image.s, u->image))
        u->n++;
    instance_done(&i);
    return u->n ? 1 : 0;
}

static void stamp_key(const struct fleet_image *f, char key[96])
{
    snprintf(key, 96, "image-source:%s", f->image.name.s);
}

static bool image_same_files(struct apply *a, const struct fleet_image *f)
{
    char key[96], was[65] = "", now[65];

    stamp_key(f, key);
    store_meta_get(a->c->store, key, was, sizeof was, NULL);
    core_image_stamp(&f->source, now);
    return !strcmp(was, now);
}

/* What the fleet file says of an image, with what only its files tell taken from the record. */
static void image_merge(const struct image *was, struct image *now)
{
    now->format = was->format;
    now->virtual_size = was->virtual_size;
    memcpy(now->sha256, was->sha256, sizeof now->sha256);
    now->has_kernel = was->has_kernel;
    now->has_initrd = was->has_initrd;
}

static int plan_image(struct apply *a, struct fleet_image *f, struct err *e)
{
    struct users u = { f->image.name.s, a->c, 0 };
    struct image was;
    json_t *old, *new_;

    if (core_image(a->c, f->image.name.s, &was, e) < 0) {
        if (e->kind != ERR_NOT_FOUND)
            return -1;
        row(a, "image", f->image.name.s, "create", "", NULL);
        return 0;
    }
    if (!image_same_files(a, f)) {
        if (store_guests(a->c->store, uses_image, &u, e) < 0)
            return -1;
        if (u.n)
            return err_set(e, ERR_CONFLICT,
                           "image %s: its files have changed, and instances stand on it; give the "
                           "new ones another name",
                           f->image.name.s);
        row(a, "image", f->image.name.s, "replace", "", NULL);
        return 0;
    }
    image_merge(&was, &f->image);
    old = image_to_json(&was);
    new_ = image_to_json(&f->image);
    if (json_equal(old, new_))
        row(a, "image", f->image.name.s, "unchanged", "", NULL);
    else
        row(a, "image", f->image.name.s, "update", "needs restart", members_changed(old, new_));
    json_decref(old);
    json_decref(new_);
    return 0;
}

/* ---- references, and what the operator's user-data does ---- */

static bool in_fleet_image(const struct apply *a, const char *name)
{
    for (int i = 0; i < a->fleet.n_images; i++)
        if (!strcmp(a->fleet.images[i].image.name.s, name))
            return true;
    return false;
}

static bool in_fleet_identity(const struct apply *a, const char *name)
{
    for (int i = 0; i < a->fleet.n_identities; i++)
        if (!strcmp(a->fleet.identities[i].name.s, name))
            return true;
    return false;
}

static bool in_fleet_network(const struct apply *a, const char *name)
{
    for (int i = 0; i < a->fleet.n_networks; i++)
        if (!strcmp(a->fleet.networks[i].name.s, name))
            return true;
    return false;
}

static bool on_record(struct apply *a, enum def_kind k, const char *name)
{
    json_t *j = NULL;
    bool there = store_def_get(a->c->store, k, name, &j, NULL) == 0;

    json_decref(j);
    return there;
}

static int check_references(struct apply *a, const struct fleet_instance *f, struct err *e)
{
    const struct spec *s = &f->spec;

    if (s->launcher == LAUNCHER_ROOST && !s->image.s[0])
        return err_set(e, ERR_INVALID, "instance %s: image is missing", f->name.s);
    if (s->image.s[0] && !in_fleet_image(a, s->image.s) && !on_record(a, DEF_IMAGE, s->image.s))
        return err_set(e, ERR_NOT_FOUND, "instance %s: image %s is neither in this file nor on record",
                       f->name.s, s->image.s);
    if (!in_fleet_network(a, s->network.s) && !core_network(a->c, s->network.s))
        return err_set(e, ERR_NOT_FOUND,
                       "instance %s: network %s is neither in this file nor on record", f->name.s,
                       s->network.s);
    for (int i = 0; i < s->n_identities; i++)
        if (!in_fleet_identity(a, s->identities[i].s) &&
            !on_record(a, DEF_IDENTITY, s->identities[i].s))
            return err_set(e, ERR_NOT_FOUND,
                           "instance %s: identity %s is neither in this file nor on record",
                           f->name.s, s->identities[i].s);
    return 0;
}

static int check_user_data(struct apply *a, const struct fleet_instance *f, struct err *e)
{
    struct userdata_facts facts;

    if (userdata_inspect(f->spec.user_data, f->spec.user_data_len, &facts, e) < 0)
        return err_wrap(e, "instance %s: user-data", f->name.s);
    if (facts.vendor_off)
        warn(a, "instance %s: user-data turns vendor-data off: that guest will not phone home",
             f->name.s);
    if (facts.warning[0])
        warn(a, "instance %s: user-data: %s", f->name.s, facts.warning);
    return 0;
}

static int check_bootstrapper(const struct fleet_instance *f, struct err *e)
{
    enum bootstrapper b = f->spec.bootstrapper;

    if (b == BOOTSTRAPPER_NET || b == BOOTSTRAPPER_NONE)
        return 0;
    return err_set(e, ERR_INVALID,
                   "instance %s: bootstrapper %s is not available in this version; use net or none",
                   f->name.s, bootstrapper_name(b));
}

/* ---- instances ---- */

static json_t *field_names(const struct field_change *f, int n)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_string(f[i].field));
    return list;
}

static int plan_update(struct apply *a, const struct guest *g, const struct fleet_instance *f,
                       struct err *e)
{
    struct field_change fields[FIELDS_MAX];
    struct instance was = { 0 };
    enum change worst = CHANGE_NONE;
    json_t *old, *new_;
    int n;

    if (store_instance_get(a->c->store, g->id, &was, e) < 0)
        return -1;
    old = spec_to_json(&was.spec);
    new_ = spec_to_json(&f->spec);
    n = spec_diff(old, new_, fields, FIELDS_MAX, &worst, e);
    json_decref(old);
    json_decref(new_);
    instance_done(&was);
    if (n < 0)
        return err_wrap(e, "instance %s", f->name.s);
    if (n == 0)
        row(a, "instance", f->name.s, "unchanged", "", NULL);
    else /* what never ran has nothing to restart or rebuild */
        row(a, "instance", f->name.s, "update",
            g->standing.phase == PHASE_DEFINED ? "live" : change_name(worst),
            field_names(fields, n));
    return 0;
}

static int plan_instance(struct apply *a, const struct fleet_instance *f, struct err *e)
{
    const char *tag = f->spec.tag.s[0] ? f->spec.tag.s : f->name.s;
    struct guest g, other;

    if (check_references(a, f, e) < 0 || check_user_data(a, f, e) < 0 || check_bootstrapper(f, e) < 0)
        return -1;
    if (store_guest_by_name(a->c->store, f->name.s, &g, e) == 0)
        return plan_update(a, &g, f, e);
    if (e->kind != ERR_NOT_FOUND)
        return -1;
    if (tag_is_filler(tag, strlen(tag)))
        return err_set(e, ERR_INVALID,
                       "instance %s: tag \"%s\" is what firmware leaves in the field, it identifies "
                       "nobody; set another tag",
                       f->name.s, tag);
    if (store_guest_by_tag(a->c->store, tag, &other, e) == 0)
        return err_set(e, ERR_CONFLICT, "instance %s: tag %s belongs to instance %s", f->name.s, tag,
                       other.name.s);
    row(a, "instance", f->name.s, "create", "", NULL);
    return 0;
}

static int plan(struct apply *a, struct err *e)
{
    for (int i = 0; i < a->fleet.n_networks; i++)
        if (plan_network(a, &a->fleet.networks[i], e) < 0)
            return -1;
    for (int i = 0; i < a->fleet.n_identities; i++)
        if (plan_identity(a, &a->fleet.identities[i], e) < 0)
            return -1;
    for (int i = 0; i < a->fleet.n_images; i++)
        if (plan_image(a, &a->fleet.images[i], e) < 0)
            return -1;
    for (int i = 0; i < a->fleet.n_instances; i++)
        if (plan_instance(a, &a->fleet.instances[i], e) < 0)
            return -1;
    return 0;
}

/* ---- carrying it out ---- */

static const char *action_of(const struct apply *a, const char *object, const char *name)
{
    json_t *r;
    size_t i;

    json_array_foreach(a->plan, i, r)
        if (!strcmp(json_string_value(json_object_get(r, "object")), object) &&
            !strcmp(json_string_value(json_object_get(r, "name")), name))
            return json_string_value(json_object_get(r, "action"));
    return "unchanged";
}

/* The plan's rows stand in the order in which they were made: instances last, one each. */
static const char *instance_action(const struct apply *a, int i)
{
    size_t first = json_array_size(a->plan) - a->fleet.n_instances;

    return json_string_value(json_object_get(json_array_get(a->plan, first + i), "action"));
}

static int free_identity(struct core *c, struct instance *i, struct err *e)
{
    for (unsigned attempt = 0; attempt < 64; attempt++) {
        if (!i->spec.uuid.s[0])
            uuid_derive(c->salt, i->name.s, attempt, &i->uuid);
        if (!i->spec.mac_set)
            mac_derive(c->salt, i->name.s, attempt, &i->mac);
        if (!store_identity_taken(c->store, &i->uuid, &i->mac))
            return 0;
    }
    return err_set(e, ERR_CONFLICT, "instance %s: its uuid or MAC belongs to another instance",
                   i->name.s);
}

static int create(struct apply *a, const struct fleet_instance *f, struct err *e)
{
    struct core *c = a->c;
    struct instance i = { .name = f->name, .generation = 1, .spec = f->spec };
    struct guest g;

    i.tag = f->spec.tag;
    if (!i.tag.s[0] && tag_parse(f->name.s, strlen(f->name.s), &i.tag, e) < 0)
        return -1;
    i.uuid = f->spec.uuid;
    i.mac = f->spec.mac;
    instance_iid(i.name.s, 1, i.iid);
    if (free_identity(c, &i, e) < 0 || store_instance_insert(c->store, &i, e) < 0 ||
        store_guest_by_id(c->store, i.id, &g, e) < 0)
        return -1;
    g.address = (struct endpoint){ .port = 0 };
    if (core_event(c, &g, EV_DEFINED, a->who.text, e, "%s", i.iid) < 0 ||
        core_guest_save(c, &g, e) < 0)
        return -1;
    unknown_forget(c, i.tag.s);
    return core_render(c, i.id, e);
}

static int update(struct apply *a, const struct fleet_instance *f, struct err *e)
{
    struct core *c = a->c;
    struct guest g;

    if (store_guest_by_name(c->store, f->name.s, &g, e) < 0 ||
        store_instance_set_spec(c->store, g.id, &f->spec, e) < 0 ||
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
        stamp_key(f, key);
        core_image_stamp(&f->source, stamp);
        if (r < 0 || store_meta_set(c->store, key, stamp, e) < 0)
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

static void committed(bool ok, void *arg)
{
    struct apply *a = arg;
    struct err e = { .kind = ERR_IO, .text = "the store could not be written; nothing was applied" };

    if (ok) {
        finish(a);
        return;
    }
    nets_free(a->c); /* memory follows the record */
    if (nets_load(a->c, NULL) < 0)
        core_fault(a->c, "networks could not be read again");
    refuse(a, &e);
}

static void write_and_answer(struct apply *a)
{
    struct err e;

    if (write_all(a, &e) == 0) {
        store_release(a->c->store);
        if (core_after(a->c, committed, a, &e) == 0)
            return;
    } else {
        store_rollback_to(a->c->store);
        nets_free(a->c);
        if (nets_load(a->c, NULL) < 0)
            core_fault(a->c, "networks could not be read again");
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

static void next_image(struct apply *a)
{
    for (; a->next_image < a->fleet.n_images; a->next_image++) {
        struct fleet_image *f = &a->fleet.images[a->next_image];
        const char *action = action_of(a, "image", f->image.name.s);
        if (!strcmp(action, "create") || !strcmp(action, "replace")) {
            core_image_import(a->c, &f->image, &f->source, imported, a);
            return;
        }
    }
    write_and_answer(a);
}

void core_apply(struct core *c, const json_t *tree, bool dry_run, const struct actor *who,
                core_op_fn *done, void *arg)
{
    struct apply *a = calloc(1, sizeof *a);
    struct spec_defaults d;
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };

    if (!a) {
        done(NULL, &e, arg);
        return;
    }
    *a = (struct apply){ .c = c, .who = *who, .dry_run = dry_run, .done = done, .arg = arg };
    a->plan = json_array();
    a->warnings = json_array();
    config_spec_defaults(&c->config, &d);
    if (fleet_parse(tree, "fleet", NULL, &d, &a->fleet, &e) < 0 || plan(a, &e) < 0)
        refuse(a, &e);
    else if (dry_run || !a->changed)
        finish(a);
    else
        next_image(a);
}
