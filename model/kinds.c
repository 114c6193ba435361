/* The names of the model's enums, one table each. Nothing but names here: roostd links this file
 * and must not come to hold a JSON parser with it. */
#include <string.h>

#include "base/cleanup.h"
#include "model/image.h"
#include "model/instance.h"
#include "model/lease.h"
#include "model/machine.h"
#include "model/network.h"
#include "model/playbook.h"
#include "model/verb.h"

static const char *name_of(const char *const *names, size_t n, unsigned value)
{
    return value < n ? names[value] : "unknown";
}

static int from_name(const char *const *names, size_t n, const char *s)
{
    for (size_t i = 0; s && i < n; i++)
        if (!strcmp(names[i], s))
            return (int)i;
    return -1;
}

/* TYPE PREFIX_name(TYPE) and int PREFIX_from_name(TEXT), -1 for a name that is not in the table. */
#define KIND(type, prefix)                                                                         \
    const char *prefix##_name(type value)                                                          \
    {                                                                                              \
        return name_of(prefix##_names, ARRAY_SIZE(prefix##_names), (unsigned)value);               \
    }                                                                                              \
    int prefix##_from_name(const char *s)                                                          \
    {                                                                                              \
        return from_name(prefix##_names, ARRAY_SIZE(prefix##_names), s);                           \
    }

static const char *const disk_format_names[DISK_FORMATS] = {
    [DISK_NONE] = "none",
    [DISK_QCOW2] = "qcow2",
    [DISK_RAW] = "raw",
};
KIND(enum disk_format, disk_format)

static const char *const firmware_names[FIRMWARES] = {
    [FIRMWARE_BIOS] = "bios",
    [FIRMWARE_UEFI] = "uefi",
};
KIND(enum firmware, firmware)

/* Debian's names. */
static const char *const arch_names[ARCHES] = {
    [ARCH_AMD64] = "amd64",
    [ARCH_ARM64] = "arm64",
};
KIND(enum arch, arch)

enum arch arch_native(void)
{
#ifdef __aarch64__
    return ARCH_ARM64;
#else
    return ARCH_AMD64;
#endif
}

static const char *const display_names[DISPLAYS] = {
    [DISPLAY_HEADLESS] = "headless",
    [DISPLAY_VNC] = "vnc",
    [DISPLAY_GTK] = "gtk",
};
KIND(enum display, display)

static const char *const network_kind_names[NETWORK_KINDS] = {
    [NETWORK_USER] = "user",
    [NETWORK_HOST_ONLY] = "host-only",
    [NETWORK_SHARED] = "shared",
    [NETWORK_BRIDGED] = "bridged",
};
KIND(enum network_kind, network_kind)

static const char *const seed_policy_names[SEED_POLICIES] = {
    [POLICY_TOKEN] = "token",
    [POLICY_ADDRESS] = "address",
    [POLICY_TAG] = "tag",
};
KIND(enum seed_policy, seed_policy)

static const char *const transport_names[TRANSPORTS] = {
    [TRANSPORT_TCP] = "tcp",
    [TRANSPORT_UDP] = "udp",
};
KIND(enum transport, transport)

static const char *const lease_action_names[LEASE_ACTIONS] = {
    [LEASE_ADD] = "add",
    [LEASE_OLD] = "old",
    [LEASE_DEL] = "del",
};
KIND(enum lease_action, lease_action)

static const char *const launcher_names[LAUNCHERS] = {
    [LAUNCHER_ROOST] = "roost",
    [LAUNCHER_EXTERNAL] = "external",
};
KIND(enum launcher, launcher)

static const char *const bootstrapper_names[BOOTSTRAPPERS] = {
    [BOOTSTRAPPER_NET] = "net",
    [BOOTSTRAPPER_DRIVE] = "drive",
    [BOOTSTRAPPER_DRIVE_NETWORK] = "drive-network",
    [BOOTSTRAPPER_IGNITION] = "ignition",
    [BOOTSTRAPPER_NONE] = "none",
};
KIND(enum bootstrapper, bootstrapper)

bool bootstrapper_is_drive(enum bootstrapper b)
{
    return b == BOOTSTRAPPER_DRIVE || b == BOOTSTRAPPER_DRIVE_NETWORK;
}

static const char *const trigger_names[TRIGGERS] = {
    [TRIGGER_FINAL] = "final",
    [TRIGGER_HOMED] = "homed",
    [TRIGGER_MANUAL] = "manual",
};
KIND(enum trigger, trigger)

/* As a plan prints them. */
static const char *const change_names[CHANGES] = {
    [CHANGE_NONE] = "none",
    [CHANGE_LIVE] = "live",
    [CHANGE_RESTART] = "needs restart",
    [CHANGE_REBUILD] = "needs rebuild",
};

const char *change_name(enum change c)
{
    return name_of(change_names, ARRAY_SIZE(change_names), (unsigned)c);
}

/* QEMU's names of its accelerators. */
static const char *const accel_names[ACCELS] = {
    [ACCEL_TCG] = "tcg",
    [ACCEL_KVM] = "kvm",
};

const char *accel_name(enum accel a)
{
    return name_of(accel_names, ARRAY_SIZE(accel_names), (unsigned)a);
}
