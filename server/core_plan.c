/* The plan of an apply: a fleet compared with what is on record; its instances, here. */
#include <stdio.h>
#include <string.h>

#include "seeds/lint.h"
#include "seeds/userdata.h"
#include "server/core_apply.h"
#include "server/core_machine.h"
#include "server/core_network.h"

#define FIELDS_MAX 64

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
static int no_such(const struct fleet_instance *f, const char *kind, const char *name,
                   struct err *e)
{
    return err_set(
        e, ERR_NOT_FOUND,
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

struct linting {
    struct apply *a;
    const char *instance, *document;
};

static void found(const char *text, void *arg)
{
    const struct linting *l = arg;

    apply_warn(l->a, "instance %s: %s: %s", l->instance, l->document, text);
}

static int
check_document(struct apply *a, const struct fleet_instance *f, const char *data, size_t len,
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

/* How an instance is to differ from what is on record. */
struct delta {
    bool is_new; /* it is not on record */
    struct field_change fields[FIELDS_MAX];
    int n;
    enum change worst;
};

static json_t *field_names(const struct field_change *f, int n)
{
    json_t *list = json_array();

    for (int i = 0; i < n; i++)
        json_array_append_new(list, json_string(f[i].field));
    return list;
}

static int diff(struct apply *a, const struct guest *g, const struct fleet_instance *f,
                struct delta *ret, struct err *e)
{
    struct instance was = { 0 };
    json_t *old, *new_;

    if (store_instance_get(a->c->store, g->id, &was, e) < 0)
        return -1;
    old = spec_to_json(&was.spec);
    new_ = spec_to_json(&f->spec);
    ret->n = spec_diff(old, new_, ret->fields, FIELDS_MAX, &ret->worst, e);
    json_decref(old);
    json_decref(new_);
    instance_done(&was);
    return ret->n < 0 ? err_wrap(e, "instance %s", f->name.s) : 0;
}

static void plan_update(struct apply *a, const struct guest *g, const struct fleet_instance *f,
                        const struct delta *d)
{
    if (d->n == 0) {
        plan_row(a, "instance", f->name.s, "unchanged", "", NULL);
        return;
    }
    plan_warn_change(a, f, d->fields, d->n);
    /* what never ran has nothing to restart or rebuild */
    plan_row(a, "instance", f->name.s, "update",
             g->standing.phase == PHASE_DEFINED ? "live" : change_name(d->worst),
             field_names(d->fields, d->n));
}

static bool is_new_word(const struct delta *d, const char *word)
{
    for (int i = 0; i < d->n; i++)
        if (!strcmp(d->fields[i].field, word))
            return true;
    return d->is_new;
}

static int check_instance(struct apply *a, const struct fleet_instance *f, const struct delta *d,
                          struct err *e)
{
    a->stays[f - a->fleet.instances] = !d->is_new && d->worst <= CHANGE_LIVE;
    if (check_references(a, f, e) < 0 || apply_fits_image(a, f, e) < 0 ||
        apply_fits_emulator(a, f, e) < 0 || disk_check(a->c, f->name.s, &f->spec, e) < 0 ||
        check_documents(a, f, e) < 0 || check_bootstrapper(f, e) < 0)
        return -1;
    return apply_check_playbook(a, f, is_new_word(d, "playbook"), e);
}

static int plan_create(struct apply *a, const struct fleet_instance *f, struct err *e)
{
    const char *tag = f->spec.tag.s[0] ? f->spec.tag.s : f->name.s;
    struct guest other;
    struct tag given;

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
            apply_warn(
                a, "instance %s: an instance that was renamed has the tag %s; its own will be %s",
                f->name.s, tag, given.s);
    } else if (store_guest_by_tag(a->c->store, tag, &other, e) == 0)
        return err_set(e, ERR_CONFLICT, "instance %s: tag %s belongs to instance %s", f->name.s,
                       tag, other.name.s);
    plan_warn_instance(a, f);
    plan_row(a, "instance", f->name.s, "create", "", NULL);
    return 0;
}

static int plan_instance(struct apply *a, const struct fleet_instance *f, struct err *e)
{
    struct delta d = { .worst = CHANGE_NONE };
    struct guest g;

    if (store_guest_by_name(a->c->store, f->name.s, &g, e) < 0) {
        if (e->kind != ERR_NOT_FOUND)
            return -1;
        d.is_new = true;
        return check_instance(a, f, &d, e) < 0 ? -1 : plan_create(a, f, e);
    }
    if (a->all_new)
        return err_set(e, ERR_CONFLICT, "instance %s is there already", f->name.s);
    if (diff(a, &g, f, &d, e) < 0 || check_instance(a, f, &d, e) < 0)
        return -1;
    plan_update(a, &g, f, &d);
    return 0;
}

int apply_plan(struct apply *a, struct err *e)
{
    if (!(a->stays = calloc((size_t)a->fleet.n_instances + 1, sizeof *a->stays)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (plan_definitions(a, e) < 0)
        return -1;
    for (int i = 0; i < a->fleet.n_instances; i++)
        if (plan_instance(a, &a->fleet.instances[i], e) < 0)
            return -1;
    if (drive_claims_check(a->c, &a->fleet, e) < 0 || apply_check_forwards(a, e) < 0)
        return -1;
    return a->changed ? apply_warn_of_names(a, e) : 0;
}
