/* The files of a guest's QEMU: which there are, which a guest needs, where they are. */
#ifndef BOOTSTRAP_QEMU_FILE_H
#define BOOTSTRAP_QEMU_FILE_H

#include "base/spawn.h"
#include "model/verb.h"

enum qemu_file {
    QEMU_DISK, /* the root disk: the overlay, or a file in place of one */
    QEMU_BASE, /* the image below it, read-only */
    QEMU_KERNEL,
    QEMU_INITRD,
    QEMU_SMBIOS,  /* type 1 blob */
    QEMU_CODE,    /* firmware code, read-only pflash */
    QEMU_VARS,    /* firmware variables, the guest's own */
    QEMU_CONSOLE, /* console log, append */
    QEMU_LOCK,    /* instance.lock: only inherited, never named */
    /* A launch with `tap`: a tap's descriptor, never a path; vm.sh makes its own. Those of its further
     * cards follow it. */
    QEMU_TAP,
    QEMU_TAP_LAST = QEMU_TAP + NICS_OTHER,
    QEMU_SEED,    /* the seed's volume, read-only */
    /* The other disks by their place in the launch, then what takes the writes of volatile ones. */
    QEMU_DRIVE0,
    QEMU_DRIVE_LAST = QEMU_DRIVE0 + DRIVES_MAX - 1,
    QEMU_TOP, /* over QEMU_DISK */
    QEMU_TOP0,
    QEMU_TOP_LAST = QEMU_TOP0 + DRIVES_MAX - 1,
    QEMU_CDROM,   /* what is in the CD-ROM drive, read-only */
    QEMU_FILES
};

struct qemu_place {
    const char *binary;
    enum accel accel;
    /* Exactly one of the two per file that the guest has. */
    const char *path[QEMU_FILES]; /* NULL: not by path */
    int fd[QEMU_FILES];           /* number inside the child, -1: not by descriptor */
    const char *qmp_socket;       /* NULL: monitor and serial are the terminal's (vm.sh) */
    const char *console_socket;
    const char *tap_scripts; /* vm.sh: above the networks' directories with their qemu-ifup, qemu-ifdown */
    const char *vnc_socket;    /* of a guest with display vnc; NULL (vm.sh): a window instead */
    bool secure_firmware;      /* its code is a build that wants SMM (Secure Boot) */
    const char *run_as;      /* user for -runas, NULL: none */
    unsigned tcg_tb_mib;     /* translation buffer under TCG */
};
void qemu_place_init(struct qemu_place *p); /* all absent */

/* The disk that is in a file of its own or somebody's (QEMU_DISK, QEMU_DRIVE0 …) or in what takes its
 * writes; NULL: another kind of file. */
const struct drive *qemu_drive(const struct launch *l, enum qemu_file f);
bool qemu_is_bottom(enum qemu_file f); /* of these two the former */
/* May QEMU write to it? Of a file that is open for reading only it must not be said so. */
bool qemu_writes(const struct launch *l, enum qemu_file f);
/* The CD-ROM drive's name in QMP. */
#define QEMU_CDROM_ID "cdrom0"

/* Which files this guest needs. */
bool qemu_needs(const struct launch *l, enum qemu_file f);

/* How people call it, in messages and in the opaque word of -add-fd. */
const char *qemu_file_name(enum qemu_file f);
bool qemu_is_tap(enum qemu_file f);
bool qemu_has_taps(const struct launch *l);
/* QEMU reads it itself with open(2), past its fdset: /proc/self/fd/N is the same file there. */
bool qemu_opens_plainly(enum qemu_file f);

#endif
