#include "bootstrap/vmsh.h"

#include <stdio.h>
#include <string.h>

#include "bootstrap/firmware.h"
#include "bootstrap/platform.h"
#include "model/layout.h"

static const char head[] =
    "#!/bin/sh\n"
    "# Guest %s by hand: works without roost. Its console and QEMU's monitor are on this terminal\n"
    "# (Ctrl-a c changes between them, Ctrl-a x ends QEMU at once, `poweroff` in the guest is "
    "kinder);\n";
static const char about_user[] =
    "# `info usernet` in the monitor tells the port on 127.0.0.1 that leads to its SSH.\n";
static const char about_tap[] =
    "# it is on network %s, which has to be up, by a tap that QEMU makes: that needs root.\n";
static const char written[] =
    "# Written by roostd from the instance's definition; changes are lost: roost apply is the "
    "way.\n"
    "set -eu\n"
    "cd \"$(dirname \"$0\")\"\n"
    "\n";
static const char exported[] =
    "# Written by roost instance export; it knows nothing of what is changed later.\n"
    "set -eu\n";
static const char root[] =
    "[ \"$(id -u)\" = 0 ] || {\n"
    "    echo \"%s is on network %s: a tap needs root, run this by sudo\" >&2\n"
    "    exit 5\n"
    "}\n"
    "\n";
static const char start[] =
    "# Two QEMUs on one disk destroy it: whoever runs the guest holds this lock.\n"
    "exec 9>>" FILE_LOCK_QEMU "\n"
    "flock -n 9 || {\n"
    "    echo \"%s runs already, under roost or another vm.sh: roost instance stop %s\" >&2\n"
    "    exit 6\n"
    "}\n"
    "\n"
    "# What roost found to work here (or ACCEL=kvm, ACCEL=tcg), where this is a %s.\n"
    "case ${ACCEL:-$(uname -m) $(head -n 1 ../../" FILE_ACCEL " 2>/dev/null || :)} in\n"
    "kvm | \"%s kvm\") set -- -accel kvm -cpu %s \"$@\" ;;\n"
    "*) set -- -accel tcg,tb-size=256 -cpu %s \"$@\" ;;\n"
    "esac\n"
    "\n";

static void put_place(struct buf *out, const char *directory)
{
    if (!directory) {
        buf_puts(out, written);
        return;
    }
    buf_puts(out, exported);
    buf_puts(out, "cd ");
    buf_shell(out, directory);
    buf_puts(out, "\n\n");
}

/* A network that it is on by a tap; NULL: none. */
static const struct name *tap_network(const struct launch *l)
{
    if (l->tap)
        return &l->network;
    for (int i = 0; i < l->n_nics; i++)
        if (l->nics[i].tap)
            return &l->nics[i].network;
    return NULL;
}

static void put_head(struct buf *out, const struct launch *l, const char *directory)
{
    const struct name *network = tap_network(l);

    buf_printf(out, head, l->instance.s);
    if (!l->tap)
        buf_puts(out, about_user);
    if (network)
        buf_printf(out, about_tap, network->s);
    put_place(out, directory);
    if (network)
        buf_printf(out, root, l->instance.s, network->s);
    const struct platform *m = platform_of(l->arch);
    const char *cpu = l->machine.cpu[0] ? l->machine.cpu : NULL;
    buf_printf(out, start, l->instance.s, l->instance.s, m->uname, m->uname, cpu ? cpu : "host",
               cpu ? cpu : m->tcg_cpu);
}

/* One option with its value per line. The accelerator is left out: "$@" has it, and what the person
 * added. */
static void put_command(struct buf *out, const struct argv *a)
{
    buf_puts(out, "exec ");
    buf_shell(out, a->v[0]);
    for (int i = 1; i < a->n; i++) {
        if (strcmp(a->v[i], "-accel") == 0 || strcmp(a->v[i], "-cpu") == 0) {
            i++;
            continue;
        }
        buf_puts(out, a->v[i][0] == '-' ? " \\\n    " : " ");
        buf_shell(out, a->v[i]);
    }
    buf_puts(out, " \\\n    \"$@\"\n");
}

void vmsh_disks(const struct launch *l, struct qemu_place *p, char (*name)[DRIVE_NAME_SIZE])
{
    for (int f = 0; f < QEMU_FILES; f++) {
        const struct drive *d = qemu_drive(l, (enum qemu_file)f);
        if (!d || !qemu_needs(l, (enum qemu_file)f))
            continue;
        const char *serial = d == &l->root ? "" : d->serial;
        if (!qemu_is_bottom((enum qemu_file)f))
            drive_top_name(serial, *name);
        else
            drive_name(serial, *name);
        p->path[f] = d->file[0] && qemu_is_bottom((enum qemu_file)f) ? d->file : *name;
        name++;
    }
}

static void put_volatile(struct buf *out, const struct drive *d, const char *file, const char *top)
{
    buf_printf(out, "qemu-img create -q -f qcow2 -F %s -b ",
               disk_format_name(d->file[0] ? d->format : DISK_QCOW2));
    buf_shell(out, file);
    buf_printf(out, " %s\n", top);
}

void vmsh_volatiles(struct buf *out, const struct launch *l, const struct qemu_place *p)
{
    bool first = true;

    for (int i = -1; i < (int)l->n_drives; i++) {
        int file = i < 0 ? QEMU_DISK : QEMU_DRIVE0 + i, top = i < 0 ? QEMU_TOP : QEMU_TOP0 + i;
        if (!qemu_needs(l, (enum qemu_file)top))
            continue;
        buf_puts(out, first ? "# What is written to these is gone the next time.\n" : "");
        first = false;
        put_volatile(out, i < 0 ? &l->root : &l->drives[i], p->path[file], p->path[top]);
    }
    buf_puts(out, first ? "" : "\n");
}

int vmsh_render(const struct launch *l, const char *binary, const char *firmware_code,
                const char *directory, struct buf *out, struct err *e)
{
    auto_buf struct buf dir = BUF_INIT;
    char kernel[PATH_SIZE];
    char initrd[PATH_SIZE];
    char base[PATH_SIZE];
    auto_argv struct argv a = ARGV_INIT;
    char names[2 * DRIVES_MAX + 2][DRIVE_NAME_SIZE];
    struct qemu_place p;
    qemu_place_init(&p);
    buf_printf(&dir, "../../" DIR_IMAGES "/%s", l->image.s);
    snprintf(kernel, sizeof(kernel), "%s/" FILE_IMAGE_KERNEL, buf_str(&dir));
    snprintf(initrd, sizeof(initrd), "%s/" FILE_IMAGE_INITRD, buf_str(&dir));
    snprintf(base, sizeof(base), "%s/" FILE_IMAGE_DISK, buf_str(&dir));
    p.secure_firmware = l->firmware == FIRMWARE_UEFI && firmware_is_secure(firmware_code);
    p.binary = binary;
    p.tap_scripts = "../../" DIR_NETWORKS;
    p.accel = ACCEL_TCG;
    vmsh_disks(l, &p, names);
    p.path[QEMU_BASE] = base;
    p.path[QEMU_KERNEL] = kernel;
    p.path[QEMU_INITRD] = initrd;
    p.path[QEMU_SMBIOS] = FILE_SMBIOS;
    p.path[QEMU_SEED] = FILE_SEED;
    p.path[QEMU_CDROM] = l->media.iso;
    p.path[QEMU_CODE] = firmware_code;
    p.path[QEMU_VARS] = FILE_VARS;
    if (qemu_args(l, &p, &a, e) < 0)
        return -1;
    put_head(out, l, directory);
    vmsh_volatiles(out, l, &p);
    put_command(out, &a);
    return buf_check(out, e);
}
