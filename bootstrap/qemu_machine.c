#include "bootstrap/qemu_priv.h"

#include <inttypes.h>

#include "bootstrap/platform.h"

void qemu_add_machine(struct render *r)
{
    const struct launch *l = r->l;
    const struct platform *m = platform_of(l->arch);
    bool uefi = l->firmware == FIRMWARE_UEFI;
    argv_add(r->out, "-machine");
    argv_addf(r->out, "%s%s%s%s%s", l->machine.type[0] ? l->machine.type : m->machine,
              l->arch == ARCH_AMD64 && l->machine.display == DISPLAY_HEADLESS ? ",graphics=off" : "",
              m->machine_options, r->p->secure_firmware ? ",smm=on" : "",
              uefi ? ",pflash0=code,pflash1=variables" : "");
    argv_add(r->out, "-accel");
    if (r->p->accel == ACCEL_TCG && r->p->tcg_tb_mib)
        argv_addf(r->out, "tcg,tb-size=%u", r->p->tcg_tb_mib);
    else
        argv_add(r->out, accel_name(r->p->accel));
    qemu_opt(r, "-cpu",
             l->machine.cpu[0]           ? l->machine.cpu
             : r->p->accel == ACCEL_KVM ? "host"
                                        : m->tcg_cpu);
    argv_add(r->out, "-smp");
    argv_addf(r->out, "cpus=%u,sockets=1,cores=%u,threads=1", l->cpus, l->cpus);
    argv_add(r->out, "-m");
    argv_addf(r->out, "size=%" PRIu64 "K", l->memory >> 10);
    /* The log says guest-panicked instead of a guess; the machine ends, so that it shows. */
    qemu_opt(r, "-device", m->pvpanic);
    qemu_opt(r, "-action", "reboot=reset,shutdown=poweroff,panic=shutdown");
}

void qemu_add_firmware(struct render *r)
{
    if (r->l->firmware != FIRMWARE_UEFI)
        return;
    if (r->p->secure_firmware) { /* OVMF's OvmfPkg/README, "SMM support" */
        qemu_opt(r, "-global", "driver=cfi.pflash01,property=secure,value=on");
        qemu_opt(r, "-global", "ICH9-LPC.disable_s3=1");
    }
    qemu_blockdev(r, QEMU_CODE, "code", "raw", ",read-only=on", "");
    qemu_blockdev(r, QEMU_VARS, "variables", "raw", "", "");
}

void qemu_add_kernel(struct render *r)
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
            qemu_put_file(&file, r->p, files[i].file);
        else
            buf_puts(&file, r->p->path[files[i].file]);
        qemu_opt_buf(r, files[i].option, &file);
    }
    if (qemu_needs(r->l, QEMU_KERNEL) && r->l->cmdline[0])
        qemu_opt(r, "-append", r->l->cmdline);
}
