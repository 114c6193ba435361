#include "model/bundle.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "model/identity.h"

static const char *const part_names[BUNDLE_PARTS] = {
    [BUNDLE_DISK] = "disk.qcow2",           [BUNDLE_VARS] = "vars.fd",
    [BUNDLE_IMAGE_DISK] = "image-disk",     [BUNDLE_IMAGE_KERNEL] = "image-kernel",
    [BUNDLE_IMAGE_INITRD] = "image-initrd",
};
static const char *const token_names[TOKEN_PURPOSES] = {
    [TOKEN_SEED] = "seed", [TOKEN_POST] = "post"
};

const char *bundle_part_name(enum bundle_part p)
{
    return part_names[p];
}

int bundle_part_from_name(const char *name)
{
    for (int p = 0; p < BUNDLE_PARTS; p++)
        if (strcmp(part_names[p], name) == 0)
            return p;
    return -1;
}

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

uint64_t bundle_file_stored(const struct bundle_file *f)
{
    uint64_t n = 0;

    for (int i = 0; i < f->n_map; i++)
        n += f->map[i].len;
    return n;
}

/* --- writing --- */

static json_t *files_json(const struct bundle *b)
{
    json_t *list = json_array();

    for (int p = 0; p < BUNDLE_PARTS; p++) {
        const struct bundle_file *f = &b->files[p];
        json_t *map = json_array();
        for (int i = 0; i < f->n_map; i++)
            json_array_append_new(
                map, json_pack("[I, I]", (json_int_t)f->map[i].at, (json_int_t)f->map[i].len));
        if (f->there)
            json_array_append_new(list, json_pack("{s:s, s:I, s:O}", "name", part_names[p], "size",
                                                  (json_int_t)f->size, "extents", map));
        json_decref(map);
    }
    return list;
}

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
                     BUNDLE_FORMAT, "version", b->version, "made", b->made, "host", b->host,
                     "instance", instance_json(b), "image", "name", b->image.name.s, "record",
                     image_to_json(&b->image), "identities", b->identities, "files", files_json(b));
}

/* --- reading --- */

static int damaged(struct err *e, const char *what)
{
    return err_set(e, ERR_INVALID, "a damaged bundle: %s is not what it has to be", what);
}

static int get_text(const json_t *o, const char *key, char *ret, size_t size, struct err *e)
{
    const char *s = json_string_value(json_object_get(o, key));

    if (!s || strlen(s) >= size || strlen(s) != json_string_length(json_object_get(o, key)))
        return damaged(e, key);
    memcpy(ret, s, strlen(s) + 1);
    control_mask(ret);
    return 0;
}

static int get_number(const json_t *o, const char *key, uint64_t max, uint64_t *ret, struct err *e)
{
    const json_t *v = json_object_get(o, key);

    if (!json_is_integer(v) || json_integer_value(v) < 0 || (uint64_t)json_integer_value(v) > max)
        return damaged(e, key);
    *ret = (uint64_t)json_integer_value(v);
    return 0;
}

static int get_bool(const json_t *o, const char *key, bool *ret, struct err *e)
{
    const json_t *v = json_object_get(o, key);

    if (!json_is_boolean(v))
        return damaged(e, key);
    *ret = json_is_true(v);
    return 0;
}

static int read_numbers(const json_t *o, struct bundle *b, struct err *e)
{
    uint64_t generation, epoch, boots;

    if (get_number(o, "generation", UINT32_MAX, &generation, e) < 0 ||
        get_number(o, "epoch", UINT32_MAX, &epoch, e) < 0 ||
        get_number(o, "boots", UINT32_MAX, &boots, e) < 0 ||
        get_number(o, "disk-size", BUNDLE_FILE_MAX, &b->disk_size, e) < 0 ||
        get_bool(o, "ever-home", &b->ever_home, e) < 0 || get_bool(o, "sealed", &b->sealed, e) < 0)
        return -1;
    if (!generation)
        return damaged(e, "generation");
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
        return damaged(e, "host-keys");
    json_array_foreach(list, i, v)
    {
        if (!json_is_string(v) ||
            hostkey_parse(json_string_value(v), json_string_length(v), &k, e) < 0 || b->has[k.type])
            return damaged(e, "host-keys");
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
            return damaged(e, "tokens");
    }
    return 0;
}

/* Its form alone: a renamed instance, or one imported under another name, keeps it. */
static bool iid_ok(const char *s)
{
    return strncmp(s, "iid-", 4) == 0 && s[4] &&
           strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-") == strlen(s);
}

static int read_instance(const json_t *o, struct bundle *b, struct err *e)
{
    static const struct spec_defaults none = { 0 };
    struct instance *i = &b->instance;
    char name[NAME_MAX_LEN + 1], tag[TAG_MAX_LEN + 1], uuid[UUID_TEXT], mac[MAC_TEXT];
    struct drive root;

    if (!json_is_object(json_object_get(o, "spec")))
        return damaged(e, "spec");
    if (get_text(o, "name", name, sizeof name, e) < 0 ||
        get_text(o, "tag", tag, sizeof tag, e) < 0 ||
        get_text(o, "instance-id", i->iid, sizeof i->iid, e) < 0 ||
        get_text(o, "uuid", uuid, sizeof uuid, e) < 0 ||
        get_text(o, "mac", mac, sizeof mac, e) < 0 ||
        get_text(o, "base-url", b->base_url, sizeof b->base_url, e) < 0 ||
        instance_name_parse(name, &i->name, e) < 0 || tag_parse(tag, strlen(tag), &i->tag, e) < 0 ||
        uuid_parse(uuid, &i->uuid, e) < 0 || mac_parse(mac, &i->mac, e) < 0 ||
        read_numbers(o, b, e) < 0 || read_keys(json_object_get(o, "host-keys"), b, e) < 0 ||
        read_tokens(json_object_get(o, "tokens"), b, e) < 0)
        return -1;
    if (!iid_ok(i->iid))
        return damaged(e, "instance-id");
    spec_init(&i->spec, &none);
    if (spec_read(&i->spec, json_object_get(o, "spec"), "/instance/spec", e) < 0)
        return -1;
    spec_root(&i->spec, &root);
    if (i->spec.n_drives || root.file[0])
        return damaged(e, "disks");
    return i->spec.launcher == LAUNCHER_ROOST ? 0 : damaged(e, "launcher");
}

static int read_image(const json_t *o, struct bundle *b, struct err *e)
{
    const char *name = json_string_value(json_object_get(o, "name"));

    if (!name || !json_is_object(json_object_get(o, "record")) ||
        image_from_record(name, json_object_get(o, "record"), &b->image, e) < 0)
        return damaged(e, "image");
    return strcmp(b->image.name.s, b->instance.spec.image.s) == 0 ? 0 : damaged(e, "image");
}

static int read_identities(json_t *o, struct bundle *b, struct err *e)
{
    const char *name;
    json_t *v;

    if (!json_is_object(o) || json_object_size(o) > INSTANCE_IDENTITIES_MAX)
        return damaged(e, "identities");
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

static int read_map(const json_t *list, struct bundle_file *f, struct err *e)
{
    size_t i, n = json_array_size(list);
    uint64_t end = 0;
    json_t *pair;

    if (!json_is_array(list) || n > BUNDLE_EXTENTS_MAX)
        return damaged(e, "extents");
    if (!(f->map = calloc(n + 1, sizeof *f->map)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    json_array_foreach(list, i, pair)
    {
        json_int_t at = json_integer_value(json_array_get(pair, 0)),
                   len = json_integer_value(json_array_get(pair, 1));
        if (json_array_size(pair) != 2 || at < 0 || len <= 0 || (uint64_t)at < end ||
            (uint64_t)at > f->size || (uint64_t)len > f->size - (uint64_t)at)
            return damaged(e, "extents");
        f->map[f->n_map++] = (struct bundle_extent){ (uint64_t)at, (uint64_t)len };
        end = (uint64_t)at + (uint64_t)len;
    }
    return 0;
}

/* What an image is made of comes whole or not at all. */
static int check_files(const struct bundle *b, struct err *e)
{
    const struct image *i = &b->image;
    bool disk = i->format != DISK_NONE;
    const struct bundle_file *f = b->files;
    bool any = f[BUNDLE_IMAGE_DISK].there || f[BUNDLE_IMAGE_KERNEL].there;

    if (f[BUNDLE_DISK].there != disk)
        return damaged(e, "files");
    if (any &&
        (f[BUNDLE_IMAGE_DISK].there != disk || f[BUNDLE_IMAGE_KERNEL].there != i->has_kernel ||
         f[BUNDLE_IMAGE_INITRD].there != i->has_initrd))
        return damaged(e, "files");
    return any || !f[BUNDLE_IMAGE_INITRD].there ? 0 : damaged(e, "files");
}

static int read_files(const json_t *list, struct bundle *b, struct err *e)
{
    int last = -1;
    size_t i;
    json_t *v;

    if (!json_is_array(list))
        return damaged(e, "files");
    json_array_foreach(list, i, v)
    {
        const char *name = json_string_value(json_object_get(v, "name"));
        int p = name ? bundle_part_from_name(name) : -1;
        if (p <= last)
            return damaged(e, "files");
        last = p;
        b->files[p].there = true;
        if (get_number(v, "size", BUNDLE_FILE_MAX, &b->files[p].size, e) < 0 ||
            read_map(json_object_get(v, "extents"), &b->files[p], e) < 0)
            return -1;
    }
    return check_files(b, e);
}

int bundle_from_json(const json_t *j, struct bundle *ret, struct err *e)
{
    const json_t *format = json_object_get(j, "roost-bundle");

    *ret = (struct bundle){ .ever_home = false };
    if (!json_is_integer(format))
        return err_set(e, ERR_INVALID, "this is no bundle of roost");
    if (json_integer_value(format) > BUNDLE_FORMAT)
        return err_set(e, ERR_CONFLICT,
                       "the bundle was made by a newer roost (format %lld, this one reads %d); "
                       "install that roost here first",
                       (long long)json_integer_value(format), BUNDLE_FORMAT);
    if (json_integer_value(format) != BUNDLE_FORMAT)
        return damaged(e, "roost-bundle");
    if (get_text(j, "version", ret->version, sizeof ret->version, e) < 0 ||
        get_text(j, "made", ret->made, sizeof ret->made, e) < 0 ||
        get_text(j, "host", ret->host, sizeof ret->host, e) < 0 ||
        read_instance(json_object_get(j, "instance"), ret, e) < 0 ||
        read_image(json_object_get(j, "image"), ret, e) < 0 ||
        read_identities(json_object_get(j, "identities"), ret, e) < 0)
        return -1;
    return read_files(json_object_get(j, "files"), ret, e);
}
