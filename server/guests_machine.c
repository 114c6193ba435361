/* What a guest asks of this host beside files of roost's own: root's to allow, and to be there. */
#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
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
    for (unsigned i = 0; i < l->machine.n_devices; i++)
        if (!strncmp(l->machine.devices[i], "pci:", 4) &&
            check_pci(l->machine.devices[i] + 4, e) < 0)
            return -1;
    return 0;
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
