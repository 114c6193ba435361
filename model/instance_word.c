#include "model/instance_word.h"

#include <stdlib.h>
#include <string.h>

#include "model/identity.h"

/* --- who launches it, and how its seed reaches it --- */

READER(launcher)
{
    struct spec *s = obj;
    int launcher;
    if (value_kind(v, LAUNCHERS, launcher_name, at, &launcher, e) < 0)
        return -1;
    s->launcher = (enum launcher)launcher;
    return 0;
}

EMITTER(launcher)
{
    return json_string(launcher_name(((const struct spec *)obj)->launcher));
}

READER(bootstrapper)
{
    struct spec *s = obj;
    int bootstrapper;
    if (value_kind(v, BOOTSTRAPPERS, bootstrapper_name, at, &bootstrapper, e) < 0)
        return -1;
    s->bootstrapper = (enum bootstrapper)bootstrapper;
    return 0;
}

EMITTER(bootstrapper)
{
    return json_string(bootstrapper_name(((const struct spec *)obj)->bootstrapper));
}

/* --- what it refers to --- */

static json_t *emit_name(const struct name *n)
{
    return *n->s ? json_string(n->s) : NULL;
}

READER(image)
{
    return value_name(v, "image name", at, &((struct spec *)obj)->image, e);
}

EMITTER(image)
{
    const struct spec *s = obj;
    return emit_name(&s->image);
}

READER(network)
{
    return value_name(v, "network name", at, &((struct spec *)obj)->network, e);
}

EMITTER(network)
{
    const struct spec *s = obj;
    return emit_name(&s->network);
}

READER(identities)
{
    struct spec *s = obj;
    return value_names(v, identity_name_parse, INSTANCE_IDENTITIES_MAX, at, s->identities,
                       &s->n_identities, e);
}

EMITTER(identities)
{
    const struct spec *s = obj;
    return names_emit(s->identities, s->n_identities);
}

static int name_compare(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->s, ((const struct name *)b)->s);
}

READER(groups)
{
    struct spec *s = obj;
    if (value_names(v, group_parse, INSTANCE_GROUPS_MAX, at, s->groups, &s->n_groups, e) < 0)
        return -1;
    qsort(s->groups, (size_t)s->n_groups, sizeof(s->groups[0]), name_compare);
    return 0;
}

EMITTER(groups)
{
    const struct spec *s = obj;
    return names_emit(s->groups, s->n_groups);
}
