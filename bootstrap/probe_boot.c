#include "bootstrap/probe_boot.h"

#include "base/cleanup.h"
#include "bootstrap/platform.h"

const struct probe_boot *probe_boot_of(enum arch a)
{
    static const struct probe_boot *const boots[] = {
        [ARCH_AMD64] = &probe_boot_amd64,
        [ARCH_ARM64] = &probe_boot_arm64,
    };
    return boots[a];
}

void probe_boot_args(enum arch a, enum accel accel, const char *image, struct argv *out)
{
    static const char *const words[] = {
        "-no-user-config", "-nodefaults", "-no-reboot", "-display", "none", "-smp", "1", "-m", "64"
    };
    const struct probe_boot *b = probe_boot_of(a);
    const struct platform *m = platform_of(a);

    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        argv_add(out, words[i]);
    argv_add(out, "-machine");
    argv_addf(out, "%s%s%s", m->machine, m->machine_options, b->machine);
    argv_add(out, "-accel");
    argv_add(out, accel_name(accel));
    argv_add(out, "-cpu");
    argv_add(out, accel == ACCEL_KVM ? "host" : m->tcg_cpu);
    argv_add(out, "-blockdev");
    argv_addf(out, "driver=file,node-name=image,filename=%s", image);
    for (size_t i = 0; b->args[i]; i++)
        argv_add(out, b->args[i]);
}
