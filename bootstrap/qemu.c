#include "bootstrap/qemu.h"

#include <inttypes.h>
#include <string.h>

#include "base/parse.h"
#include "bootstrap/platform.h"
#include "bootstrap/qemu_priv.h"
#include "bootstrap/smbios.h"

/* How people call the files, in messages and in the opaque word of -add-fd. */
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

static const char *file_name(enum qemu_file f)
{
    if (is_top(f))
        return "volatile";
    return f >= QEMU_DRIVE0 && f <= QEMU_DRIVE_LAST ? "drive" : file_names[f];
}

/* QEMU reads these itself with open(2), past its fdset: /proc/self/fd/N is the same file there. */
static bool by_plain_open(enum qemu_file f)
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

static bool is_tap(enum qemu_file f)
{
    return f >= QEMU_TAP && f <= QEMU_TAP_LAST;
}

/* Has the guest a card that wants this descriptor? */
static bool has_tap(const struct launch *l, enum qemu_file f)
{
    int other = (int)f - QEMU_TAP - 1;
    return other < 0 ? l->tap : other < l->n_nics && l->nics[other].tap;
}

static bool has_taps(const struct launch *l)
{
    for (int f = QEMU_TAP; f <= QEMU_TAP_LAST; f++)
        if (has_tap(l, (enum qemu_file)f))
            return true;
    return false;
}

bool qemu_needs(const struct launch *l, enum qemu_file f)
{
    if (is_tap(f))
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

/* --- do launch and place fit? ---------------------------------------------------------------- */

static int check_launch(const struct launch *l, struct err *e)
{
    const struct platform *m = platform_of(l->arch);
    const char *name = l->instance.s;
    if (l->firmware == FIRMWARE_BIOS && !m->has_bios)
        return err_set(e, ERR_INVALID, "instance %s: firmware: %s machines have no bios: say uefi",
                       name, arch_name(l->arch));
    if (l->tap != (l->network_kind != NETWORK_USER))
        return err_set(e, ERR_INVALID, "instance %s: a network of kind %s %s", name,
                       network_kind_name(l->network_kind), l->tap ? "has no taps" : "wants a tap");
    if (l->cpus < 1 || l->cpus > m->cpus_max)
        return err_set(e, ERR_INVALID, "instance %s: %u CPUs, between 1 and %u are possible", name,
                       l->cpus, m->cpus_max);
    if (machine_fits(&l->machine, l->arch, &l->firmware, e) < 0 ||
        machine_check(&l->machine, e) < 0)
        return err_wrap(e, "instance %s", name);
    if (l->memory < 1u << 20)
        return err_set(e, ERR_INVALID, "instance %s: less than 1 MiB of memory", name);
    if (l->image_format == DISK_NONE && !l->has_kernel && !l->root.file[0] &&
        l->media.boot == BOOT_DISK)
        return err_set(e, ERR_INVALID, "instance %s: neither disk nor kernel, nothing would boot",
                       name);
    if (l->has_initrd && !l->has_kernel)
        return err_set(e, ERR_INVALID, "instance %s: an initrd without a kernel", name);
    if (!ascii_printable(l->cmdline, strlen(l->cmdline)))
        return err_set(e, ERR_INVALID, "instance %s: kernel command line is no printable ASCII",
                       name);
    return 0;
}

/* In vm.sh the terminal is the console and there is no log, and QEMU makes its tap itself; the lock
 * is never named here. */
static bool is_wanted(const struct launch *l, const struct qemu_place *p, enum qemu_file f)
{
    if (f == QEMU_LOCK || ((f == QEMU_CONSOLE || is_tap(f)) && !p->qmp_socket))
        return false;
    return qemu_needs(l, f);
}

static int check_place(const struct launch *l, const struct qemu_place *p, struct err *e)
{
    if (!p->binary)
        return err_set(e, ERR_INVALID, "instance %s: no QEMU binary", l->instance.s);
    if (!p->qmp_socket != !p->console_socket)
        return err_set(e, ERR_INVALID, "instance %s: QMP and console sockets come together",
                       l->instance.s);
    for (int f = 0; f < QEMU_FILES; f++) {
        bool by_path = p->path[f] != NULL;
        bool by_fd = p->fd[f] >= 0;
        if (is_wanted(l, p, (enum qemu_file)f) && by_path == by_fd)
            return err_set(e, ERR_INVALID, "instance %s: %s is given %s", l->instance.s,
                           file_name((enum qemu_file)f), by_path ? "twice, by path and by descriptor" : "nowhere");
    }
    if (p->qmp_socket && (l->machine.display == DISPLAY_VNC) != (p->vnc_socket != NULL))
        return err_set(e, ERR_INVALID, "instance %s: a VNC socket is of display vnc",
                       l->instance.s);
    if (p->secure_firmware && (l->machine.type[0] == 'p' && strncmp(l->machine.type, "pc-q35", 6)))
        return err_set(e, ERR_INVALID,
                       "instance %s: machine: %s has no SMM that holds Secure Boot: say q35",
                       l->instance.s, l->machine.type);
    if (!strncmp(l->machine.cpu, "host", 4) && strchr(",", l->machine.cpu[4]) &&
        p->qmp_socket && p->accel != ACCEL_KVM)
        return err_set(e, ERR_INVALID,
                       "instance %s: cpu: host needs KVM, and this guest is emulated: say max, or "
                       "nothing",
                       l->instance.s);
    for (int f = QEMU_TAP; f <= QEMU_TAP_LAST; f++)
        if (p->path[f])
            return err_set(e, ERR_INVALID, "instance %s: a tap has no path", l->instance.s);
    if (has_taps(l) && !p->qmp_socket && !p->tap_scripts)
        return err_set(e, ERR_INVALID, "instance %s: no qemu-ifup for its tap", l->instance.s);
    return 0;
}

/* --- pieces ---------------------------------------------------------------------------------- */

void qemu_opt(struct render *r, const char *name, const char *value)
{
    argv_add(r->out, name);
    argv_add(r->out, value);
}

void qemu_opt_buf(struct render *r, const char *name, const struct buf *value)
{
    qemu_opt(r, name, buf_str(value));
    r->out->failed |= value->failed;
}

void qemu_put_text(struct buf *b, const char *s)
{
    for (; *s; s++) {
        if (*s == ',')
            buf_putc(b, ',');
        buf_putc(b, *s);
    }
}

void qemu_put_file(struct buf *b, const struct qemu_place *p, enum qemu_file f)
{
    if (p->fd[f] < 0)
        qemu_put_text(b, p->path[f]);
    else if (by_plain_open(f))
        buf_printf(b, "/proc/self/fd/%d", p->fd[f]);
    else
        buf_printf(b, "/dev/fdset/%d", (int)f);
}

static void add_descriptors(struct render *r)
{
    for (int f = 0; f < QEMU_FILES; f++) {
        if (!is_wanted(r->l, r->p, (enum qemu_file)f) || r->p->fd[f] < 0 ||
            is_tap((enum qemu_file)f) ||
            by_plain_open((enum qemu_file)f))
            continue;
        argv_add(r->out, "-add-fd");
        argv_addf(r->out, "fd=%d,set=%d,opaque=%s", r->p->fd[f], f, file_name((enum qemu_file)f));
    }
}

static void add_process(struct render *r)
{
    argv_add(r->out, r->p->binary);
    argv_add(r->out, "-name");
    argv_addf(r->out, "guest=%s,process=roost-%s", r->l->instance.s, r->l->instance.s);
    argv_add(r->out, "-no-user-config");
    argv_add(r->out, "-nodefaults");
    qemu_add_display(r);
    qemu_opt(r, "-msg", "timestamp=on");
    /* elevateprivileges=deny and =children kill QEMU at the setuid(2) of its own -runas. Nothing is
     * lost then: the filter comes with no_new_privs, spawn=deny forbids exec, and the user it
     * becomes has no capability. */
    argv_add(r->out, "-sandbox");
    /* Where QEMU makes its tap itself, it runs qemu-ifup and qemu-ifdown. */
    bool scripts = has_taps(r->l) && !r->p->qmp_socket;
    argv_addf(r->out, "on,obsolete=deny,%s%sresourcecontrol=deny",
              r->p->run_as ? "" : "elevateprivileges=deny,", scripts ? "" : "spawn=deny,");
    if (r->p->run_as)
        qemu_opt(r, "-runas", r->p->run_as);
}

static int add_identity(struct render *r, struct err *e)
{
    auto_buf struct buf chassis = BUF_INIT;
    buf_puts(&chassis, "type=3,asset=");
    if (smbios_value(&chassis, r->l->tag.s, e) < 0)
        return -1;
    qemu_opt(r, "-uuid", r->l->uuid.s);
    if (r->l->seed) {
        auto_buf struct buf blob = BUF_INIT;
        buf_puts(&blob, "file=");
        qemu_put_file(&blob, r->p, QEMU_SMBIOS);
        qemu_opt_buf(r, "-smbios", &blob);
    }
    qemu_opt_buf(r, "-smbios", &chassis);
    return 0;
}

static void add_consoles(struct render *r)
{
    const struct qemu_place *p = r->p;
    if (!p->qmp_socket) {
        qemu_opt(r, "-chardev", "stdio,id=console,mux=on,signal=off");
        qemu_opt(r, "-serial", "chardev:console");
        qemu_opt(r, "-mon", "chardev=console,mode=readline");
        return;
    }
    auto_buf struct buf console = BUF_INIT;
    buf_puts(&console, "socket,id=console,path=");
    qemu_put_text(&console, p->console_socket);
    buf_puts(&console, ",server=on,wait=off,logappend=on,logfile=");
    qemu_put_file(&console, p, QEMU_CONSOLE);
    qemu_opt_buf(r, "-chardev", &console);
    qemu_opt(r, "-serial", "chardev:console");
    auto_buf struct buf qmp = BUF_INIT;
    buf_puts(&qmp, "socket,id=qmp,path=");
    qemu_put_text(&qmp, p->qmp_socket);
    buf_puts(&qmp, ",server=on,wait=off");
    qemu_opt_buf(r, "-chardev", &qmp);
    qemu_opt(r, "-mon", "chardev=qmp,mode=control");
}

int qemu_args(const struct launch *l, const struct qemu_place *p, struct argv *out, struct err *e)
{
    struct render r = { .l = l, .p = p, .out = out };
    if (check_launch(l, e) < 0 || check_place(l, p, e) < 0)
        return -1;
    add_process(&r);
    qemu_add_machine(&r);
    if (add_identity(&r, e) < 0)
        return -1;
    add_descriptors(&r);
    qemu_add_firmware(&r);
    qemu_add_disks(&r);
    qemu_add_media(&r);
    qemu_add_kernel(&r);
    qemu_add_network(&r);
    qemu_add_video(&r);
    qemu_add_host_devices(&r);
    add_consoles(&r);
    qemu_add_arguments(&r);
    return out->failed ? err_set(e, ERR_INTERNAL, "out of memory") : 0;
}
