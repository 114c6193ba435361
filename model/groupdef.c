#include "model/groupdef.h"

#include <stdlib.h>
#include <string.h>

#include "model/words.h"

int value_playbook(const json_t *v, const struct spot *at, struct playbook *ret, struct err *e)
{
    const char *s;
    if (value_text(v, 4096, at, &s, e) < 0)
        return -1;
    return playbook_parse(s, ret, e) < 0 ? spot_wrap(at, e) : 0;
}

static const char *name_of_trigger(unsigned t)
{
    return trigger_name((enum trigger)t);
}

int value_trigger(const json_t *v, const struct spot *at, enum trigger *ret, struct err *e)
{
    int trigger;
    if (value_kind(v, TRIGGERS, name_of_trigger, at, &trigger, e) < 0)
        return -1;
    *ret = (enum trigger)trigger;
    return 0;
}

static int compare_names(const void *a, const void *b)
{
    return strcmp(((const struct name *)a)->s, ((const struct name *)b)->s);
}

int value_needs(const json_t *v, const struct spot *at, struct name ret[NEEDS_MAX], int *ret_n,
                struct err *e)
{
    if (value_names(v, group_parse, NEEDS_MAX, at, ret, ret_n, e) < 0)
        return -1;
    qsort(ret, (size_t)*ret_n, sizeof(*ret), compare_names);
    return 0;
}

static int read_needs(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct groupdef *g = obj;
    return value_needs(v, at, g->needs, &g->n_needs, e);
}

static json_t *emit_needs(const void *obj)
{
    const struct groupdef *g = obj;
    return names_emit(g->needs, g->n_needs);
}

static int read_playbook(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    return value_playbook(v, at, &((struct groupdef *)obj)->playbook, e);
}

static json_t *emit_playbook(const void *obj)
{
    const struct groupdef *g = obj;
    return *g->playbook.s ? json_string(g->playbook.s) : NULL;
}

static int read_trigger(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct groupdef *g = obj;
    g->trigger_set = true;
    return value_trigger(v, at, &g->trigger, e);
}

static json_t *emit_trigger(const void *obj)
{
    const struct groupdef *g = obj;
    return g->trigger_set ? json_string(trigger_name(g->trigger)) : NULL;
}

static const struct word rows[] = {
    { "needs", read_needs, emit_needs },
    { "playbook", read_playbook, emit_playbook },
    { "trigger", read_trigger, emit_trigger },
};
static const struct words groupdef_words = WORDS("group", rows);

int groupdef_read(const char *name, const json_t *j, const struct spot *at, struct groupdef *ret,
                  struct err *e)
{
    struct groupdef g = { 0 };
    if (group_parse(name, &g.name, e) < 0)
        return spot_wrap(at, e);
    if (words_read(&groupdef_words, &g, j, at, e) < 0)
        return -1;
    *ret = g;
    return 0;
}

int groupdef_from_json(const char *name, const json_t *j, struct groupdef *ret, struct err *e)
{
    const struct spot root = spot_root(""), groups = spot_key(&root, "groups"),
                      at = spot_key(&groups, name);
    return groupdef_read(name, j, &at, ret, e);
}

json_t *groupdef_to_json(const struct groupdef *g)
{
    return words_emit(&groupdef_words, g);
}
