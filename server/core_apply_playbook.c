/* The playbooks that a fleet names: a wrong name shows now, not as a failed run when the guest has
 * come home. */
#include <stdio.h>
#include <string.h>

#include "server/core_ansible.h"
#include "server/core_apply.h"

static const struct groupdef *group_of(const struct apply *a, const char *name)
{
    for (int i = 0; i < a->fleet.n_groups; i++)
        if (!strcmp(a->fleet.groups[i].name.s, name))
            return &a->fleet.groups[i];
    return core_group(a->c, name);
}

/* One run configures a guest, so its groups agree on what that is, or it says so itself. */
static int check_groups(const struct apply *a, const struct fleet_instance *f, struct err *e)
{
    const struct groupdef *first = NULL;

    for (int i = 0; i < f->spec.n_groups; i++) {
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

/* Without Ansible here nothing runs, and where its files are is somebody else's business. */
static int look(const struct apply *a, const struct playbook *p, struct err *e)
{
    struct run r = { .id = 0 };
    char path[PATH_SIZE];

    if (!p->s[0] || !a->c->config.ansible)
        return 0;
    snprintf(r.playbook, sizeof r.playbook, "%s", p->s);
    return core_playbook_look(&a->c->config, &r, path, e);
}

int apply_check_playbook(struct apply *a, const struct fleet_instance *f, bool anew, struct err *e)
{
    if (!f->spec.playbook.s[0])
        return check_groups(a, f, e);
    if (look(a, &f->spec.playbook, e) == 0)
        return 0;
    if (anew)
        return err_wrap(e, "instance %s", f->name.s);
    apply_warn_once(a, e->text, f->name.s);
    return 0;
}

int apply_check_group_playbook(struct apply *a, const struct groupdef *g,
                               const struct groupdef *was, struct err *e)
{
    if (look(a, &g->playbook, e) == 0)
        return 0;
    if (!was || strcmp(was->playbook.s, g->playbook.s) != 0)
        return err_wrap(e, "group %s", g->name.s);
    apply_warn(a, "group %s: %s", g->name.s, e->text);
    return 0;
}
