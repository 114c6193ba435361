/* The definitions of a fleet against those on record: networks, groups, identities, images. */
#include <stdio.h>
#include <string.h>

#include "server/core_ansible.h"
#include "server/core_apply.h"
#include "server/core_machine.h"
#include "server/core_network.h"

void plan_row(struct apply *a, const char *object, const char *name, const char *action,
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

/* Of what is there and changes without a restart. Takes both. */
static void plan_compared(struct apply *a, const char *object, const char *name, json_t *old,
                          json_t *new_)
{
    if (json_equal(old, new_))
        plan_row(a, object, name, "unchanged", "", NULL);
    else
        plan_row(a, object, name, "update", "live", members_changed(old, new_));
    json_decref(old);
    json_decref(new_);
}

static int plan_network(struct apply *a, const struct network *n, struct err *e)
{
    const struct network *was = core_network(a->c, n->name.s);

    if (fits_others(a, n, e) < 0)
        return -1;
    plan_warn_network(a, n);
    if (!was) {
        plan_row(a, "network", n->name.s, "create", "", NULL);
        return 0;
    }
    plan_compared(a, "network", n->name.s, network_to_json(was), network_to_json(n));
    return 0;
}

static int plan_group(struct apply *a, const struct groupdef *g, struct err *e)
{
    const struct groupdef *was = core_group(a->c, g->name.s);

    if (apply_check_group_playbook(a, g, was, e) < 0)
        return -1;
    if (!was) {
        plan_row(a, "group", g->name.s, "create", "", NULL);
        return 0;
    }
    plan_compared(a, "group", g->name.s, groupdef_to_json(was), groupdef_to_json(g));
    return 0;
}

static int plan_identity(struct apply *a, const struct identity *i, struct err *e)
{
    json_t *new_ = identity_to_json(i), *old = NULL;
    int r = store_def_get(a->c->store, DEF_IDENTITY, i->name.s, &old, e);

    plan_warn_identity(a, i);
    if (r < 0 && e->kind == ERR_NOT_FOUND) {
        plan_row(a, "identity", i->name.s, "create", "", NULL);
        r = account_name_free(a->c, i->name.s, e);
    } else if (r == 0 && json_equal(old, new_)) {
        plan_row(a, "identity", i->name.s, "unchanged", "", NULL);
    } else if (r == 0) {
        /* Accounts are made at first boot: guests that have booted keep theirs. */
        plan_row(a, "identity", i->name.s, "update", "needs rebuild", members_changed(old, new_));
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
    plan_row(a, "image", f->image.name.s, action, "", NULL);
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
        plan_row(a, "image", f->image.name.s, "unchanged", "", NULL);
    else
        plan_row(a, "image", f->image.name.s, "update", "needs restart",
                 members_changed(old, new_));
    json_decref(old);
    json_decref(new_);
    return 0;
}

int plan_definitions(struct apply *a, struct err *e)
{
    for (int i = 0; i < a->fleet.n_networks; i++)
        if (plan_network(a, &a->fleet.networks[i], e) < 0)
            return -1;
    for (int i = 0; i < a->fleet.n_groups; i++)
        if (plan_group(a, &a->fleet.groups[i], e) < 0)
            return -1;
    for (int i = 0; i < a->fleet.n_identities; i++)
        if (plan_identity(a, &a->fleet.identities[i], e) < 0)
            return -1;
    for (int i = 0; i < a->fleet.n_images; i++)
        if (plan_image(a, &a->fleet.images[i], e) < 0)
            return -1;
    return 0;
}
