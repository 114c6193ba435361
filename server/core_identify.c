/* What makes an instance out in the world the one on record: never the same for two of them, also when
 * one of them was renamed and kept what it had. */
#include <stdio.h>
#include <string.h>

#include "server/core_priv.h"

#define TAGS_MAX 1000

int core_iid(struct core *c, const char *name, uint32_t *generation, char ret[IID_MAX + 1],
             struct err *e)
{
    for (uint32_t g = *generation; g; g++) {
        int held;
        instance_iid(name, g, ret);
        if ((held = store_iid_held(c->store, ret, e)) < 0)
            return -1;
        if (!held) {
            *generation = g;
            return 0;
        }
    }
    return err_set(e, ERR_CONFLICT, "instance %s: there is no instance-id left for it", name);
}

/* Not told, but made of the name that it had. */
static bool has_it_by_name(struct core *c, const struct guest *g, const char *name)
{
    struct instance i = { 0 };
    bool by_name = strcmp(g->name.s, name) != 0 &&
                   store_instance_get(c->store, g->id, &i, NULL) == 0 && !i.spec.tag.s[0];

    instance_done(&i);
    return by_name;
}

int core_tag(struct core *c, const char *name, struct tag *ret, struct err *e)
{
    struct guest other;
    char text[NAME_MAX_LEN + 16];
    struct tag tag;

    for (unsigned n = 1; n <= TAGS_MAX; n++) {
        /* No instance is called so: names have no dots. */
        snprintf(text, sizeof text, n == 1 ? "%s" : "%s.%u", name, n);
        if (tag_parse(text, strlen(text), &tag, e) < 0)
            return -1;
        if (store_guest_by_tag(c->store, tag.s, &other, e) < 0) {
            if (e->kind != ERR_NOT_FOUND)
                return -1;
            *ret = tag;
            return 0;
        }
        if (n == 1 && !has_it_by_name(c, &other, name))
            break;
    }
    return err_set(e, ERR_CONFLICT, "instance %s: tag %s belongs to instance %s", name, tag.s,
                   other.name.s);
}
