#include "model/instance_field.h"

#include "model/instance_word.h"

/* --- what a change asks for, where that depends --- */

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

static enum change judge_address(const json_t *old, const json_t *new_)
{
    const char *how = json_string_value(json_object_get(new_, "bootstrapper"));
    (void)old;
    return how && bootstrapper_is_drive((enum bootstrapper)bootstrapper_from_name(how))
               ? CHANGE_REBUILD
               : CHANGE_RESTART;
}

/* --- the table --- */

#define ROW(text, name)                                                                            \
    {                                                                                              \
        text, spec_read_##name, spec_emit_##name                                                             \
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
