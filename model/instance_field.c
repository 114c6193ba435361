#include "model/instance_field.h"

#include <string.h>

#include "base/parse.h"
#include "model/hostvars.h"
#include "model/identity.h"
#include "model/machine_field.h"

#define READER(name)                                                                               \
    static int read_##name(void *obj, const json_t *v, const struct spot *at, struct err *e)
#define EMITTER(name) static json_t *emit_##name(const void *obj)

static json_t *emit_name(const struct name *n)
{
    return *n->s ? json_string(n->s) : NULL;
}

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

/* --- its machine --- */

READER(cpus)
{
    int64_t n;
    if (value_int(v, 1, INSTANCE_CPUS_MAX, at, &n, e) < 0)
        return -1;
    ((struct spec *)obj)->cpus = (unsigned)n;
    return 0;
}

static json_t *emit_number(const struct spec *s, uint64_t n)
{
    return s->launcher == LAUNCHER_ROOST ? json_integer((json_int_t)n) : NULL;
}

EMITTER(cpus)
{
    const struct spec *s = obj;
    return emit_number(s, s->cpus);
}

READER(memory)
{
    uint64_t bytes;
    char is[24], limit[24];
    if (value_size(v, INSTANCE_MEMORY_MIN, at, &bytes, e) < 0)
        return -1;
    if (bytes > INSTANCE_MEMORY_MAX)
        return spot_bad(at, e, "%s is more than %s", format_size(bytes, is),
                        format_size(INSTANCE_MEMORY_MAX, limit));
    ((struct spec *)obj)->memory = bytes;
    return 0;
}

EMITTER(memory)
{
    const struct spec *s = obj;
    return emit_number(s, s->memory);
}

/* --- its disks --- */

READER(disk)
{
    struct drive d;
    spec_root(obj, &d);
    if (drive_read(&d, true, v, at, e) < 0)
        return -1;
    return spec_set_root(obj, &d, e) < 0 ? spot_wrap(at, e) : 0;
}

EMITTER(disk)
{
    const struct spec *s = obj;
    struct drive d;
    spec_root(s, &d);
    return s->launcher == LAUNCHER_ROOST ? drive_emit(&d, true) : NULL;
}

/* Of a root disk that roost makes, in either canonical form; -1: of a file. */
static json_int_t size_of(const json_t *spec)
{
    const json_t *disk = json_object_get(spec, "disk");
    const json_t *size = json_is_object(disk) ? json_object_get(disk, "size") : disk;
    return size ? json_integer_value(size) : -1;
}

static enum change judge_disk(const json_t *old, const json_t *new_)
{
    json_int_t was = size_of(old), is = size_of(new_);
    return is < 0 || is >= was ? CHANGE_RESTART : CHANGE_REBUILD;
}

READER(disks)
{
    struct spec *s = obj;
    return drives_read(v, at, &s->drives, &s->n_drives, e);
}

EMITTER(disks)
{
    const struct spec *s = obj;
    return drives_emit(s->drives, s->n_drives);
}

READER(firmware)
{
    struct spec *s = obj;
    int firmware;
    if (value_kind(v, FIRMWARES, firmware_name, at, &firmware, e) < 0)
        return -1;
    s->firmware = (enum firmware)firmware;
    s->firmware_set = true;
    return 0;
}

EMITTER(firmware)
{
    const struct spec *s = obj;
    return s->firmware_set ? json_string(firmware_name(s->firmware)) : NULL;
}

READER(cdrom)
{
    return media_read_cdrom(&((struct spec *)obj)->media, v, at, e);
}

EMITTER(cdrom)
{
    return media_emit_cdrom(&((const struct spec *)obj)->media);
}

READER(boot)
{
    return media_read_boot(&((struct spec *)obj)->media, v, at, e);
}

EMITTER(boot)
{
    return media_emit_boot(&((const struct spec *)obj)->media);
}
/* Words of its machine (model/machine_field.c). */
#define MACHINE_WORD(name)                                                                         \
    READER(name)                                                                                   \
    {                                                                                              \
        return machine_read_##name(&((struct spec *)obj)->machine, v, at, e);                      \
    }                                                                                              \
    EMITTER(name)                                                                                  \
    {                                                                                              \
        return machine_emit_##name(&((const struct spec *)obj)->machine);                          \
    }
MACHINE_WORD(cpu)
MACHINE_WORD(display)
MACHINE_WORD(firmware_code)
MACHINE_WORD(firmware_vars)
MACHINE_WORD(devices)
MACHINE_WORD(keymap)
MACHINE_WORD(type)
MACHINE_WORD(arguments)

READER(autostart)
{
    return value_bool(v, at, &((struct spec *)obj)->autostart, e);
}

EMITTER(autostart)
{
    const struct spec *s = obj;
    return s->launcher == LAUNCHER_ROOST ? json_boolean(s->autostart) : NULL;
}

READER(autostart_order)
{
    int64_t n;
    if (value_int(v, 0, AUTOSTART_ORDER_MAX, at, &n, e) < 0)
        return -1;
    ((struct spec *)obj)->autostart_order = (unsigned)n;
    return 0;
}

EMITTER(autostart_order)
{
    const struct spec *s = obj;
    return s->launcher == LAUNCHER_ROOST && s->autostart_order != AUTOSTART_ORDER
               ? json_integer(s->autostart_order)
               : NULL;
}

/* --- who it is --- */

READER(tag)
{
    const char *s;
    if (value_text(v, 256, at, &s, e) < 0)
        return -1;
    if (tag_is_filler(s, strlen(s)))
        return spot_bad(at, e,
                        "\"%.64s\" is what firmware leaves in the field: it names no machine", s);
    return tag_parse(s, strlen(s), &((struct spec *)obj)->tag, e) < 0 ? spot_wrap(at, e) : 0;
}

EMITTER(tag)
{
    const struct spec *s = obj;
    return *s->tag.s ? json_string(s->tag.s) : NULL;
}

READER(uuid)
{
    const char *s;
    if (value_text(v, 256, at, &s, e) < 0)
        return -1;
    return uuid_parse(s, &((struct spec *)obj)->uuid, e) < 0 ? spot_wrap(at, e) : 0;
}

EMITTER(uuid)
{
    const struct spec *s = obj;
    return *s->uuid.s ? json_string(s->uuid.s) : NULL;
}

READER(serial)
{
    const char *s;
    if (value_ascii(v, 256, at, &s, e) < 0)
        return -1;
    return serial_parse(s, strlen(s), &((struct spec *)obj)->serial, e) < 0 ? spot_wrap(at, e) : 0;
}

EMITTER(serial)
{
    const struct spec *s = obj;
    return *s->serial.s ? json_string(s->serial.s) : NULL;
}

READER(mac)
{
    struct spec *s = obj;
    const char *text;
    if (value_text(v, 256, at, &text, e) < 0)
        return -1;
    if (mac_parse(text, &s->mac, e) < 0)
        return spot_wrap(at, e);
    s->mac_set = true;
    return 0;
}

EMITTER(mac)
{
    const struct spec *s = obj;
    char text[MAC_TEXT];
    return s->mac_set ? json_string(mac_format(&s->mac, text)) : NULL;
}

READER(address)
{
    const char *s;
    if (value_text(v, 256, at, &s, e) < 0)
        return -1;
    return ip_parse(s, &((struct spec *)obj)->address, e) < 0 ? spot_wrap(at, e) : 0;
}

EMITTER(address)
{
    const struct spec *s = obj;
    char text[IP_TEXT];
    return s->address.family ? json_string(ip_format(&s->address, text)) : NULL;
}

static enum change judge_address(const json_t *old, const json_t *new_)
{
    const char *how = json_string_value(json_object_get(new_, "bootstrapper"));
    (void)old;
    return how && bootstrapper_is_drive((enum bootstrapper)bootstrapper_from_name(how))
               ? CHANGE_REBUILD
               : CHANGE_RESTART;
}

READER(nics)
{
    struct spec *s = obj;
    return value_nics(v, at, s->nics, &s->n_nics, e);
}

EMITTER(nics)
{
    const struct spec *s = obj;
    return nics_emit(s->nics, s->n_nics);
}

READER(forwards)
{
    struct spec *s = obj;
    return value_hostfwds(v, at, s->forwards, &s->n_forwards, e);
}

EMITTER(forwards)
{
    const struct spec *s = obj;
    return hostfwds_emit(s->forwards, s->n_forwards);
}

READER(domain)
{
    struct spec *s = obj;
    const char *text;
    if (value_text(v, DOMAIN_MAX_LEN, at, &text, e) < 0)
        return -1;
    if (!*text) {
        s->domain[0] = '\0';
        return 0;
    }
    return domain_parse(text, s->domain, e) < 0 ? spot_wrap(at, e) : 0;
}

EMITTER(domain)
{
    const struct spec *s = obj;
    return *s->domain ? json_string(s->domain) : NULL;
}

/* --- what it is told --- */

static int read_document(const json_t *v, char **doc, size_t *doc_len, const struct spot *at,
                         struct err *e)
{
    char *bytes;
    size_t len;
    if (value_bytes(v, USER_DATA_MAX, at, &bytes, &len, e) < 0)
        return -1;
    free(*doc);
    *doc = bytes;
    *doc_len = len;
    return 0;
}

READER(user_data)
{
    struct spec *s = obj;
    return read_document(v, &s->user_data, &s->user_data_len, at, e);
}

EMITTER(user_data)
{
    const struct spec *s = obj;
    return s->user_data ? bytes_emit(s->user_data, s->user_data_len) : NULL;
}

READER(vendor_data)
{
    struct spec *s = obj;
    return read_document(v, &s->vendor_data, &s->vendor_data_len, at, e);
}

EMITTER(vendor_data)
{
    const struct spec *s = obj;
    return s->vendor_data ? bytes_emit(s->vendor_data, s->vendor_data_len) : NULL;
}

READER(vars)
{
    struct spec *s = obj;
    json_t *vars = hostvars_merge(s->vars, v, at, e);
    if (!vars)
        return -1;
    json_decref(s->vars);
    s->vars = vars;
    return 0;
}

EMITTER(vars)
{
    const struct spec *s = obj;
    return s->vars && json_object_size(s->vars) > 0 ? json_incref(s->vars) : NULL;
}

READER(playbook)
{
    return value_playbook(v, at, &((struct spec *)obj)->playbook, e);
}

EMITTER(playbook)
{
    const struct spec *s = obj;
    return *s->playbook.s ? json_string(s->playbook.s) : NULL;
}

READER(needs)
{
    struct spec *s = obj;
    return value_needs(v, at, s->needs, &s->n_needs, e);
}

EMITTER(needs)
{
    const struct spec *s = obj;
    return names_emit(s->needs, s->n_needs);
}

#define ROW(text, name)                                                                            \
    {                                                                                              \
        text, read_##name, emit_##name                                                             \
    }
static const struct field fields[] = {
    { ROW("address", address), FIELD_OWN, CHANGE_RESTART, judge_address },
    { ROW("autostart", autostart), FIELD_ROOST, CHANGE_LIVE, NULL },
    { ROW("autostart-order", autostart_order), FIELD_ROOST, CHANGE_LIVE, NULL },
    { ROW("boot", boot), FIELD_ROOST, CHANGE_RESTART, NULL },
    { ROW("bootstrapper", bootstrapper), 0, CHANGE_REBUILD, NULL },
    { ROW("cdrom", cdrom), FIELD_ROOST, CHANGE_RESTART, NULL },
    { { "count", NULL, NULL }, FIELD_OWN, CHANGE_NONE, NULL },
    { ROW("cpu", cpu), FIELD_ROOST, CHANGE_RESTART, NULL },
    { ROW("cpus", cpus), FIELD_ROOST, CHANGE_RESTART, NULL },
    { ROW("disk", disk), FIELD_ROOST, CHANGE_RESTART, judge_disk },
    { ROW("disks", disks), FIELD_ROOST, CHANGE_RESTART, NULL },
    { ROW("display", display), FIELD_ROOST, CHANGE_RESTART, NULL },
    { ROW("domain", domain), 0, CHANGE_REBUILD, NULL },
    { ROW("firmware", firmware), FIELD_ROOST, CHANGE_RESTART, NULL },
    { ROW("firmware-code", firmware_code), FIELD_ROOST, CHANGE_RESTART, NULL },
    { ROW("firmware-vars", firmware_vars), FIELD_ROOST, CHANGE_RESTART, NULL },
    { ROW("forwards", forwards), FIELD_OWN | FIELD_ROOST, CHANGE_LIVE, NULL },
    { ROW("groups", groups), 0, CHANGE_LIVE, NULL },
    { ROW("host-devices", devices), FIELD_ROOST, CHANGE_RESTART, NULL },
    { ROW("identities", identities), 0, CHANGE_REBUILD, NULL },
    { ROW("image", image), FIELD_ROOST, CHANGE_REBUILD, NULL },
    { ROW("keymap", keymap), FIELD_ROOST, CHANGE_RESTART, NULL },
    { ROW("launcher", launcher), FIELD_FIXED, CHANGE_NONE, NULL },
    { ROW("mac", mac), FIELD_OWN | FIELD_FIXED, CHANGE_NONE, NULL },
    { ROW("machine", type), FIELD_ROOST, CHANGE_RESTART, NULL },
    { ROW("memory", memory), FIELD_ROOST, CHANGE_RESTART, NULL },
    { ROW("needs", needs), 0, CHANGE_LIVE, NULL },
    { ROW("network", network), 0, CHANGE_REBUILD, NULL },
    { ROW("nics", nics), FIELD_ROOST, CHANGE_RESTART, judge_address },
    { ROW("playbook", playbook), 0, CHANGE_LIVE, NULL },
    { ROW("qemu-arguments", arguments), FIELD_ROOST, CHANGE_RESTART, NULL },
    { ROW("serial", serial), FIELD_OWN | FIELD_FIXED, CHANGE_NONE, NULL },
    { ROW("tag", tag), FIELD_OWN | FIELD_FIXED, CHANGE_NONE, NULL },
    { ROW("user-data", user_data), 0, CHANGE_REBUILD, NULL },
    { ROW("uuid", uuid), FIELD_OWN | FIELD_FIXED, CHANGE_NONE, NULL },
    { ROW("vars", vars), 0, CHANGE_LIVE, NULL },
    { ROW("vendor-data", vendor_data), 0, CHANGE_REBUILD, NULL },
};
const struct words spec_words = WORDS("instance", fields);

const struct field *spec_field(size_t i)
{
    return &fields[i];
}
