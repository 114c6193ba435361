#include "bootstrap/platform.h"

static const struct platform platforms[] = {
    [ARCH_AMD64] = {
        .package = "qemu-system-x86",
        .firmware_package = "ovmf",
        .machine = "q35",
        .machine_options = ",vmport=off",
        .tcg_cpu = "max",
        .pvpanic = "pvpanic",
        .uname = "x86_64",
        .cpus_max = 255, /* without an interrupt remapper, q35 addresses no more */
        .has_bios = true,
    },
    /* Linux on arm64 finds the SMBIOS through UEFI alone (drivers/firmware/dmi_scan.c): with a kernel
     * booted directly QEMU writes the tables, and nobody reads them. So there is always firmware, and
     * a kernel is handed to it (fw_cfg; QEMU's hw/arm/boot.c, arm_setup_firmware_boot). gic-version:
     * that of 2, the default, serves 8 CPUs. TCG: `max` has pointer authentication, SVE and LPA2,
     * with which a guest boots 2 to 4 times slower than with the A72 of v8.0. */
    [ARCH_ARM64] = {
        .package = "qemu-system-arm",
        .firmware_package = "qemu-efi-aarch64",
        .machine = "virt",
        .machine_options = ",gic-version=max",
        .tcg_cpu = "cortex-a72",
        .pvpanic = "pvpanic-pci",
        .uname = "aarch64",
        .cpus_max = 512,
        .has_bios = false,
    },
};

const struct platform *platform_of(enum arch a)
{
    return &platforms[a];
}
