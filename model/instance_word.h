/* The words of an instance, for the one table of them (model/instance_field.c): a reader and an
 * emitter each, of and over a struct spec. Not for anybody else. */
#ifndef MODEL_INSTANCE_WORD_H
#define MODEL_INSTANCE_WORD_H

#include "model/spec.h"
#include "model/words.h"

#define READER(name)                                                                               \
    int spec_read_##name(void *obj, const json_t *v, const struct spot *at, struct err *e)
#define EMITTER(name) json_t *spec_emit_##name(const void *obj)
#define WORD(name)                                                                                 \
    READER(name);                                                                                  \
    EMITTER(name)

/* instance_word.c: who launches it, and what it refers to */
WORD(launcher);
WORD(bootstrapper);
WORD(image);
WORD(network);
WORD(identities);
WORD(groups);

/* instance_machine.c: its machine and disks */
WORD(cpus);
WORD(memory);
WORD(disk);
WORD(disks);
WORD(firmware);
WORD(cdrom);
WORD(boot);
WORD(autostart);
WORD(autostart_order);
WORD(cpu);
WORD(display);
WORD(firmware_code);
WORD(firmware_vars);
WORD(devices);
WORD(keymap);
WORD(type);
WORD(arguments);

/* instance_who.c: by what it is known, and where it is found */
WORD(tag);
WORD(uuid);
WORD(serial);
WORD(mac);
WORD(address);
WORD(nics);
WORD(forwards);
WORD(domain);

/* instance_told.c: what it is told at its first boot, and what configures it then */
WORD(user_data);
WORD(vendor_data);
WORD(vars);
WORD(playbook);
WORD(needs);

#endif
