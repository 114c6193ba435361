#include "bootstrap/qemu_render.h"

void qemu_opt(struct render *r, const char *name, const char *value)
{
    argv_add(r->out, name);
    argv_add(r->out, value);
}

void qemu_opt_buf(struct render *r, const char *name, const struct buf *value)
{
    qemu_opt(r, name, buf_str(value));
    r->out->failed |= value->failed;
}

void qemu_put_text(struct buf *b, const char *s)
{
    for (; *s; s++) {
        if (*s == ',')
            buf_putc(b, ',');
        buf_putc(b, *s);
    }
}

void qemu_put_file(struct buf *b, const struct qemu_place *p, enum qemu_file f)
{
    if (p->fd[f] < 0)
        qemu_put_text(b, p->path[f]);
    else if (qemu_opens_plainly(f))
        buf_printf(b, "/proc/self/fd/%d", p->fd[f]);
    else
        buf_printf(b, "/dev/fdset/%d", (int)f);
}

void qemu_blockdev_file(struct render *r, enum qemu_file f, const char *node, const char *options)
{
    const struct drive *d = qemu_drive(r->l, f);
    auto_buf struct buf file = BUF_INIT;
    buf_printf(&file, "driver=%s,node-name=%s-file,filename=",
               d && d->device && qemu_is_bottom(f) ? "host_device" : "file", node);
    qemu_put_file(&file, r->p, f);
    buf_puts(&file, options);
    qemu_opt_buf(r, "-blockdev", &file);
}

void qemu_blockdev(struct render *r, enum qemu_file f, const char *node, const char *format,
                   const char *options, const char *above)
{
    qemu_blockdev_file(r, f, node, options);
    argv_add(r->out, "-blockdev");
    argv_addf(r->out, "driver=%s,node-name=%s,file=%s-file%s%s", format, node, node, options,
              above);
}

/* The order of what a guest tries (QEMU's docs/bootindex.txt), 0: never. A disk that holds nothing
 * yet gives way to the CD-ROM; the network is waited for only by who asks for it. */
static const unsigned char order[BOOTS][BOOTS] = {
    [BOOT_DISK] = { [BOOT_DISK] = 1, [BOOT_CDROM] = 2 },
    [BOOT_CDROM] = { [BOOT_CDROM] = 1, [BOOT_DISK] = 2 },
    [BOOT_NETWORK] = { [BOOT_NETWORK] = 1, [BOOT_DISK] = 2, [BOOT_CDROM] = 3 },
};

void qemu_put_bootindex(struct buf *b, const struct launch *l, enum boot device)
{
    /* Firmware finds the one disk that there is by itself. */
    bool choice = l->media.cdrom || l->media.boot != BOOT_DISK || l->seed_volume;
    unsigned index = order[l->media.boot][device];

    if (choice && index)
        buf_printf(b, ",bootindex=%u", index);
}
