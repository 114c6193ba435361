/* Words of an instance: its machine and disks. */
#include "base/parse.h"
#include "model/instance_word.h"
#include "model/machine_field.h"

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
