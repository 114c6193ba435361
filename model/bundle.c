#include "model/bundle_priv.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "model/identity.h"

static const char *const token_names[TOKEN_PURPOSES] = {
    [TOKEN_SEED] = "seed", [TOKEN_POST] = "post"
};

void bundle_done(struct bundle *b)
{
    instance_done(&b->instance);
    json_decref(b->identities);
    b->identities = NULL;
    for (int p = 0; p < BUNDLE_PARTS; p++) {
        free(b->files[p].map);
        b->files[p].map = NULL;
    }
    explicit_bzero(b->tokens, sizeof b->tokens);
}

/* --- writing --- */

static json_t *keys_json(const struct bundle *b)
{
    char line[HOSTKEY_B64_MAX + 64];
    json_t *list = json_array();

    for (int t = 0; t < HOSTKEY_TYPES; t++)
        if (b->has[t]) {
            hostkey_line(&b->keys[t], line, sizeof line);
            json_array_append_new(list, json_string(line));
        }
    return list;
}

static json_t *instance_json(const struct bundle *b)
{
    const struct instance *i = &b->instance;
    char mac[MAC_TEXT];

    return json_pack("{s:s, s:s, s:s, s:I, s:I, s:s, s:s, s:b, s:b, s:I, s:I, s:o, s:o, "
                     "s:{s:s, s:s}, s:s}",
                     "name", i->name.s, "tag", i->tag.s, "instance-id", i->iid, "generation",
                     (json_int_t)i->generation, "epoch", (json_int_t)i->epoch, "uuid", i->uuid.s,
                     "mac", mac_format(&i->mac, mac), "ever-home", b->ever_home, "sealed",
                     b->sealed, "boots", (json_int_t)b->boots, "disk-size",
                     (json_int_t)b->disk_size, "spec", spec_to_json(&i->spec), "host-keys",
                     keys_json(b), "tokens", token_names[TOKEN_SEED], b->tokens[TOKEN_SEED].s,
                     token_names[TOKEN_POST], b->tokens[TOKEN_POST].s, "base-url", b->base_url);
}

json_t *bundle_to_json(const struct bundle *b)
{
    return json_pack("{s:i, s:s, s:s, s:s, s:o, s:{s:s, s:o}, s:O, s:o}", "roost-bundle",
                     bundle_format(b), "version", b->version, "made", b->made, "host", b->host,
                     "instance", instance_json(b), "image", "name", b->image.name.s, "record",
                     image_to_json(&b->image), "identities", b->identities, "files", bundle_files_json(b));
}

/* --- reading --- */

static int get_bool(const json_t *o, const char *key, bool *ret, struct err *e)
{
    const json_t *v = json_object_get(o, key);

    if (!json_is_boolean(v))
        return bundle_damaged(e, key);
    *ret = json_is_true(v);
    return 0;
}

static int read_numbers(const json_t *o, struct bundle *b, struct err *e)
{
    uint64_t generation, epoch, boots;

    if (bundle_number(o, "generation", UINT32_MAX, &generation, e) < 0 ||
        bundle_number(o, "epoch", UINT32_MAX, &epoch, e) < 0 ||
        bundle_number(o, "boots", UINT32_MAX, &boots, e) < 0 ||
        bundle_number(o, "disk-size", BUNDLE_FILE_MAX, &b->disk_size, e) < 0 ||
        get_bool(o, "ever-home", &b->ever_home, e) < 0 || get_bool(o, "sealed", &b->sealed, e) < 0)
        return -1;
    if (!generation)
        return bundle_damaged(e, "generation");
    b->instance.generation = (uint32_t)generation;
    b->instance.epoch = (uint32_t)epoch;
    b->boots = (uint32_t)boots;
    return 0;
}

static int read_keys(const json_t *list, struct bundle *b, struct err *e)
{
    struct hostkey k;
    size_t i;
    json_t *v;

    if (!json_is_array(list))
        return bundle_damaged(e, "host-keys");
    json_array_foreach(list, i, v)
    {
        if (!json_is_string(v) ||
            hostkey_parse(json_string_value(v), json_string_length(v), &k, e) < 0 || b->has[k.type])
            return bundle_damaged(e, "host-keys");
        b->has[k.type] = true;
        b->keys[k.type] = k;
    }
    return 0;
}

static int read_tokens(const json_t *o, struct bundle *b, struct err *e)
{
    for (int p = 0; p < TOKEN_PURPOSES; p++) {
        const json_t *v = json_object_get(o, token_names[p]);
        if (!json_is_string(v) ||
            token_parse(json_string_value(v), json_string_length(v), &b->tokens[p]) < 0)
            return bundle_damaged(e, "tokens");
    }
    return 0;
}

/* Its form alone: a renamed instance, or one imported under another name, keeps it. */
static bool iid_ok(const char *s)
{
    return strncmp(s, "iid-", 4) == 0 && s[4] &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(s);
}

/* No file of this host is a guest's because a bundle says so. */
static int check_drives(const struct spec *s, int format, struct err *e)
{
    struct drive root;

    spec_root(s, &root);
    if (root.file[0] || (format < 2 && s->n_drives))
        return bundle_damaged(e, "disks");
    for (int i = 0; i < s->n_drives; i++)
        if (s->drives[i].file[0])
            return bundle_damaged(e, "disks");
    return 0;
}

static int read_instance(const json_t *o, int format, struct bundle *b, struct err *e)
{
    static const struct spec_defaults none = { 0 };
    struct instance *i = &b->instance;
    char name[NAME_MAX_LEN + 1], tag[TAG_MAX_LEN + 1], uuid[UUID_TEXT], mac[MAC_TEXT];

    if (!json_is_object(json_object_get(o, "spec")))
        return bundle_damaged(e, "spec");
    if (bundle_text(o, "name", name, sizeof name, e) < 0 ||
        bundle_text(o, "tag", tag, sizeof tag, e) < 0 ||
        bundle_text(o, "instance-id", i->iid, sizeof i->iid, e) < 0 ||
        bundle_text(o, "uuid", uuid, sizeof uuid, e) < 0 ||
        bundle_text(o, "mac", mac, sizeof mac, e) < 0 ||
        bundle_text(o, "base-url", b->base_url, sizeof b->base_url, e) < 0 ||
        instance_name_parse(name, &i->name, e) < 0 || tag_parse(tag, strlen(tag), &i->tag, e) < 0 ||
        uuid_parse(uuid, &i->uuid, e) < 0 || mac_parse(mac, &i->mac, e) < 0 ||
        read_numbers(o, b, e) < 0 || read_keys(json_object_get(o, "host-keys"), b, e) < 0 ||
        read_tokens(json_object_get(o, "tokens"), b, e) < 0)
        return -1;
    if (!iid_ok(i->iid))
        return bundle_damaged(e, "instance-id");
    spec_init(&i->spec, &none);
    if (spec_read(&i->spec, json_object_get(o, "spec"), "/instance/spec", e) < 0)
        return -1;
    if (check_drives(&i->spec, format, e) < 0)
        return -1;
    return i->spec.launcher == LAUNCHER_ROOST ? 0 : bundle_damaged(e, "launcher");
}

static int read_image(const json_t *o, struct bundle *b, struct err *e)
{
    const char *name = json_string_value(json_object_get(o, "name"));

    if (!name || !json_is_object(json_object_get(o, "record")) ||
        image_from_record(name, json_object_get(o, "record"), &b->image, e) < 0)
        return bundle_damaged(e, "image");
    return strcmp(b->image.name.s, b->instance.spec.image.s) == 0 ? 0 : bundle_damaged(e, "image");
}

static int read_identities(json_t *o, struct bundle *b, struct err *e)
{
    const char *name;
    json_t *v;

    if (!json_is_object(o) || json_object_size(o) > INSTANCE_IDENTITIES_MAX)
        return bundle_damaged(e, "identities");
    b->identities = json_object();
    json_object_foreach(o, name, v)
    {
        struct identity i = { .n_groups = 0 };
        int r = identity_from_json(name, v, &i, e);
        if (r == 0)
            json_object_set_new(b->identities, name, identity_to_json(&i));
        identity_done(&i);
        if (r < 0)
            return -1;
    }
    return 0;
}

int bundle_from_json(const json_t *j, struct bundle *ret, struct err *e)
{
    const json_t *said = json_object_get(j, "roost-bundle");
    int format;

    *ret = (struct bundle){ .ever_home = false };
    if (!json_is_integer(said))
        return err_set(e, ERR_INVALID, "this is no bundle of roost");
    if (json_integer_value(said) > BUNDLE_FORMAT)
        return err_set(e, ERR_CONFLICT,
                       "the bundle was made by a newer roost (format %lld, this one reads %d); "
                       "install that roost here first",
                       (long long)json_integer_value(said), BUNDLE_FORMAT);
    if (json_integer_value(said) < 1)
        return bundle_damaged(e, "roost-bundle");
    format = (int)json_integer_value(said);
    if (bundle_text(j, "version", ret->version, sizeof ret->version, e) < 0 ||
        bundle_text(j, "made", ret->made, sizeof ret->made, e) < 0 ||
        bundle_text(j, "host", ret->host, sizeof ret->host, e) < 0 ||
        read_instance(json_object_get(j, "instance"), format, ret, e) < 0 ||
        read_image(json_object_get(j, "image"), ret, e) < 0 ||
        read_identities(json_object_get(j, "identities"), ret, e) < 0)
        return -1;
    return bundle_files_read(json_object_get(j, "files"), format, ret, e);
}
