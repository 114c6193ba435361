/* What a guest asks of this host beside files of roost's own: root's to allow, and to be there. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "server/guests_priv.h"

/* vfio-pci(QEMU's docs/system/devices): the host's own driver lets go of the device first. */
static int check_pci(const char *address, struct err *e)
{
    char path[PATH_MAX], driver[PATH_MAX] = "";

    snprintf(path, sizeof path, "/sys/bus/pci/devices/%s", address);
    if (access(path, F_OK) < 0)
        return err_set(e, ERR_NOT_FOUND, "host-devices: this host has no PCI device %s (lspci -D)",
                       address);
    snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/iommu_group", address);
    if (access(path, F_OK) < 0)
        return err_set(
            e, ERR_CONFLICT,
            "host-devices: PCI device %s has no IOMMU group: switch the IOMMU on (VT-d or "
            "AMD-Vi in the firmware, intel_iommu=on for Intel)",
            address);
    snprintf(path, sizeof path, "/sys/bus/pci/devices/%s/driver", address);
    ssize_t n = readlink(path, driver, sizeof driver - 1);
    const char *name = n > 0 ? strrchr(driver, '/') : NULL;
    name = name ? name + 1 : "none";
    if (!strcmp(name, "vfio-pci"))
        return 0;
    return err_set(e, ERR_CONFLICT,
                   "host-devices: PCI device %s has the driver %.40s, and a guest's vfio-pci: "
                   "driverctl set-override %s vfio-pci gives it that",
                   address, name, address);
}

#define LOCKED_MORE (UINT64_C(128) << 20) /* beside its memory: firmware, video memory */

/* A PCI device reaches into the guest's memory, which the kernel keeps where it is for that and counts
 * as locked (Linux: vfio_lock_acct()); QEMU inherits the limit from here. */
static int check_locked(uint64_t memory, struct err *e)
{
    char has[24], wants[24];
    struct rlimit r;

    memory += LOCKED_MORE;
    if (getrlimit(RLIMIT_MEMLOCK, &r) < 0)
        return err_sys(e, "RLIMIT_MEMLOCK");
    if (r.rlim_cur >= memory) /* also RLIM_INFINITY */
        return 0;
    if (r.rlim_max >= memory) {
        r.rlim_cur = r.rlim_max;
        return setrlimit(RLIMIT_MEMLOCK, &r) < 0 ? err_sys(e, "RLIMIT_MEMLOCK") : 0;
    }
    return err_set(e, ERR_CONFLICT,
                   "host-devices: with a PCI device all of a guest's memory is locked, %s with what "
                   "goes with it, and roostd may lock %s: LimitMEMLOCK=infinity in a drop-in of its "
                   "unit, or ulimit -l unlimited before it is started",
                   format_size(memory, wants), format_size(r.rlim_max, has));
}

static int check_devices(const struct launch *l, struct err *e)
{
    bool pci = false;

    for (unsigned i = 0; i < l->machine.n_devices; i++) {
        if (strncmp(l->machine.devices[i], "pci:", 4) != 0)
            continue;
        pci = true;
        if (check_pci(l->machine.devices[i] + 4, e) < 0)
            return -1;
    }
    return pci ? check_locked(l->memory, e) : 0;
}

static int check_display(const struct guests *g, const struct launch *l, struct err *e)
{
    if (l->machine.display != DISPLAY_GTK)
        return 0;
    if (g->config->mode == MODE_SYSTEM)
        return err_set(e, ERR_DENIED, "display: gtk is not for a system service: say vnc");
    if (getenv("DISPLAY") || getenv("WAYLAND_DISPLAY"))
        return 0;
    return err_set(
        e, ERR_CONFLICT,
        "display: gtk wants a screen, and roostd was started without one (neither DISPLAY "
        "nor WAYLAND_DISPLAY is set): say vnc");
}

int guest_machine_check(const struct guests *g, const struct launch *l, struct err *e)
{
    const struct machine_limits limits = config_machine_limits(g->config);

    if (machine_allowed(&l->machine, &limits, e) < 0 || check_display(g, l, e) < 0)
        return -1;
    return check_devices(l, e);
}

void guest_env_make(struct guest_env *ret, bool window)
{
    static const char *const names[] = { "DISPLAY", "WAYLAND_DISPLAY", "XAUTHORITY",
                                         "XDG_RUNTIME_DIR" };
    size_t n = 0;

    ret->v[n++] = "PATH=/usr/local/bin:/usr/bin:/bin";
    ret->v[n++] = "LC_ALL=C";
    for (size_t i = 0; i < ARRAY_SIZE(names) && window; i++) {
        const char *value = getenv(names[i]);
        int len = value ? snprintf(ret->text[i], PATH_SIZE, "%s=%s", names[i], value) : PATH_SIZE;
        if (len < PATH_SIZE)
            ret->v[n++] = ret->text[i];
    }
    ret->v[n] = NULL;
}
