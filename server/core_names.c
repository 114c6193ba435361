/* Names that Ansible would confuse. Hosts and groups share one space of names there ("Found both
 * group and host with same name"): a pattern that means the one finds the other. */
#include "server/core_apply.h"

#define NAMES_WALKED_MAX 1000 /* instances on record */

struct naming {
    struct apply *a;
    json_t *hosts;  /* by name: true, or false for those that are only on record */
    json_t *groups; /* by name: an instance in it, one of the file if there is one */
};

static void name_instance(struct naming *n, const char *name, const struct spec *s, bool in_file)
{
    json_object_set_new(n->hosts, name, json_boolean(in_file));
    for (int i = 0; i < s->n_groups; i++)
        if (!json_object_get(n->groups, s->groups[i].s))
            json_object_set_new(n->groups, s->groups[i].s, json_string(name));
}

static int name_recorded(const struct guest *g, void *arg)
{
    struct naming *n = arg;
    struct instance i = { 0 };

    if (!json_object_get(n->hosts, g->name.s) &&
        store_instance_get(n->a->c->store, g->id, &i, NULL) == 0)
        name_instance(n, g->name.s, &i.spec, false);
    instance_done(&i);
    return 0;
}

/* The record counts as long as reading it makes no guest wait; of a large fleet, what the file
 * says. */
static int name_all(struct naming *n, struct err *e)
{
    const struct fleet *f = &n->a->fleet;
    uint64_t by_phase[PHASES], overdue, all = 0;

    for (int i = 0; i < f->n_instances; i++)
        name_instance(n, f->instances[i].name.s, &f->instances[i].spec, true);
    if (store_counts(n->a->c->store, by_phase, &overdue, e) < 0)
        return -1;
    for (int p = 0; p < PHASES; p++)
        all += by_phase[p];
    return all > NAMES_WALKED_MAX ? 0 : store_guests(n->a->c->store, name_recorded, n, e);
}

static void warn_of_name(struct naming *n, const char *group, const char *member)
{
    const json_t *host = json_object_get(n->hosts, group);

    if (json_is_true(host))
        apply_warn(
            n->a,
            "instance %s: a group has that name too (instance %s is in it): Ansible mixes them "
            "up; give one of them another name",
            group, member);
    else if (host && json_is_true(json_object_get(n->hosts, member)))
        apply_warn(
            n->a,
            "instance %s: its group %s is called like an instance: Ansible mixes them up; give "
            "one of them another name",
            member, group);
}

int apply_warn_of_names(struct apply *a, struct err *e)
{
    struct naming n = { a, json_object(), json_object() };
    int r = name_all(&n, e);
    const char *group;
    json_t *member;

    json_object_foreach(n.groups, group, member) warn_of_name(&n, group, json_string_value(member));
    json_decref(n.hosts);
    json_decref(n.groups);
    return r;
}
