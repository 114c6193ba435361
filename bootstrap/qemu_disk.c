#include "bootstrap/qemu_priv.h"

void qemu_blockdev(struct render *r, enum qemu_file f, const char *node, const char *format,
                   const char *options, const char *above)
{
    auto_buf struct buf file = BUF_INIT;
    buf_printf(&file, "driver=file,node-name=%s-file,filename=", node);
    qemu_put_file(&file, r->p, f);
    buf_puts(&file, options);
    qemu_opt_buf(r, "-blockdev", &file);
    argv_add(r->out, "-blockdev");
    argv_addf(r->out, "driver=%s,node-name=%s,file=%s-file%s%s", format, node, node, options,
              above);
}

void qemu_add_disks(struct render *r)
{
    if (r->l->image_format == DISK_NONE)
        return;
    qemu_blockdev(r, QEMU_BASE, "base", disk_format_name(r->l->image_format), ",read-only=on", "");
    qemu_blockdev(r, QEMU_DISK, "disk", "qcow2", ",discard=unmap", ",backing=base");
    qemu_opt(r, "-device", "virtio-blk-pci,id=disk0,drive=disk");
}
