/* The words of struct machine_def in the table of an instance's (model/instance_field.c). */
#ifndef MODEL_MACHINE_FIELD_H
#define MODEL_MACHINE_FIELD_H

#include <jansson.h>

#include "model/machine.h"
#include "model/spot.h"

typedef int machine_read_fn(struct machine_def *m, const json_t *v, const struct spot *at,
                            struct err *e);
machine_read_fn machine_read_cpu, machine_read_type, machine_read_display, machine_read_keymap,
    machine_read_firmware_code, machine_read_firmware_vars, machine_read_arguments,
    machine_read_devices;
typedef json_t *machine_emit_fn(const struct machine_def *m); /* NULL: nothing was said */
machine_emit_fn machine_emit_cpu, machine_emit_type, machine_emit_display, machine_emit_keymap,
    machine_emit_firmware_code, machine_emit_firmware_vars, machine_emit_arguments,
    machine_emit_devices;

#endif
