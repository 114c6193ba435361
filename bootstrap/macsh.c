#include "bootstrap/macsh.h"

#include <string.h>

#include "bootstrap/qemu.h"
#include "bootstrap/vmsh.h"
#include "model/layout.h"

/* Stands for Homebrew's firmware until the shell knows where that is. */
#define CODE "@CODE@"

static const char lock[] = "set -eu\n"
                           "cd \"$(dirname \"$0\")\"\n"
                           "\n"
                           "# Two QEMUs on one disk destroy it, and macOS has no flock(1): whoever "
                           "runs the guest has made\n"
                           "# this directory. A Mac that lost power leaves it behind.\n"
                           "mkdir running 2>/dev/null || {\n"
                           "    echo \"%s runs already; if not: rmdir $PWD/running\" >&2\n"
                           "    exit 6\n"
                           "}\n"
                           "trap 'rmdir running' EXIT\n"
                           "trap 'exit 1' HUP INT TERM\n"
                           "\n";
static const char root[] =
    "[ \"$(id -u)\" = 0 ] || {\n"
    "    echo \"%s is on a vmnet network, which macOS gives to root alone: run this by sudo\" >&2\n"
    "    exit 5\n"
    "}\n"
    "\n";
static const char accel[] = "# The Hypervisor framework runs what the Mac's own processor can.\n"
                            "case $(uname -m) in\n"
                            "%s) set -- -accel hvf -cpu host \"$@\" ;;\n"
                            "*) set -- -accel tcg,tb-size=256 -cpu max \"$@\" ;;\n"
                            "esac\n"
                            "\n";
static const char firmware[] =
    "# edk2 comes with Homebrew's QEMU.\n"
    "for share in \"${QEMU_SHARE:-}\" /opt/homebrew/share/qemu /usr/local/share/qemu; do\n"
    "    code=$share/%s\n"
    "    [ ! -e \"$code\" ] || break\n"
    "done\n"
    "[ -e " FILE_VARS " ] || cp \"$share/%s\" " FILE_VARS "\n"
    "\n";
static const char seed[] =
    "# Only a first boot needs its seed, and then the way to roost.\n"
    "[ ! -e " FILE_SMBIOS " ] || set -- -smbios file=" FILE_SMBIOS " \"$@\"\n"
    "\n";

/* By architecture of the guest: as uname(1) calls such a Mac, and edk2's files there. */
static const struct {
    const char *binary, *machine, *code, *vars;
} arches[ARCHES] = {
    [ARCH_AMD64] = { "qemu-system-x86_64", "x86_64", "edk2-x86_64-code.fd", "edk2-i386-vars.fd" },
    [ARCH_ARM64] = { "qemu-system-aarch64", "arm64 | aarch64", "edk2-aarch64-code.fd",
                     "edk2-arm-vars.fd" },
};

/* --- the head --- */

static void put_fetch(struct buf *out, const char *state, const char *dir, const char *name,
                      const char *file, const char *as)
{
    auto_buf struct buf path = BUF_INIT;

    buf_printf(&path, "%s/%s/%s/%s", state, dir, name, file);
    buf_puts(out, "#   scp HOST:");
    buf_shell(out, buf_str(&path));
    buf_printf(out, " %s\n", as);
}

static void put_head(struct buf *out, const struct launch *l, const char *state)
{
    static const struct {
        enum qemu_file needed;
        const char *file, *as;
    } image_files[] = { { QEMU_BASE, FILE_IMAGE_DISK, MACSH_BASE },
                        { QEMU_KERNEL, FILE_IMAGE_KERNEL, MACSH_KERNEL },
                        { QEMU_INITRD, FILE_IMAGE_INITRD, MACSH_INITRD } };
    static const struct {
        enum qemu_file needed;
        const char *file;
    } own_files[] = { { QEMU_DISK, FILE_DISK },
                      { QEMU_VARS, FILE_VARS },
                      { QEMU_SMBIOS, FILE_SMBIOS },
                      { QEMU_SEED, FILE_SEED } };

    buf_printf(
        out,
        "#!/bin/sh\n"
        "# Guest %s on a Mac, by Homebrew's QEMU (brew install qemu). Its console and QEMU's "
        "monitor are on\n"
        "# this terminal (Ctrl-a c changes between them, Ctrl-a x ends QEMU at once).\n"
        "# Stop it under roost, then fetch its files beside this script:\n",
        l->instance.s);
    for (size_t i = 0; i < sizeof own_files / sizeof *own_files; i++)
        if (qemu_needs(l, own_files[i].needed))
            put_fetch(out, state, DIR_INSTANCES, l->instance.s, own_files[i].file, ".");
    for (uint32_t i = 0; i < l->n_drives; i++) {
        char name[DRIVE_NAME_SIZE];
        drive_name(l->drives[i].serial, name);
        put_fetch(out, state, DIR_INSTANCES, l->instance.s, name, ".");
    }
    for (size_t i = 0; i < sizeof image_files / sizeof *image_files; i++)
        if (qemu_needs(l, image_files[i].needed))
            put_fetch(out, state, DIR_IMAGES, l->image.s, image_files[i].file, image_files[i].as);
    buf_puts(out, "# Written by roost from the instance's definition.\n");
}

/* --- networks --- */

static bool is_private(const struct ip *a)
{
    return a->family == 4 && (a->b[0] == 10 || (a->b[0] == 172 && (a->b[1] & 0xf0) == 16) ||
                              (a->b[0] == 192 && a->b[1] == 168)); /* RFC 1918 */
}

/* The host's address is the first and the gateway there as here; macOS takes private ones only, and
 * answers DHCP itself. */
static void put_range(struct buf *out, const struct network *n)
{
    char first[IP_TEXT], last[IP_TEXT];
    uint32_t mask = n->cidr.prefix ? ~(uint32_t)0 << (32 - n->cidr.prefix) : 0;

    if (!is_private(&n->host) || !is_private(&n->dhcp_last) ||
        ip_compare(&n->host, &n->dhcp_last) >= 0)
        return;
    buf_printf(out, ",start-address=%s,end-address=%s,subnet-mask=%u.%u.%u.%u",
               ip_format(&n->host, first), ip_format(&n->dhcp_last, last), mask >> 24,
               mask >> 16 & 255, mask >> 8 & 255, mask & 255);
}

/* "tap,id=net0,…" becomes macOS' network of that kind under the same id. */
static void put_vmnet(struct buf *out, const char *tap, const struct network *n)
{
    static const char *const kinds[NETWORK_KINDS] = { [NETWORK_HOST_ONLY] = "vmnet-host",
                                                      [NETWORK_SHARED] = "vmnet-shared",
                                                      [NETWORK_BRIDGED] = "vmnet-bridged" };
    const char *id = strstr(tap, "id=");

    buf_printf(out, "%s,%.*s", kinds[n->kind], (int)strcspn(id, ","), id);
    if (n->kind == NETWORK_BRIDGED)
        buf_puts(out, ",ifname=\"${IFNAME:-en0}\"");
    else
        put_range(out, n);
}

/* --- QEMU --- */

static void put_value(struct buf *out, const char *value)
{
    const char *code = strstr(value, CODE);
    auto_buf struct buf head = BUF_INIT;

    if (!code) {
        buf_shell(out, value);
        return;
    }
    buf_put(&head, value, (size_t)(code - value));
    buf_shell(out, buf_str(&head));
    buf_puts(out, "\"$code\"");
    buf_shell(out, code + strlen(CODE));
}

static bool stands_alone(const char *option)
{
    return !strcmp(option, "-nodefaults") || !strcmp(option, "-no-user-config") ||
           !strcmp(option, "-no-reboot");
}

/* What Linux alone has, or the script decides when it runs. */
static bool is_left_out(const char *option, const char *value)
{
    return !strcmp(option, "-sandbox") || !strcmp(option, "-accel") || !strcmp(option, "-cpu") ||
           (!strcmp(option, "-smbios") && !strncmp(value, "file=", 5));
}

static void put_command(struct buf *out, const struct argv *a, const struct network *n)
{
    buf_puts(out, a->v[0]);
    for (int i = 1; i < a->n; i++) {
        bool has_value = !stands_alone(a->v[i]) && i + 1 < a->n;
        const char *option = a->v[i], *value = has_value ? a->v[++i] : NULL;
        if (value && is_left_out(option, value))
            continue;
        buf_printf(out, " \\\n    %s", option);
        if (!value)
            continue;
        buf_putc(out, ' ');
        if (!strcmp(option, "-netdev") && !strncmp(value, "tap,", 4))
            put_vmnet(out, value, n);
        else
            put_value(out, value);
    }
    buf_puts(out, " \\\n    \"$@\"\n");
}

/* Files of this host that are used where they lie. */
static int check_disks(const struct launch *l, struct err *e)
{
    for (int i = -1; i < (int)l->n_drives; i++) {
        const struct drive *d = i < 0 ? &l->root : &l->drives[i];
        if (d->file[0])
            return err_set(e, ERR_INVALID,
                           "instance %s has a disk in %s of this host, which is not on a Mac",
                           l->instance.s, d->file);
    }
    return 0;
}

int macsh_render(const struct launch *l, const struct network *n, const char *state,
                 struct buf *out, struct err *e)
{
    struct launch here = *l;
    auto_argv struct argv a = ARGV_INIT;
    char names[2 * DRIVES_MAX + 2][DRIVE_NAME_SIZE];
    struct qemu_place p;

    here.mtu = 0; /* vmnet's own */
    qemu_place_init(&p);
    p.binary = arches[l->arch].binary;
    p.tap_scripts = "";
    p.accel = ACCEL_TCG;
    vmsh_disks(l, &p, names);
    p.path[QEMU_BASE] = MACSH_BASE;
    p.path[QEMU_KERNEL] = MACSH_KERNEL;
    p.path[QEMU_INITRD] = MACSH_INITRD;
    p.path[QEMU_SMBIOS] = FILE_SMBIOS;
    p.path[QEMU_SEED] = FILE_SEED;
    p.path[QEMU_CODE] = CODE;
    p.path[QEMU_VARS] = FILE_VARS;
    if (check_disks(l, e) < 0 || qemu_args(&here, &p, &a, e) < 0)
        return -1;
    put_head(out, l, state);
    buf_printf(out, lock, l->instance.s);
    if (l->tap)
        buf_printf(out, root, l->instance.s);
    buf_printf(out, accel, arches[l->arch].machine);
    if (l->firmware == FIRMWARE_UEFI)
        buf_printf(out, firmware, arches[l->arch].code, arches[l->arch].vars);
    if (l->seed)
        buf_puts(out, seed);
    vmsh_volatiles(out, l, &p);
    put_command(out, &a, n);
    return buf_check(out, e);
}
