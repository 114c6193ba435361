/* What a QEMU can do, as it says itself: its machine types, CPU models and their features, devices
 * and displays. Asked once per binary, so that a guest's machine is judged when it is defined, not
 * when somebody starts it. Pure: whoever asks runs QEMU, and hands in what it printed. */
#ifndef BOOTSTRAP_EMULATOR_H
#define BOOTSTRAP_EMULATOR_H

#include <jansson.h>

#include "base/spawn.h"
#include "model/verb.h"

struct emulator;
struct emulator *emulator_new(enum arch a, struct err *e);
void emulator_free(struct emulator *m);                 /* NULL is fine */
const char *emulator_version(const struct emulator *m); /* "7.2.22" */

/* Its answers to these commands, run one after the other with `ret_input` as standard input, are
 * all that is known of it. None of them makes a machine. */
#define EMULATOR_QUESTIONS 3
#define EMULATOR_ANSWER    (4u << 20) /* bytes at most */
void emulator_question(const struct emulator *m, unsigned n, const char *binary, struct argv *out,
                       const char **ret_input);
/* Standard output of command n. ERR_INVALID: nothing that a QEMU says. */
int emulator_answer(struct emulator *m, unsigned n, const char *text, size_t len, struct err *e);

/* To keep, and back. New references; NULL: out of memory, or not of that architecture. */
json_t *emulator_to_json(const struct emulator *m);
struct emulator *emulator_from_json(const json_t *j, enum arch a);

/* Would it take the guest's machine? Looked at are architecture, CPUs, machine and disks of the
 * launch, of `l` nothing else; what its answers left open passes. ERR_INVALID begins with the word
 * that is wrong ("cpu: …") and ends with the nearest that is right. */
int emulator_judge(const struct emulator *m, const struct launch *l, struct err *e);
/* What is right but deprecated by it: fn for each, with a text as of emulator_judge(). */
void emulator_remarks(const struct emulator *m, const struct launch *l,
                      void (*fn)(const char *text, void *arg), void *arg);

#endif
