#include "model/fleet.h"

#include <inttypes.h>
#include <string.h>

#include "base/cleanup.h"
#include "model/fleet_check.h"
#include "model/instance_field.h"

struct reading {
    struct fleet fleet;
    struct spec defaults; /* configuration's, with the file's `defaults` over them */
    int room;             /* slots in fleet.instances */
    size_t user_data;     /* bytes so far */
    json_t *taken; /* "uuid 4c4c…" to the pointer of who has it: a hash, so no quadratic search */
};

void fleet_done(struct fleet *f)
{
    for (int i = 0; i < f->n_identities; i++)
        identity_done(&f->identities[i]);
    for (int i = 0; i < f->n_images; i++)
        image_source_done(&f->images[i].source);
    for (int i = 0; i < f->n_instances; i++)
        spec_done(&f->instances[i].spec);
    free(f->networks);
    free(f->groups);
    free(f->identities);
    free(f->images);
    free(f->instances);
    *f = (struct fleet){ 0 };
}

/* --- networks, groups, identities, images --- */

static int read_network(struct reading *r, const char *name, const json_t *j, const struct spot *at,
                        struct err *e)
{
    struct fleet *f = &r->fleet;
    if (network_read(name, j, at, &f->networks[f->n_networks], e) < 0)
        return -1;
    f->n_networks++;
    return 0;
}

static int read_group(struct reading *r, const char *name, const json_t *j, const struct spot *at,
                      struct err *e)
{
    struct fleet *f = &r->fleet;
    if (groupdef_read(name, j, at, &f->groups[f->n_groups], e) < 0)
        return -1;
    f->n_groups++;
    return 0;
}

static int read_identity(struct reading *r, const char *name, const json_t *j,
                         const struct spot *at, struct err *e)
{
    struct fleet *f = &r->fleet;
    if (identity_read(name, j, at, &f->identities[f->n_identities], e) < 0)
        return -1;
    f->n_identities++;
    return 0;
}

static int read_image(struct reading *r, const char *name, const json_t *j, const struct spot *at,
                      struct err *e)
{
    struct fleet_image *i = &r->fleet.images[r->fleet.n_images];
    if (image_read(name, j, at, &i->image, &i->source, e) < 0)
        return -1;
    r->fleet.n_images++;
    return 0;
}

/* --- instances --- */

/* Says that `at` has a value which no other instance may have. */
static int take(struct reading *r, const char *what, const char *value, const struct spot *at,
                struct err *e)
{
    char key[512], pointer[SPOT_POINTER];
    snprintf(key, sizeof(key), "%s %s", what, value);
    const json_t *who = json_object_get(r->taken, key);
    if (who)
        return spot_bad(at, e, "%s is already that of %s", key, json_string_value(who));
    if (json_object_set_new_nocheck(r->taken, key, json_string_nocheck(spot_pointer(at, pointer))))
        return spot_err(at, e, ERR_INTERNAL, "out of memory");
    return 0;
}

static int take_own(struct reading *r, const struct fleet_instance *i, const struct spot *at,
                    struct err *e)
{
    const struct spec *s = &i->spec;
    const struct spot tag = spot_key(at, "tag"), uuid = spot_key(at, "uuid"),
                      mac = spot_key(at, "mac"), address = spot_key(at, "address"),
                      serial = spot_key(at, "serial");
    char text[NAME_MAX_LEN + IP_TEXT + 16], ip[IP_TEXT];
    if (take(r, "name", i->name.s, at, e) < 0)
        return -1;
    if (take(r, "tag", *s->tag.s ? s->tag.s : i->name.s, *s->tag.s ? &tag : at, e) < 0)
        return -1;
    if (*s->uuid.s && take(r, "uuid", s->uuid.s, &uuid, e) < 0)
        return -1;
    if (*s->serial.s && take(r, "serial", s->serial.s, &serial, e) < 0)
        return -1;
    if (s->mac_set && take(r, "mac", mac_format(&s->mac, text), &mac, e) < 0)
        return -1;
    if (!s->address.family)
        return 0;
    snprintf(text, sizeof(text), "%s on network %s", ip_format(&s->address, ip), s->network.s);
    return take(r, "address", text, &address, e);
}

static int make_room(struct reading *r, int n, const struct spot *at, struct err *e)
{
    struct fleet *f = &r->fleet;
    if (n > FLEET_INSTANCES_MAX - f->n_instances)
        return spot_err(at, e, ERR_TOO_BIG, "more than %d instances in one fleet",
                        FLEET_INSTANCES_MAX);
    if (f->n_instances + n <= r->room)
        return 0;
    int room = f->n_instances + n + r->room; /* doubles at least: growth stays linear */
    void *more = reallocarray(f->instances, (size_t)room, sizeof(*f->instances));
    if (!more)
        return spot_err(at, e, ERR_INTERNAL, "out of memory");
    f->instances = more;
    r->room = room;
    return 0;
}

static int add_instance(struct reading *r, const char *name, const struct spec *spec,
                        const struct spot *at, struct err *e)
{
    struct fleet_instance *i = &r->fleet.instances[r->fleet.n_instances];
    if (instance_name_parse(name, &i->name, e) < 0)
        return spot_wrap(at, e);
    r->user_data += spec->user_data_len + spec->vendor_data_len;
    if (r->user_data > FLEET_USER_DATA_MAX)
        return spot_err(at, e, ERR_TOO_BIG, "user-data and vendor-data of all instances together are over %u MiB",
                        FLEET_USER_DATA_MAX >> 20);
    if (spec_copy(&i->spec, spec, e) < 0)
        return spot_wrap(at, e);
    r->fleet.n_instances++;
    return take_own(r, i, at, e);
}

/* *ret is 0 where the instance has no `count`. */
static int read_count(const json_t *j, const struct spot *at, int *ret, struct err *e)
{
    const struct spot here = spot_key(at, "count");
    int64_t n;
    *ret = 0;
    if (!json_object_get(j, "count"))
        return 0;
    if (value_int(json_object_get(j, "count"), 1, FLEET_COUNT_MAX, &here, &n, e) < 0)
        return -1;
    *ret = (int)n;
    for (size_t i = 0; n > 1 && i < spec_words.n; i++) {
        const char *word = spec_field(i)->word.name;
        const struct spot own = spot_key(at, word);
        if ((spec_field(i)->flags & FIELD_OWN) && strcmp(word, "count") != 0 &&
            json_object_get(j, word))
            return spot_bad(&own, e,
                            "one %s cannot be that of %d instances: leave out %s: or count:", word,
                            *ret, word);
    }
    return 0;
}

static int expand(struct reading *r, const char *name, const struct spec *spec, int count,
                  const struct spot *at, struct err *e)
{
    if (make_room(r, count ? count : 1, at, e) < 0)
        return -1;
    if (!count)
        return add_instance(r, name, spec, at, e);
    for (int i = 1; i <= count; i++) {
        char numbered[NAME_MAX_LEN + 16];
        snprintf(numbered, sizeof(numbered), "%s-%d", name, i);
        if (add_instance(r, numbered, spec, at, e) < 0)
            return -1;
    }
    return 0;
}

static int read_instance(struct reading *r, const char *name, const json_t *j,
                         const struct spot *at, struct err *e)
{
    struct spec spec;
    struct name checked;
    int count, ret = -1;
    if (instance_name_parse(name, &checked, e) < 0 || spec_copy(&spec, &r->defaults, e) < 0)
        return spot_wrap(at, e);
    if (spec_read_at(&spec, j, at, e) == 0 && read_count(j, at, &count, e) == 0) {
        if (spec.launcher == LAUNCHER_ROOST && !*spec.image.s && !(spec.root && *spec.root->file))
            spot_bad(at, e, "has no image: say image: NAME here or in defaults");
        else
            ret = expand(r, name, &spec, count, at, e);
    }
    spec_done(&spec);
    return ret;
}

/* --- the sections --- */

static int read_defaults(struct reading *r, const json_t *j, const struct spot *at, struct err *e)
{
    for (size_t i = 0; i < spec_words.n; i++) {
        const struct field *f = spec_field(i);
        const struct spot here = spot_key(at, f->word.name);
        if ((f->flags & FIELD_OWN) && json_object_get(j, f->word.name))
            return spot_bad(&here, e, "belongs to one instance, not to defaults");
    }
    /* Not spec_read_at(): what `launcher: external` does without is decided per instance. */
    return words_read(&spec_words, &r->defaults, j, at, e);
}

typedef int reader(struct reading *r, const char *name, const json_t *j, const struct spot *at,
                   struct err *e);

/* `web:` with nothing behind it is `web: {}`: the empty mapping is what people leave out. */
static int each(struct reading *r, const json_t *section, size_t max, reader *read,
                const struct spot *at, struct err *e)
{
    const char *name;
    json_t *value, *empty = json_object();
    int bad = 0;
    if (json_object_size(section) > max)
        bad = spot_err(at, e, ERR_TOO_BIG, "%zu entries, at most %zu are allowed",
                       json_object_size(section), max);
    json_object_foreach((json_t *)(uintptr_t)section, name, value)
    {
        const struct spot here = spot_key(at, name);
        if (bad)
            break;
        bad = read(r, name, json_is_null(value) ? empty : value, &here, e);
    }
    json_decref(empty);
    return bad ? -1 : 0;
}

static int section_slots(void *slots, const json_t *section, size_t size, const struct spot *at,
                         struct err *e)
{
    size_t n = json_object_size(section);
    void *p = calloc(n < FLEET_DEFINITIONS_MAX ? n + 1 : FLEET_DEFINITIONS_MAX + 1, size);
    if (!p)
        return spot_err(at, e, ERR_INTERNAL, "out of memory");
    memcpy(slots, &p, sizeof(p));
    return 0;
}

static int section_defaults(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    return read_defaults(obj, v, at, e);
}

static int section_networks(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct fleet *f = &((struct reading *)obj)->fleet;
    if (section_slots(&f->networks, v, sizeof(*f->networks), at, e) < 0)
        return -1;
    return each(obj, v, FLEET_DEFINITIONS_MAX, read_network, at, e);
}

static int section_groups(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct fleet *f = &((struct reading *)obj)->fleet;
    if (section_slots(&f->groups, v, sizeof(*f->groups), at, e) < 0)
        return -1;
    return each(obj, v, FLEET_DEFINITIONS_MAX, read_group, at, e);
}

static int section_identities(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct fleet *f = &((struct reading *)obj)->fleet;
    if (section_slots(&f->identities, v, sizeof(*f->identities), at, e) < 0)
        return -1;
    return each(obj, v, FLEET_DEFINITIONS_MAX, read_identity, at, e);
}

static int section_images(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct fleet *f = &((struct reading *)obj)->fleet;
    if (section_slots(&f->images, v, sizeof(*f->images), at, e) < 0)
        return -1;
    return each(obj, v, FLEET_DEFINITIONS_MAX, read_image, at, e);
}

static int section_instances(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    return each(obj, v, FLEET_INSTANCES_MAX, read_instance, at, e);
}

static const struct word section_rows[] = {
    { "defaults", section_defaults, NULL },     { "groups", section_groups, NULL },
    { "identities", section_identities, NULL }, { "images", section_images, NULL },
    { "instances", section_instances, NULL },   { "networks", section_networks, NULL },
};
static const struct words sections = WORDS("fleet", section_rows);

/* Words that nobody knows are complained about first; then the table's order holds, whatever the
 * file's is, since defaults have to be read before instances. */
static int read_sections(struct reading *r, const json_t *tree, const struct spot *root,
                         struct err *e)
{
    const char *key;
    json_t *value;
    if (value_object(tree, root, e) < 0)
        return -1;
    json_object_foreach((json_t *)(uintptr_t)tree, key, value)
    {
        const struct spot at = spot_key(root, key);
        if (!words_find(&sections, key))
            return words_unknown(&sections, key, &at, e);
        if (!json_is_null(value) && value_object(value, &at, e) < 0)
            return -1;
    }
    for (size_t i = 0; i < sections.n; i++) {
        const struct word *w = words_at(&sections, i);
        const struct spot at = spot_key(root, w->name);
        const json_t *section = json_object_get(tree, w->name);
        if (json_is_object(section) && w->read(r, section, &at, e) < 0)
            return -1;
    }
    return 0;
}

int fleet_parse(const json_t *tree, const char *file, const struct yaml_map *map,
                const struct spec_defaults *d, struct fleet *ret, struct err *e)
{
    const struct spot root = spot_file(file, map);
    struct reading r = { .taken = json_object() };
    spec_init(&r.defaults, d);
    int bad = read_sections(&r, tree, &root, e);
    if (!bad)
        bad = fleet_check(&r.fleet, &root, e);
    if (bad)
        fleet_done(&r.fleet);
    else
        *ret = r.fleet;
    spec_done(&r.defaults);
    json_decref(r.taken);
    return bad;
}
