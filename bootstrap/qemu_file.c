#include "bootstrap/qemu_file.h"

static const char *const file_names[QEMU_FILES] = {
    [QEMU_DISK] = "disk",
    [QEMU_BASE] = "base",
    [QEMU_KERNEL] = "kernel",
    [QEMU_INITRD] = "initrd",
    [QEMU_SMBIOS] = "smbios",
    [QEMU_CODE] = "firmware-code",
    [QEMU_VARS] = "firmware-variables",
    [QEMU_CONSOLE] = "console-log",
    [QEMU_LOCK] = "lock",
    [QEMU_TAP] = "tap", "tap", "tap", "tap", "tap", "tap", "tap", "tap",
    [QEMU_SEED] = "seed",
    [QEMU_CDROM] = "cdrom",
};

static bool is_top(enum qemu_file f)
{
    return f >= QEMU_TOP && f <= QEMU_TOP_LAST;
}

const char *qemu_file_name(enum qemu_file f)
{
    if (is_top(f))
        return "volatile";
    return f >= QEMU_DRIVE0 && f <= QEMU_DRIVE_LAST ? "drive" : file_names[f];
}

bool qemu_opens_plainly(enum qemu_file f)
{
    return f == QEMU_KERNEL || f == QEMU_INITRD || f == QEMU_SMBIOS;
}

void qemu_place_init(struct qemu_place *p)
{
    *p = (struct qemu_place){ .binary = NULL };
    for (int i = 0; i < QEMU_FILES; i++)
        p->fd[i] = -1;
}

/* Of the place `n` among the other disks. */
static const struct drive *drive_at(const struct launch *l, int n)
{
    return n < (int)l->n_drives ? &l->drives[n] : NULL;
}

const struct drive *qemu_drive(const struct launch *l, enum qemu_file f)
{
    if (f == QEMU_DISK || f == QEMU_TOP)
        return l->image_format != DISK_NONE || l->root.file[0] ? &l->root : NULL;
    if (f >= QEMU_DRIVE0 && f <= QEMU_DRIVE_LAST)
        return drive_at(l, (int)(f - QEMU_DRIVE0));
    if (f >= QEMU_TOP0 && f <= QEMU_TOP_LAST)
        return drive_at(l, (int)(f - QEMU_TOP0));
    return NULL;
}

bool qemu_writes(const struct launch *l, enum qemu_file f)
{
    const struct drive *d = qemu_drive(l, f);

    if (d)
        return is_top(f) || (!d->throw_away && !d->read_only);
    return f == QEMU_VARS || f == QEMU_CONSOLE;
}

bool qemu_is_bottom(enum qemu_file f)
{
    return f == QEMU_DISK || (f >= QEMU_DRIVE0 && f <= QEMU_DRIVE_LAST);
}

static bool needs_disk(const struct launch *l, enum qemu_file f)
{
    const struct drive *d = qemu_drive(l, f);

    return d && (!is_top(f) || d->throw_away);
}

bool qemu_is_tap(enum qemu_file f)
{
    return f >= QEMU_TAP && f <= QEMU_TAP_LAST;
}

/* Has the guest a card that wants this descriptor? */
static bool has_tap(const struct launch *l, enum qemu_file f)
{
    int other = (int)f - QEMU_TAP - 1;
    return other < 0 ? l->tap : other < l->n_nics && l->nics[other].tap;
}

bool qemu_has_taps(const struct launch *l)
{
    for (int f = QEMU_TAP; f <= QEMU_TAP_LAST; f++)
        if (has_tap(l, (enum qemu_file)f))
            return true;
    return false;
}

bool qemu_needs(const struct launch *l, enum qemu_file f)
{
    if (qemu_is_tap(f))
        return has_tap(l, f);
    switch (f) {
    case QEMU_DISK:
    case QEMU_DRIVE0 ... QEMU_DRIVE_LAST:
    case QEMU_TOP:
    case QEMU_TOP0 ... QEMU_TOP_LAST:
        return needs_disk(l, f);
    case QEMU_BASE:
        return l->image_format != DISK_NONE;
    /* QEMU boots a kernel that it is given before anything else. */
    case QEMU_KERNEL:
        return l->has_kernel && l->media.boot == BOOT_DISK;
    case QEMU_INITRD:
        return l->has_initrd && l->media.boot == BOOT_DISK;
    case QEMU_SMBIOS:
        return l->seed;
    case QEMU_SEED:
        return l->seed_volume;
    case QEMU_CDROM:
        return l->media.iso[0] != '\0';
    case QEMU_CODE:
    case QEMU_VARS:
        return l->firmware == FIRMWARE_UEFI;
    case QEMU_CONSOLE:
    case QEMU_LOCK:
        return true;
    case QEMU_TAP:
    case QEMU_TAP_LAST:
    case QEMU_FILES:
        break;
    }
    return false;
}
