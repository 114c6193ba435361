#include "server/project.h"

#include <stdio.h>
#include <string.h>

#include "ansible/inventory.h"
#include "ansible/knownhosts.h"
#include "ansible/sshconfig.h"
#include "base/cleanup.h"
#include "model/layout.h"

/* Images' users by name: few, so looked up once per run. */
struct logins {
    size_t n, size;
    struct login {
        struct name image;
        char user[33];
    } *list;
};

struct projecting {
    struct store *store;
    struct host_defaults defaults;
    char known_hosts[PATH_SIZE + 64];
    struct logins logins;
    struct inventory *inventory;
    struct buf *out;
    const char *only; /* known host by name or address */
    struct err *e;
    int (*add)(struct projecting *p, const struct host *h);
    struct hostkey keys[HOSTKEY_TYPES];
};

static const char *image_user(struct projecting *p, const char *image)
{
    struct image i;
    struct login *l;
    json_t *j;

    for (size_t k = 0; k < p->logins.n; k++)
        if (!strcmp(p->logins.list[k].image.s, image))
            return p->logins.list[k].user;
    if (store_def_get(p->store, DEF_IMAGE, image, &j, NULL) < 0)
        return "";
    if (image_from_record(image, j, &i, NULL) < 0) {
        json_decref(j);
        return "";
    }
    json_decref(j);
    if (p->logins.n == p->logins.size) {
        size_t size = p->logins.size ? 2 * p->logins.size : 8;
        if (!(l = reallocarray(p->logins.list, size, sizeof *l)))
            return "";
        p->logins.list = l;
        p->logins.size = size;
    }
    l = &p->logins.list[p->logins.n++];
    l->image = i.name;
    snprintf(l->user, sizeof l->user, "%s", i.default_user);
    return l->user;
}

static int names_of(const json_t *list, struct name *ret, int max)
{
    const char *s;
    json_t *v;
    size_t i;
    int n = 0;

    json_array_foreach((json_t *)list, i, v)
        if (n < max && (s = json_string_value(v)))
            snprintf(ret[n++].s, sizeof ret->s, "%s", s);
    return n;
}

static int one(const struct store_host *sh, void *arg)
{
    struct projecting *p = arg;
    struct name groups[INSTANCE_GROUPS_MAX], identities[INSTANCE_IDENTITIES_MAX];
    const char *image = json_string_value(json_object_get(sh->spec, "image"));
    const json_t *vars = json_object_get(sh->spec, "vars");
    const char *var_user = json_string_value(json_object_get(vars, "ansible_user"));
    struct host h = {
        .name = sh->guest->name,
        .ssh = sh->guest->address,
        .state = phase_name(sh->guest->standing.phase),
        .image = image ? image : "",
        .network = sh->guest->network.s,
        .vars = vars,
        .groups = groups,
        .keys = p->keys,
    };

    h.n_groups = names_of(json_object_get(sh->spec, "groups"), groups, INSTANCE_GROUPS_MAX);
    if (var_user)
        h.user = var_user;
    else if (names_of(json_object_get(sh->spec, "identities"), identities, INSTANCE_IDENTITIES_MAX))
        h.user = identities[0].s;
    else
        h.user = image ? image_user(p, image) : "";
    for (int t = 0; sh->keys && t < HOSTKEY_TYPES; t++)
        if (sh->keys->has[t])
            p->keys[h.n_keys++] = sh->keys->keys[t];
    return p->add(p, &h);
}

static int run(struct projecting *p, struct store *s, const struct config *c, struct buf *out,
               int (*add)(struct projecting *, const struct host *), struct err *e)
{
    int r;

    p->store = s;
    p->out = out;
    p->e = e;
    p->add = add;
    if (c) {
        snprintf(p->known_hosts, sizeof p->known_hosts, "%s/%s/%s", c->state, DIR_GENERATED,
                 FILE_KNOWN_HOSTS);
        p->defaults = (struct host_defaults){ p->known_hosts, c->ssh_key };
    }
    r = store_hosts(s, one, p, e);
    free(p->logins.list);
    return r < 0 ? -1 : buf_check(out, e);
}

static int add_inventory(struct projecting *p, const struct host *h)
{
    return inventory_add(p->inventory, h, p->e);
}

static int add_known_hosts(struct projecting *p, const struct host *h)
{
    char address[IP_TEXT];

    if (p->only && strcmp(p->only, h->name.s) && strcmp(p->only, ip_format(&h->ssh.ip, address)))
        return 0;
    knownhosts_add(p->out, h);
    return 0;
}

static int add_ssh_config(struct projecting *p, const struct host *h)
{
    sshconfig_add(p->out, h, &p->defaults);
    return 0;
}

int project_inventory(struct store *s, const struct config *c, struct buf *out, struct err *e)
{
    struct projecting *p = calloc(1, sizeof *p); /* 12 KiB of keys */
    char known_hosts[PATH_SIZE + 64];
    struct host_defaults d = { known_hosts, c->ssh_key };
    int r = -1;

    if (!p)
        return err_set(e, ERR_INTERNAL, "out of memory");
    snprintf(known_hosts, sizeof known_hosts, "%s/%s/%s", c->state, DIR_GENERATED, FILE_KNOWN_HOSTS);
    if ((p->inventory = inventory_new(&d, e)))
        r = run(p, s, c, out, add_inventory, e);
    if (r == 0)
        r = inventory_finish(steal_ptr(p->inventory), out, e);
    inventory_free(p->inventory);
    free(p);
    return r;
}

static int project(struct store *s, const struct config *c, const char *only, struct buf *out,
                   int (*add)(struct projecting *, const struct host *), struct err *e)
{
    struct projecting *p = calloc(1, sizeof *p);
    int r;

    if (!p)
        return err_set(e, ERR_INTERNAL, "out of memory");
    p->only = only;
    r = run(p, s, c, out, add, e);
    free(p);
    return r;
}

int project_known_hosts(struct store *s, const struct config *c, struct buf *out, struct err *e)
{
    knownhosts_banner(out);
    return project(s, c, NULL, out, add_known_hosts, e);
}

int project_known_host(struct store *s, const char *host, struct buf *out, struct err *e)
{
    return project(s, NULL, host, out, add_known_hosts, e);
}

int project_ssh_config(struct store *s, const struct config *c, struct buf *out, struct err *e)
{
    sshconfig_banner(out);
    return project(s, c, NULL, out, add_ssh_config, e);
}
