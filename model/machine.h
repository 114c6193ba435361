/* The machine that a guest gets beside its CPUs, memory, disks and cards: CPU model, machine type,
 * display, firmware of its own, and what root alone may allow: QEMU arguments and devices of the
 * host. Plain values; each text is in its one form. */
#ifndef MODEL_MACHINE_H
#define MODEL_MACHINE_H

#include "base/msg.h"
#include "model/image.h"

#define CPU_MAX               127
#define MACHINE_TYPE_MAX      31
#define KEYMAP_MAX            7
#define FIRMWARE_PATH_MAX     255
#define MACHINE_ARGUMENTS_MAX 32   /* words */
#define MACHINE_ARGUMENTS_LEN 1024 /* bytes of all, with a NUL behind each */
#define MACHINE_DEVICES_MAX   8
#define DEVICE_TEXT           40

enum display { DISPLAY_HEADLESS, DISPLAY_VNC, DISPLAY_GTK, DISPLAYS };
const char *display_name(enum display d);
int display_from_name(const char *s);

struct machine_def {
    char cpu[CPU_MAX + 1];           /* "" what fits; "max,avx2=on,svm=off" */
    char type[MACHINE_TYPE_MAX + 1]; /* "" q35, of arm64 virt */
    enum display display;
    char keymap[KEYMAP_MAX + 1];               /* of a display; "" en-us */
    char firmware_code[FIRMWARE_PATH_MAX + 1]; /* absolute; "" roost.conf's; both or none */
    char firmware_vars[FIRMWARE_PATH_MAX + 1]; /* a template */
    unsigned n_arguments, n_devices;
    char arguments[MACHINE_ARGUMENTS_LEN]; /* words, one after the other */
    char devices[MACHINE_DEVICES_MAX][DEVICE_TEXT];
};

/* "MODEL[,FEATURE…]": FEATURE is +NAME, -NAME or NAME=VALUE. +NAME becomes NAME=on. */
int cpu_parse(const char *s, char ret[CPU_MAX + 1], struct err *e);
/* q35, pc, virt, or one with its version: pc-q35-7.2, pc-i440fx-7.2, virt-7.2. */
int machine_type_parse(const char *s, char ret[MACHINE_TYPE_MAX + 1], struct err *e);
int keymap_parse(const char *s, char ret[KEYMAP_MAX + 1], struct err *e);
/* "pci:[DDDD:]BB:DD.F", "usb:VVVV:PPPP" (vendor and product) or "usb:BUS-PORT[.PORT…]". */
int device_parse(const char *s, char ret[DEVICE_TEXT], struct err *e);
/* Adds a word of QEMU's command line. Full: ERR_TOO_BIG. */
int machine_argument_add(struct machine_def *m, const char *word, struct err *e);
const char *machine_argument(const struct machine_def *m, unsigned i);

int machine_arguments_check(const struct machine_def *m, struct err *e);

/* Do its parts fit each other? The arguments are options of QEMU's with at most one value each, and
 * none of those by which roost holds a guest, or has words of its own for. */
int machine_check(const struct machine_def *m, struct err *e);
/* And do they fit the image's architecture, and the firmware that was asked for? */
int machine_fits(const struct machine_def *m, enum arch a, const enum firmware *asked, struct err *e);

/* What root allows: lists of patterns (fnmatch(3)) with blanks between them. Arguments match as
 * OPTION=VALUE or OPTION ("-device=virtio-balloon*"), devices by their text ("usb:046d:*"), files
 * lie below one of the directories. "*" allows all. Each message names the key of roost.conf. */
struct machine_limits {
    const char *arguments, *devices, *firmware;
};
int machine_allowed(const struct machine_def *m, const struct machine_limits *l, struct err *e);
/* Is the file, by its path, below one of the directories? */
bool path_allowed(const char *path, const char *directories);

/* Between the processes; the reader checks each value by its parser. */
void machine_encode(const struct machine_def *m, struct buf *out);
int machine_decode(struct msg_cur *c, struct machine_def *ret, struct err *e); /* not to the end */

#endif
