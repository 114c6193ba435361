/* The plan of an apply: a fleet compared with what is on record. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "seeds/lint.h"
#include "seeds/userdata.h"
#include "server/core_ansible.h"
#include "server/core_apply.h"
#include "server/core_machine.h"
#include "server/core_network.h"

#define FIELDS_MAX 64

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

/* Names of members that differ between two canonical objects. */
static json_t *members_changed(const json_t *old, const json_t *new_)
{
    json_t *list = json_array(), *v;
    const char *key;

    json_object_foreach((json_t *)new_, key, v) if (!json_equal(json_object_get(old, key), v))
        json_array_append_new(list, json_string(key));
    json_object_foreach((json_t *)old, key, v) if (!json_object_get(new_, key))
        json_array_append_new(list, json_string(key));
    return list;
}

struct fitting {
    struct apply *a;
    const struct network *n;
    struct err *e;
};

static int fits(const struct network *other, void *arg)
{
    struct fitting *f = arg;

    if (!strcmp(other->name.s, f->n->name.s))
        return 0;
    for (int i = 0; i < f->a->fleet.n_networks; i++)
        if (!strcmp(other->name.s, f->a->fleet.networks[i].name.s))
            return 0; /* that one is compared in its new form, by the fleet itself */
    if (network_compatible(f->n, other, f->e) == 0)
        return 0;
    if (!network_is_default(f->a->c, other) && !network_is_default(f->a->c, f->n))
        return -1;
    if (!core_network(f->a->c, f->n->name.s))
        apply_warn(f->a, "%s; only one of the two can be up", f->e->text);
    return 0;
}

static int fits_others(struct apply *a, const struct network *n, struct err *e)
{
    struct fitting f = { a, n, e };

    return core_networks_each(a->c, fits, &f);
}

static int plan_network(struct apply *a, const struct network *n, struct err *e)
{
    const struct network *was = core_network(a->c, n->name.s);
    json_t *new_, *old;

    if (fits_others(a, n, e) < 0)
        return -1;
    plan_warn_network(a, n);
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

static void plan_group(struct apply *a, const struct groupdef *g)
{
    const struct groupdef *was = core_group(a->c, g->name.s);
    json_t *new_, *old;

    if (!was) {
        row(a, "group", g->name.s, "create", "", NULL);
        return;
    }
    new_ = groupdef_to_json(g);
    old = groupdef_to_json(was);
    if (json_equal(old, new_))
        row(a, "group", g->name.s, "unchanged", "", NULL);
    else
        row(a, "group", g->name.s, "update", "live", members_changed(old, new_));
    json_decref(new_);
    json_decref(old);
}

static int plan_identity(struct apply *a, const struct identity *i, struct err *e)
{
    json_t *new_ = identity_to_json(i), *old = NULL;
    int r = store_def_get(a->c->store, DEF_IDENTITY, i->name.s, &old, e);

    plan_warn_identity(a, i);
    if (r < 0 && e->kind == ERR_NOT_FOUND) {
        row(a, "identity", i->name.s, "create", "", NULL);
        r = account_name_free(a->c, i->name.s, e);
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

void apply_stamp_key(const struct fleet_image *f, char key[96])
{
    snprintf(key, 96, "image-source:%s", f->image.name.s);
}

static bool image_same_files(struct apply *a, const struct fleet_image *f)
{
    char key[96], was[65] = "", now[65];

    apply_stamp_key(f, key);
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

/* Is this still the image that was copied, or another with a file that does not exist? */
static bool same_parts(const struct image *was, const struct image_source *src)
{
    return (was->format != DISK_NONE) == (src->file != NULL) &&
           was->has_kernel == (src->kernel != NULL) && was->has_initrd == (src->initrd != NULL);
}

/* One whose files are copied: what is wrong with them is told by a dry run too. */
static int plan_import(struct apply *a, struct fleet_image *f, const char *action, struct err *e)
{
    struct image_sight seen;

    if (core_image_check(f->image.name.s, &f->source, &seen, e) < 0)
        return -1;
    f->image.virtual_size = seen.virtual_size;
    if (!seen.bootable)
        apply_warn(
            a,
            "image %s: nothing in %s looks like something to boot from (no partition table, no "
            "file system), and it has no kernel of its own",
            f->image.name.s, f->source.file);
    row(a, "image", f->image.name.s, action, "", NULL);
    return 0;
}

static int plan_image(struct apply *a, struct fleet_image *f, struct err *e)
{
    struct name first;
    int64_t users;
    const char *gone;
    struct image was;
    json_t *old, *new_;

    if (core_image(a->c, f->image.name.s, &was, e) < 0) {
        if (e->kind != ERR_NOT_FOUND)
            return -1;
        return plan_import(a, f, "create", e);
    }
    if ((gone = core_image_missing(&f->source))) {
        if (!same_parts(&was, &f->source))
            return err_set(e, ERR_NOT_FOUND, "image %s: %s is not there", f->image.name.s, gone);
        apply_warn(a,
                   "image %s: %s is not there any more: the copy that was made of it stays in use",
                   f->image.name.s, gone);
    } else if (!image_same_files(a, f)) {
        if (store_def_users(a->c->store, DEF_IMAGE, f->image.name.s, &users, &first, e) < 0)
            return -1;
        if (users)
            return err_set(e, ERR_CONFLICT,
                           "image %s: its files have changed, and instances stand on it; give the "
                           "new ones another name",
                           f->image.name.s);
        return plan_import(a, f, "replace", e);
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

/* ---- references, and what the operator's documents do ---- */

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

/* Said of fleet files and of `roost instance create` alike. */
static int no_such(const struct fleet_instance *f, const char *kind, const char *name, struct err *e)
{
    return err_set(e, ERR_NOT_FOUND,
                   "instance %s: there is no %s %s: none is defined with it, and none is on record; "
                   "see: roost %s list",
                   f->name.s, kind, name, kind);
}

static int check_references(struct apply *a, const struct fleet_instance *f, struct err *e)
{
    const struct spec *s = &f->spec;

    if (s->launcher == LAUNCHER_ROOST && !s->image.s[0] && !(s->root && s->root->file[0]))
        return err_set(e, ERR_INVALID, "instance %s: image is missing", f->name.s);
    if (s->image.s[0] && !in_fleet_image(a, s->image.s) && !on_record(a, DEF_IMAGE, s->image.s))
        return no_such(f, "image", s->image.s, e);
    if (!in_fleet_network(a, s->network.s) && !core_network(a->c, s->network.s))
        return no_such(f, "network", s->network.s, e);
    for (int i = 0; i < s->n_nics; i++)
        if (!in_fleet_network(a, s->nics[i].network.s) && !core_network(a->c, s->nics[i].network.s))
            return no_such(f, "network", s->nics[i].network.s, e);
    for (int i = 0; i < s->n_identities; i++)
        if (!in_fleet_identity(a, s->identities[i].s) &&
            !on_record(a, DEF_IDENTITY, s->identities[i].s))
            return no_such(f, "identity", s->identities[i].s, e);
    return 0;
}

static const struct groupdef *group_of(const struct apply *a, const char *name)
{
    for (int i = 0; i < a->fleet.n_groups; i++)
        if (!strcmp(a->fleet.groups[i].name.s, name))
            return &a->fleet.groups[i];
    return core_group(a->c, name);
}

/* One run configures a guest, so its groups agree on what that is, or it says so itself. */
static int check_playbook(const struct apply *a, const struct fleet_instance *f, struct err *e)
{
    const struct groupdef *first = NULL;

    for (int i = 0; i < f->spec.n_groups && !f->spec.playbook.s[0]; i++) {
        const struct groupdef *g = group_of(a, f->spec.groups[i].s);
        if (!g || !g->playbook.s[0])
            continue;
        if (first && strcmp(first->playbook.s, g->playbook.s))
            return err_set(e, ERR_INVALID,
                           "instance %s: its groups %s and %s name different playbooks; say "
                           "playbook: in the instance",
                           f->name.s, first->name.s, g->name.s);
        first = g;
    }
    return 0;
}

struct linting {
    struct apply *a;
    const char *instance, *document;
};

static void found(const char *text, void *arg)
{
    const struct linting *l = arg;

    apply_warn(l->a, "instance %s: %s: %s", l->instance, l->document, text);
}

static int check_document(struct apply *a, const struct fleet_instance *f, const char *data,
                          size_t len,
                          int (*inspect)(const char *, size_t, struct userdata_facts *, struct err *),
                          const char *document, struct err *e)
{
    struct linting l = { a, f->name.s, document };
    struct userdata_facts facts;

    if (inspect(data, len, &facts, e) < 0)
        return err_wrap(e, "instance %s: %s", f->name.s, document);
    if (facts.warning[0])
        found(facts.warning, &l);
    lint_user_data(data, len, f->spec.vars, found, &l);
    return 0;
}

static int check_documents(struct apply *a, const struct fleet_instance *f, struct err *e)
{
    const struct spec *s = &f->spec;

    if (check_document(a, f, s->user_data, s->user_data_len, userdata_inspect, "user-data", e) < 0)
        return -1;
    return check_document(a, f, s->vendor_data, s->vendor_data_len, vendordata_inspect,
                          "vendor-data", e);
}

static int check_bootstrapper(const struct fleet_instance *f, struct err *e)
{
    if (f->spec.bootstrapper != BOOTSTRAPPER_IGNITION)
        return 0;
    return err_set(e, ERR_INVALID,
                   "instance %s: bootstrapper ignition comes later; use net, drive, drive-network "
                   "or none",
                   f->name.s);
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
    if (n == 0) {
        row(a, "instance", f->name.s, "unchanged", "", NULL);
    } else { /* what never ran has nothing to restart or rebuild */
        plan_warn_change(a, f, fields, n);
        row(a, "instance", f->name.s, "update",
            g->standing.phase == PHASE_DEFINED ? "live" : change_name(worst),
            field_names(fields, n));
    }
    return 0;
}

static int plan_instance(struct apply *a, const struct fleet_instance *f, struct err *e)
{
    const char *tag = f->spec.tag.s[0] ? f->spec.tag.s : f->name.s;
    struct guest g, other;
    struct tag given;

    if (check_references(a, f, e) < 0 || apply_fits_image(a, f, e) < 0 ||
        apply_fits_emulator(a, f, e) < 0 || disk_check(a->c, f->name.s, &f->spec, e) < 0 ||
        check_documents(a, f, e) < 0 || check_bootstrapper(f, e) < 0 || check_playbook(a, f, e) < 0)
        return -1;
    if (store_guest_by_name(a->c->store, f->name.s, &g, e) == 0)
        return a->all_new ? err_set(e, ERR_CONFLICT, "instance %s is there already", f->name.s)
                          : plan_update(a, &g, f, e);
    if (e->kind != ERR_NOT_FOUND)
        return -1;
    if (tag_is_filler(tag, strlen(tag)))
        return err_set(
            e, ERR_INVALID,
            "instance %s: tag \"%s\" is what firmware leaves in the field, it identifies "
            "nobody; set another tag",
            f->name.s, tag);
    if (!f->spec.tag.s[0]) {
        if (core_tag(a->c, f->name.s, &given, e) < 0)
            return -1;
        if (strcmp(given.s, tag) != 0)
            apply_warn(a, "instance %s: an instance that was renamed has the tag %s; its own will be %s",
                       f->name.s, tag, given.s);
    } else if (store_guest_by_tag(a->c->store, tag, &other, e) == 0)
        return err_set(e, ERR_CONFLICT, "instance %s: tag %s belongs to instance %s", f->name.s,
                       tag, other.name.s);
    plan_warn_instance(a, f);
    row(a, "instance", f->name.s, "create", "", NULL);
    return 0;
}

int apply_plan(struct apply *a, struct err *e)
{
    for (int i = 0; i < a->fleet.n_networks; i++)
        if (plan_network(a, &a->fleet.networks[i], e) < 0)
            return -1;
    for (int i = 0; i < a->fleet.n_groups; i++)
        plan_group(a, &a->fleet.groups[i]);
    for (int i = 0; i < a->fleet.n_identities; i++)
        if (plan_identity(a, &a->fleet.identities[i], e) < 0)
            return -1;
    for (int i = 0; i < a->fleet.n_images; i++)
        if (plan_image(a, &a->fleet.images[i], e) < 0)
            return -1;
    for (int i = 0; i < a->fleet.n_instances; i++)
        if (plan_instance(a, &a->fleet.instances[i], e) < 0)
            return -1;
    if (drive_claims_check(a->c, &a->fleet, e) < 0 || apply_check_forwards(a, e) < 0)
        return -1;
    return a->changed ? apply_warn_of_names(a, e) : 0;
}
