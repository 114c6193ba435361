/* What the QEMU of an architecture can do (bootstrap/emulator.h): asked once per binary, when an
 * instance is defined with words that hang on it; kept in memory and in FILE_EMULATOR. */
#ifndef SERVER_CORE_EMULATOR_H
#define SERVER_CORE_EMULATOR_H

#include "bootstrap/emulator.h"
#include "server/core_priv.h"

/* fn once all is known of these architectures (bits by enum arch) that can be: before this returns
 * where it is, else from the loop. c->ending: core_free() lets go. -1: fn is not called. */
int emulators_ask(struct core *c, unsigned archs, void (*fn)(void *arg), void *arg, struct err *e);

/* Are there words of the instance's that QEMU has a say in? */
bool emulator_concerns(const struct spec *s);
/* By what is known. 1: nothing is, and `why` says why; 0: it is fine; -1: it is not. remark is
 * called for what is right but will not stay so, or not here. */
#define EMULATOR_WHY 256
int emulator_check(struct core *c, const struct spec *s, enum arch a,
                   void (*remark)(const char *text, void *arg), void *arg, char why[EMULATOR_WHY],
                   struct err *e);

#endif
