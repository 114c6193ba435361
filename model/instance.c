#include "model/instance.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "model/instance_field.h"

/* What roost would launch with means nothing to a guest that somebody else launches: said for the
 * guest itself it is a mistake, inherited from defaults it is forgotten. */
static int drop_launching(struct spec *s, const json_t *j, const struct spot *at, struct err *e)
{
    for (size_t i = 0; i < spec_words.n; i++) {
        const struct field *f = spec_field(i);
        const struct spot here = spot_key(at, f->word.name);
        if ((f->flags & FIELD_ROOST) && json_object_get(j, f->word.name))
            return spot_bad(&here, e,
                            "is for guests that roost launches; this one has launcher: external");
    }
    s->image = (struct name){ 0 };
    s->cpus = 0;
    s->memory = 0;
    spec_drop_disks(s);
    s->firmware_set = false;
    s->media = (struct media){ .cdrom = false };
    s->n_nics = 0;
    s->n_forwards = 0;
    s->machine = (struct machine_def){ 0 };
    s->autostart = false;
    s->autostart_order = AUTOSTART_ORDER;
    return 0;
}

static int check_disks(struct spec *s, const json_t *j, const struct spot *at, struct err *e)
{
    const struct spot image = spot_key(at, "image"), disks = spot_key(at, "disks");

    if (s->root && s->root->file[0]) {
        if (json_object_get(j, "image"))
            return spot_bad(&image, e, "a root disk that is a file stands on no image: say image or "
                                       "disk: FILE");
        s->image = (struct name){ 0 };
    }
    return drives_check(s->root, s->drives, s->n_drives, e) < 0 ? spot_wrap(&disks, e) : 0;
}

/* The first card is one of them. */
static int check_nics(const struct spec *s, const struct spot *at, struct err *e)
{
    const struct spot nics = spot_key(at, "nics");
    for (int i = 0; i < s->n_nics; i++) {
        const struct spot here = spot_item(&nics, (size_t)i);
        if (!strcmp(s->nics[i].network.s, s->network.s))
            return spot_bad(&here, e, "its first card is on network %s already: a guest has one card on "
                                      "a network", s->network.s);
        if (s->mac_set && s->nics[i].mac_set && !memcmp(&s->mac, &s->nics[i].mac, sizeof s->mac))
            return spot_bad(&here, e, "the MAC is that of the first card");
    }
    return 0;
}

int spec_read_at(struct spec *s, const json_t *j, const struct spot *at, struct err *e)
{
    const struct spot serial = spot_key(at, "serial"), boot = spot_key(at, "boot");

    if (words_read(&spec_words, s, j, at, e) < 0 || check_disks(s, j, at, e) < 0)
        return -1;
    /* That of its own guests holds their seed URL. */
    if (s->launcher == LAUNCHER_ROOST && s->serial.s[0])
        return spot_bad(&serial, e, "is for guests that others launch (launcher: external)");
    if (s->launcher == LAUNCHER_EXTERNAL)
        return drop_launching(s, j, at, e);
    return media_check(&s->media, e) < 0 ? spot_wrap(&boot, e) : check_nics(s, at, e);
}

int spec_read(struct spec *s, const json_t *j, const char *pointer, struct err *e)
{
    const struct spot at = spot_root(pointer), count = spot_key(&at, "count");
    if (json_object_get(j, "count"))
        return spot_bad(&count, e, "is a word of the fleet file only");
    return spec_read_at(s, j, &at, e);
}

json_t *spec_to_json(const struct spec *s)
{
    return words_emit(&spec_words, s);
}

static const char *text_or(const json_t *v, const char *otherwise)
{
    return json_is_string(v) ? json_string_value(v) : otherwise;
}

static int refuse_change(const char *field, const json_t *was, const json_t *is, struct err *e)
{
    return err_set(e, ERR_CONFLICT,
                   "%s cannot change from %s to %s: remove the instance and define it again, or "
                   "write what it was",
                   field, text_or(was, "the computed one"), text_or(is, "the computed one"));
}

int spec_diff(const json_t *old, const json_t *new_, struct field_change *ret, int max,
              enum change *ret_worst, struct err *e)
{
    enum change worst = CHANGE_NONE;
    int n = 0;
    for (size_t i = 0; i < spec_words.n; i++) {
        const struct field *f = spec_field(i);
        const json_t *was = json_object_get(old, f->word.name);
        const json_t *is = json_object_get(new_, f->word.name);
        if ((!was && !is) || json_equal(was, is))
            continue;
        if (f->flags & FIELD_FIXED)
            return refuse_change(f->word.name, was, is, e);
        enum change change = f->judge ? f->judge(old, new_) : f->change;
        if (change > worst)
            worst = change;
        if (n < max)
            ret[n++] = (struct field_change){ f->word.name, change };
    }
    *ret_worst = worst;
    return n;
}

void instance_done(struct instance *i)
{
    spec_done(&i->spec);
}

void instance_iid(const char *name, uint32_t generation, char ret[IID_MAX + 1])
{
    snprintf(ret, IID_MAX + 1, "iid-%s-%" PRIu32, name, generation);
}
