#include "bootstrap/qemu.h"

#include <inttypes.h>
#include <string.h>

#include "base/parse.h"
#include "bootstrap/platform.h"
#include "bootstrap/qemu_priv.h"
#include "bootstrap/smbios.h"

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
    if (f == QEMU_LOCK || ((f == QEMU_CONSOLE || qemu_is_tap(f)) && !p->qmp_socket))
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
                           qemu_file_name((enum qemu_file)f), by_path ? "twice, by path and by descriptor" : "nowhere");
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
    if (qemu_has_taps(l) && !p->qmp_socket && !p->tap_scripts)
        return err_set(e, ERR_INVALID, "instance %s: no qemu-ifup for its tap", l->instance.s);
    return 0;
}

static void add_descriptors(struct render *r)
{
    for (int f = 0; f < QEMU_FILES; f++) {
        if (!is_wanted(r->l, r->p, (enum qemu_file)f) || r->p->fd[f] < 0 ||
            qemu_is_tap((enum qemu_file)f) ||
            qemu_opens_plainly((enum qemu_file)f))
            continue;
        argv_add(r->out, "-add-fd");
        argv_addf(r->out, "fd=%d,set=%d,opaque=%s", r->p->fd[f], f, qemu_file_name((enum qemu_file)f));
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
    bool scripts = qemu_has_taps(r->l) && !r->p->qmp_socket;
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
