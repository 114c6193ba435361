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

void qemu_add_media(struct render *r)
{
    add_seed(r);
}
