/* Between emulator.c (what QEMU says, read) and emulator_judge.c (what follows for a guest). */
#ifndef BOOTSTRAP_EMULATOR_PRIV_H
#define BOOTSTRAP_EMULATOR_PRIV_H

#include "bootstrap/emulator.h"

/* Names are printable ASCII without blanks. */
struct emulator {
    enum arch arch;
    char version[32];
    json_t *machines; /* {NAME: {"cpus": the most, "deprecated": bool}}, aliases too */
    json_t *cpus;     /* {NAME: deprecated} */
    json_t *features; /* {NAME: is it on or off?} */
    json_t *devices;  /* {NAME: true}, aliases too; empty: not known */
    json_t *displays; /* {NAME: true}; empty: not known */
};

#endif
