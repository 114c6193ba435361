#include "bootstrap/qemu.h"

#include <inttypes.h>
#include <string.h>

#include "base/parse.h"
#include "bootstrap/smbios.h"
#include "model/layout.h"

enum { CPUS_MAX = 255 }; /* without an interrupt remapper, q35 addresses no more */

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
    [QEMU_TAP] = "tap",
};

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

bool qemu_needs(const struct launch *l, enum qemu_file f)
{
    switch (f) {
    case QEMU_DISK:
    case QEMU_BASE:
        return l->image_format != DISK_NONE;
    case QEMU_KERNEL:
        return l->has_kernel;
    case QEMU_INITRD:
        return l->has_initrd;
    case QEMU_SMBIOS:
        return l->seed;
    case QEMU_CODE:
    case QEMU_VARS:
        return l->firmware == FIRMWARE_UEFI;
    case QEMU_CONSOLE:
    case QEMU_LOCK:
        return true;
    case QEMU_TAP:
        return l->tap;
    case QEMU_FILES:
        break;
    }
    return false;
}

/* --- do launch and place fit? ---------------------------------------------------------------- */

static int check_launch(const struct launch *l, struct err *e)
{
    const char *name = l->instance.s;
    if (l->arch != ARCH_AMD64)
        return err_set(e, ERR_INVALID,
                       "instance %s: architecture %s cannot be launched yet, amd64 can", name,
                       arch_name(l->arch));
    if (l->tap != (l->network_kind != NETWORK_USER))
        return err_set(e, ERR_INVALID, "instance %s: a network of kind %s %s", name,
                       network_kind_name(l->network_kind), l->tap ? "has no taps" : "wants a tap");
    if (l->cpus < 1 || l->cpus > CPUS_MAX)
        return err_set(e, ERR_INVALID, "instance %s: %u CPUs, between 1 and %d are possible", name,
                       l->cpus, CPUS_MAX);
    if (l->memory < 1u << 20)
        return err_set(e, ERR_INVALID, "instance %s: less than 1 MiB of memory", name);
    if (l->image_format == DISK_NONE && !l->has_kernel)
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
    if (f == QEMU_LOCK || ((f == QEMU_CONSOLE || f == QEMU_TAP) && !p->qmp_socket))
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
                           file_names[f], by_path ? "twice, by path and by descriptor" : "nowhere");
    }
    if (p->path[QEMU_TAP])
        return err_set(e, ERR_INVALID, "instance %s: a tap has no path", l->instance.s);
    if (l->tap && !p->qmp_socket && !p->tap_scripts)
        return err_set(e, ERR_INVALID, "instance %s: no qemu-ifup for its tap", l->instance.s);
    return 0;
}

/* --- pieces ---------------------------------------------------------------------------------- */

/* What is common to the steps below. */
struct render {
    const struct launch *l;
    const struct qemu_place *p;
    struct argv *out;
};

static void opt(struct render *r, const char *name, const char *value)
{
    argv_add(r->out, name);
    argv_add(r->out, value);
}

static void opt_buf(struct render *r, const char *name, const struct buf *value)
{
    opt(r, name, buf_str(value));
    r->out->failed |= value->failed;
}

/* Text inside an option: QEMU's parser takes a doubled comma for one ("keyval" and QemuOpts alike).
 */
static void put_text(struct buf *b, const char *s)
{
    for (; *s; s++) {
        if (*s == ',')
            buf_putc(b, ',');
        buf_putc(b, *s);
    }
}

/* The name under which QEMU opens the file; fdset N is number N of enum qemu_file. */
static void put_file(struct buf *b, const struct qemu_place *p, enum qemu_file f)
{
    if (p->fd[f] < 0)
        put_text(b, p->path[f]);
    else if (by_plain_open(f))
        buf_printf(b, "/proc/self/fd/%d", p->fd[f]);
    else
        buf_printf(b, "/dev/fdset/%d", (int)f);
}

static void add_descriptors(struct render *r)
{
    for (int f = 0; f < QEMU_FILES; f++) {
        if (!is_wanted(r->l, r->p, (enum qemu_file)f) || r->p->fd[f] < 0 || f == QEMU_TAP ||
            by_plain_open((enum qemu_file)f))
            continue;
        argv_add(r->out, "-add-fd");
        argv_addf(r->out, "fd=%d,set=%d,opaque=%s", r->p->fd[f], f, file_names[f]);
    }
}

static void add_process(struct render *r)
{
    argv_add(r->out, r->p->binary);
    argv_add(r->out, "-name");
    argv_addf(r->out, "guest=%s,process=roost-%s", r->l->instance.s, r->l->instance.s);
    argv_add(r->out, "-no-user-config");
    argv_add(r->out, "-nodefaults");
    opt(r, "-display", "none");
    opt(r, "-msg", "timestamp=on");
    /* elevateprivileges=deny and =children kill QEMU at the setuid(2) of its own -runas. Nothing is
     * lost then: the filter comes with no_new_privs, spawn=deny forbids exec, and the user it
     * becomes has no capability. */
    argv_add(r->out, "-sandbox");
    /* Where QEMU makes its tap itself, it runs qemu-ifup and qemu-ifdown. */
    bool scripts = r->l->tap && !r->p->qmp_socket;
    argv_addf(r->out, "on,obsolete=deny,%s%sresourcecontrol=deny",
              r->p->run_as ? "" : "elevateprivileges=deny,", scripts ? "" : "spawn=deny,");
    if (r->p->run_as)
        opt(r, "-runas", r->p->run_as);
}

static void add_machine(struct render *r)
{
    const struct launch *l = r->l;
    bool uefi = l->firmware == FIRMWARE_UEFI;
    argv_add(r->out, "-machine");
    argv_addf(r->out, "q35,graphics=off,vmport=off%s",
              uefi ? ",pflash0=code,pflash1=variables" : "");
    argv_add(r->out, "-accel");
    if (r->p->accel == ACCEL_TCG && r->p->tcg_tb_mib)
        argv_addf(r->out, "tcg,tb-size=%u", r->p->tcg_tb_mib);
    else
        argv_add(r->out, accel_name(r->p->accel));
    opt(r, "-cpu", r->p->accel == ACCEL_KVM ? "host" : "max");
    argv_add(r->out, "-smp");
    argv_addf(r->out, "cpus=%u,sockets=1,cores=%u,threads=1", l->cpus, l->cpus);
    argv_add(r->out, "-m");
    argv_addf(r->out, "size=%" PRIu64 "K", l->memory >> 10);
    /* The log says guest-panicked instead of a guess; the machine ends, so that it shows. */
    opt(r, "-device", "pvpanic");
    opt(r, "-action", "reboot=reset,shutdown=poweroff,panic=shutdown");
}

static int add_identity(struct render *r, struct err *e)
{
    auto_buf struct buf chassis = BUF_INIT;
    buf_puts(&chassis, "type=3,asset=");
    if (smbios_value(&chassis, r->l->tag.s, e) < 0)
        return -1;
    opt(r, "-uuid", r->l->uuid.s);
    if (r->l->seed) {
        auto_buf struct buf blob = BUF_INIT;
        buf_puts(&blob, "file=");
        put_file(&blob, r->p, QEMU_SMBIOS);
        opt_buf(r, "-smbios", &blob);
    }
    opt_buf(r, "-smbios", &chassis);
    return 0;
}

/* One -blockdev for the file and one for its format above it. */
static void add_blockdev(struct render *r, enum qemu_file f, const char *node, const char *format,
                         const char *options)
{
    auto_buf struct buf file = BUF_INIT;
    buf_printf(&file, "driver=file,node-name=%s-file,filename=", node);
    put_file(&file, r->p, f);
    buf_puts(&file, options);
    opt_buf(r, "-blockdev", &file);
    argv_add(r->out, "-blockdev");
    argv_addf(r->out, "driver=%s,node-name=%s,file=%s-file%s%s", format, node, node, options,
              f == QEMU_DISK ? ",backing=base" : "");
}

static void add_firmware(struct render *r)
{
    if (r->l->firmware != FIRMWARE_UEFI)
        return;
    add_blockdev(r, QEMU_CODE, "code", "raw", ",read-only=on");
    add_blockdev(r, QEMU_VARS, "variables", "raw", "");
}

static void add_disk(struct render *r)
{
    if (r->l->image_format == DISK_NONE)
        return;
    add_blockdev(r, QEMU_BASE, "base", disk_format_name(r->l->image_format), ",read-only=on");
    add_blockdev(r, QEMU_DISK, "disk", "qcow2", ",discard=unmap");
    opt(r, "-device", "virtio-blk-pci,id=disk0,drive=disk");
}

static void add_kernel(struct render *r)
{
    static const struct {
        enum qemu_file file;
        const char *option;
    } files[] = { { QEMU_KERNEL, "-kernel" }, { QEMU_INITRD, "-initrd" } };
    for (size_t i = 0; i < sizeof(files) / sizeof(files[0]); i++) {
        if (!qemu_needs(r->l, files[i].file))
            continue;
        auto_buf struct buf file = BUF_INIT;
        /* A file name by itself, no list of options: commas stay single. -initrd knows none either
         * for this kind of kernel (only multiboot splits it). */
        if (r->p->fd[files[i].file] >= 0)
            put_file(&file, r->p, files[i].file);
        else
            buf_puts(&file, r->p->path[files[i].file]);
        opt_buf(r, files[i].option, &file);
    }
    if (r->l->has_kernel && r->l->cmdline[0])
        opt(r, "-append", r->l->cmdline);
}

static void add_user_net(struct render *r)
{
    auto_buf struct buf b = BUF_INIT;
    buf_printf(&b, "user,id=net0,hostname=%s", r->l->instance.s);
    if (r->l->domain[0])
        buf_printf(&b, ",domainname=%s", r->l->domain);
    /* In service the forward is added over QMP after the start, with the recorded port first. */
    if (!r->p->qmp_socket)
        buf_puts(&b, ",hostfwd=tcp:127.0.0.1:0-:22");
    opt_buf(r, "-netdev", &b);
}

static void add_tap(struct render *r)
{
    char name[IFNAME_SIZE];
    auto_buf struct buf b = BUF_INIT;
    buf_puts(&b, "tap,id=net0,");
    if (r->p->qmp_socket) {
        buf_printf(&b, "fd=%d", r->p->fd[QEMU_TAP]);
    } else {
        network_tap(&r->l->mac, name);
        buf_printf(&b, "ifname=%s,script=", name);
        put_text(&b, r->p->tap_scripts);
        buf_puts(&b, "/" FILE_QEMU_IFUP ",downscript=");
        put_text(&b, r->p->tap_scripts);
        buf_puts(&b, "/" FILE_QEMU_IFDOWN);
    }
    opt_buf(r, "-netdev", &b);
}

static void add_network(struct render *r)
{
    char mac[MAC_TEXT];
    auto_buf struct buf b = BUF_INIT;
    if (r->l->tap)
        add_tap(r);
    else
        add_user_net(r);
    /* romfile= : no network boot, and no option ROM to run through. */
    buf_printf(&b,
               "virtio-net-pci,id=nic0,netdev=net0,mac=%s,romfile=", mac_format(&r->l->mac, mac));
    if (r->l->mtu)
        buf_printf(&b, ",host_mtu=%u", r->l->mtu);
    opt_buf(r, "-device", &b);
    opt(r, "-object", "rng-random,id=rng0,filename=/dev/urandom");
    opt(r, "-device", "virtio-rng-pci,rng=rng0");
}

static void add_consoles(struct render *r)
{
    const struct qemu_place *p = r->p;
    if (!p->qmp_socket) {
        opt(r, "-chardev", "stdio,id=console,mux=on,signal=off");
        opt(r, "-serial", "chardev:console");
        opt(r, "-mon", "chardev=console,mode=readline");
        return;
    }
    auto_buf struct buf console = BUF_INIT;
    buf_puts(&console, "socket,id=console,path=");
    put_text(&console, p->console_socket);
    buf_puts(&console, ",server=on,wait=off,logappend=on,logfile=");
    put_file(&console, p, QEMU_CONSOLE);
    opt_buf(r, "-chardev", &console);
    opt(r, "-serial", "chardev:console");
    auto_buf struct buf qmp = BUF_INIT;
    buf_puts(&qmp, "socket,id=qmp,path=");
    put_text(&qmp, p->qmp_socket);
    buf_puts(&qmp, ",server=on,wait=off");
    opt_buf(r, "-chardev", &qmp);
    opt(r, "-mon", "chardev=qmp,mode=control");
}

int qemu_args(const struct launch *l, const struct qemu_place *p, struct argv *out, struct err *e)
{
    struct render r = { .l = l, .p = p, .out = out };
    if (check_launch(l, e) < 0 || check_place(l, p, e) < 0)
        return -1;
    add_process(&r);
    add_machine(&r);
    if (add_identity(&r, e) < 0)
        return -1;
    add_descriptors(&r);
    add_firmware(&r);
    add_disk(&r);
    add_kernel(&r);
    add_network(&r);
    add_consoles(&r);
    return out->failed ? err_set(e, ERR_INTERNAL, "out of memory") : 0;
}
