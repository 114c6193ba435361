#include "bootstrap/qemu_priv.h"

/* As a disk, not as a CD-ROM: a guest that boots from its virtio disk has that driver, and kernels
 * made for clouds have no other. cloud-init looks at labels alone. */
static void add_seed(struct render *r)
{
    if (!r->l->seed_volume)
        return;
    qemu_blockdev(r, QEMU_SEED, "seed", "raw", ",read-only=on", "");
    qemu_opt(r, "-device", "virtio-blk-pci,id=seed0,drive=seed");
}

/* On q35's own SATA, which firmware and every installer know; arm64's virt has none. */
static void add_cdrom(struct render *r)
{
    auto_buf struct buf b = BUF_INIT;
    bool sata = r->l->arch == ARCH_AMD64;

    if (!r->l->media.cdrom)
        return;
    if (r->l->media.iso[0])
        qemu_blockdev(r, QEMU_CDROM, "cdrom", "raw", ",read-only=on", "");
    if (!sata)
        qemu_opt(r, "-device", "virtio-scsi-pci,id=cdscsi0");
    buf_printf(&b, "%s,id=" QEMU_CDROM_ID "%s", sata ? "ide-cd,bus=ide.0" : "scsi-cd,bus=cdscsi0.0",
               r->l->media.iso[0] ? ",drive=cdrom" : "");
    qemu_put_bootindex(&b, r->l, BOOT_CDROM);
    qemu_opt_buf(r, "-device", &b);
}

void qemu_add_media(struct render *r)
{
    add_seed(r);
    add_cdrom(r);
}
