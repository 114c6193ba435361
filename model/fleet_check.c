#include "model/fleet_check.h"

#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"

/* The fleet file is wrong by itself, whatever is on record: no conflict with that. */
static int refuse(const struct spot *at, struct err *e)
{
    if (e)
        e->kind = ERR_INVALID;
    return spot_wrap(at, e);
}

/* Each with each, so their number has a limit; user networks meet nobody and are left out. */
static int check_pairs(const struct fleet *f, const struct spot *root, struct err *e)
{
    const struct spot networks = spot_key(root, "networks");
    const struct network *of_host[FLEET_HOST_NETWORKS_MAX];
    int n = 0;
    for (int i = 0; i < f->n_networks; i++) {
        const struct network *new_ = &f->networks[i];
        const struct spot at = spot_key(&networks, new_->name.s);
        if (new_->kind == NETWORK_USER)
            continue;
        if (n == FLEET_HOST_NETWORKS_MAX)
            return spot_err(&at, e, ERR_TOO_BIG,
                            "more than %d networks of other kinds than user in one fleet",
                            FLEET_HOST_NETWORKS_MAX);
        for (int k = 0; k < n; k++)
            if (network_compatible(new_, of_host[k], e) < 0)
                return refuse(&at, e);
        of_host[n++] = new_;
    }
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct network *const *x = a, *const *y = b;
    return strcmp((*x)->name.s, (*y)->name.s);
}

/* Networks by name, for as many instances as there may be. */
static const struct network **sorted(const struct fleet *f)
{
    const struct network **list = calloc((size_t)f->n_networks + 1, sizeof(*list));
    for (int i = 0; list && i < f->n_networks; i++)
        list[i] = &f->networks[i];
    if (list)
        qsort(list, (size_t)f->n_networks, sizeof(*list), compare);
    return list;
}

static int check_address(const struct fleet_instance *i, const struct network *n,
                         const struct spot *instances, struct err *e)
{
    const struct spot at = spot_key(instances, i->name.s), address = spot_key(&at, "address");
    /* What somebody else launches has its address from somebody else. */
    if (i->spec.launcher == LAUNCHER_EXTERNAL && !n->cidr.ip.family)
        return 0;
    return network_address_check(n, &i->spec.address, e) < 0 ? spot_wrap(&address, e) : 0;
}

/* Of its further cards. */
static int check_nics(const struct fleet_instance *i, const struct network **list, int n,
                      const struct spot *instances, struct err *e)
{
    const struct spot at = spot_key(instances, i->name.s), nics = spot_key(&at, "nics");
    for (int k = 0; k < i->spec.n_nics; k++) {
        const struct nic *nic = &i->spec.nics[k];
        const struct spot here = spot_item(&nics, (size_t)k), address = spot_key(&here, "address");
        const struct network key = { .name = nic->network }, *wanted = &key;
        const struct network **found = bsearch(&wanted, list, (size_t)n, sizeof(*list), compare);
        if (found && nic->address.family && network_address_check(*found, &nic->address, e) < 0)
            return spot_wrap(&address, e);
    }
    return 0;
}

static int check_addresses(const struct fleet *f, const struct spot *root, struct err *e)
{
    const struct spot instances = spot_key(root, "instances");
    auto_free const struct network **list = sorted(f);
    if (!list)
        return err_set(e, ERR_INTERNAL, "out of memory");
    for (int i = 0; i < f->n_instances; i++) {
        const struct fleet_instance *instance = &f->instances[i];
        const struct network key = { .name = instance->spec.network }, *wanted = &key;
        if (check_nics(instance, list, f->n_networks, &instances, e) < 0)
            return -1;
        if (!instance->spec.address.family)
            continue;
        const struct network **found =
            bsearch(&wanted, list, (size_t)f->n_networks, sizeof(*list), compare);
        if (found && check_address(instance, *found, &instances, e) < 0)
            return -1;
    }
    return 0;
}

int fleet_check(const struct fleet *f, const struct spot *root, struct err *e)
{
    return check_pairs(f, root, e) < 0 ? -1 : check_addresses(f, root, e);
}
