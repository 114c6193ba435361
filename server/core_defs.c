/* Networks (few, so in memory) and images by name. */
#include <string.h>

#include "server/core_priv.h"

struct nets {
    size_t n, size;
    struct network *list;
};

const struct network *core_network(const struct core *c, const char *name)
{
    for (size_t i = 0; i < c->nets->n; i++)
        if (!strcmp(c->nets->list[i].name.s, name))
            return &c->nets->list[i];
    return NULL;
}

int core_networks_each(struct core *c, int (*fn)(const struct network *n, void *arg), void *arg)
{
    int r = 0;

    for (size_t i = 0; r == 0 && i < c->nets->n; i++)
        r = fn(&c->nets->list[i], arg);
    return r;
}

static int keep(struct core *c, const struct network *n, struct err *e)
{
    struct network *at = (struct network *)core_network(c, n->name.s);

    if (!at && c->nets->n == c->nets->size) {
        size_t size = c->nets->size ? 2 * c->nets->size : 8;
        struct network *list = reallocarray(c->nets->list, size, sizeof *list);
        if (!list)
            return err_set(e, ERR_INTERNAL, "out of memory");
        c->nets->list = list;
        c->nets->size = size;
    }
    if (!at)
        at = &c->nets->list[c->nets->n++];
    *at = *n;
    return 0;
}

struct loading {
    struct core *c;
    struct err *e;
};

static int load(const char *name, const json_t *j, void *arg)
{
    struct loading *l = arg;
    struct network n;

    return network_from_json(name, j, &n, l->e) < 0 ? -1 : keep(l->c, &n, l->e);
}

int core_network_put(struct core *c, const struct network *n, struct err *e)
{
    json_t *j = network_to_json(n);
    int r = j ? store_def_put(c->store, DEF_NETWORK, n->name.s, j, e)
              : err_set(e, ERR_INTERNAL, "out of memory");

    json_decref(j);
    return r < 0 ? -1 : keep(c, n, e);
}

int core_network_drop(struct core *c, const char *name, struct err *e)
{
    const struct network *n = core_network(c, name);

    if (store_def_remove(c->store, DEF_NETWORK, name, e) < 0)
        return -1;
    if (n)
        c->nets->list[n - c->nets->list] = c->nets->list[--c->nets->n];
    return 0;
}

int networks_reload(struct core *c, struct err *e)
{
    networks_free(c);
    return networks_load(c, e);
}

/* The network that needs nothing: there from the start. */
static int user_network(struct core *c, struct err *e)
{
    struct network n = { .name = { "user" }, .kind = NETWORK_USER, .policy = POLICY_TOKEN };

    if (core_network(c, n.name.s))
        return 0;
    return core_write(c, true, e) < 0 ? -1 : core_network_put(c, &n, e);
}

int networks_load(struct core *c, struct err *e)
{
    struct loading l = { c, e };

    if (!(c->nets = calloc(1, sizeof *c->nets)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (store_defs(c->store, DEF_NETWORK, load, &l, e) < 0)
        return -1;
    return user_network(c, e);
}

void networks_free(struct core *c)
{
    if (!c->nets)
        return;
    free(c->nets->list);
    free(c->nets);
    c->nets = NULL;
}

bool core_has_image(struct core *c, const char *name)
{
    json_t *j = NULL;
    bool there = store_def_get(c->store, DEF_IMAGE, name, &j, NULL) == 0;

    json_decref(j);
    return there;
}

int core_image(struct core *c, const char *name, struct image *ret, struct err *e)
{
    struct err why; /* e may be NULL */
    json_t *j;
    int r;

    if (store_def_get(c->store, DEF_IMAGE, name, &j, &why) < 0) {
        if (why.kind == ERR_NOT_FOUND)
            return err_set(e, ERR_NOT_FOUND, "there is no image \"%s\"; roost image list shows them", name);
        if (e)
            *e = why;
        return -1;
    }
    r = image_from_record(name, j, ret, e);
    json_decref(j);
    return r;
}
