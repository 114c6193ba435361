#include "bootstrap/qemu_priv.h"

#include <stdio.h>

#define OPTIONS_SIZE 96
#define NODE_SIZE    24

/* cache= by parts (QEMU's manual, "Block device options"): O_DIRECT and ignored flushes belong to
 * the nodes, write-cache to the device. */
static const struct {
    bool direct, no_flush, write_through;
} caches[DRIVE_CACHES] = {
    [CACHE_WRITEBACK] = { false, false, false },   [CACHE_NONE] = { true, false, false },
    [CACHE_WRITETHROUGH] = { false, false, true }, [CACHE_DIRECTSYNC] = { true, false, true },
    [CACHE_UNSAFE] = { false, true, false },
};

static const char *options_of(const struct drive *d, bool writes, char out[OPTIONS_SIZE])
{
    snprintf(out, OPTIONS_SIZE, "%s%s%s%s", writes ? "" : ",read-only=on",
             writes && !d->no_discard ? ",discard=unmap" : "",
             caches[d->cache].direct ? ",cache.direct=on" : "",
             caches[d->cache].no_flush ? ",cache.no-flush=on" : "");
    return out;
}

/* One layer over `below` ("" none). A qcow2 that stands alone is told so, by a null that the short
 * form of -blockdev has no word for: what its header names, QEMU would open. (The base was looked
 * at when it became an image, and nobody has written to it since.) */
static void add_layer(struct render *r, enum qemu_file f, const char *node, enum disk_format format,
                      const struct drive *d, const char *below)
{
    bool writes = f != QEMU_BASE && qemu_writes(r->l, f);
    char options[OPTIONS_SIZE], above[NODE_SIZE + sizeof(",backing=")];

    snprintf(above, sizeof(above), "%s%s", *below ? ",backing=" : "", below);
    options_of(d, writes, options);
    if (*below || format != DISK_QCOW2 || f == QEMU_BASE) {
        qemu_blockdev(r, f, node, disk_format_name(format), options, above);
        return;
    }
    qemu_blockdev_file(r, f, node, options);
    argv_add(r->out, "-blockdev");
    argv_addf(r->out,
              "{\"driver\": \"qcow2\", \"node-name\": \"%s\", \"file\": \"%s-file\", "
              "\"backing\": null, \"read-only\": %s, \"discard\": \"%s\", "
              "\"cache\": {\"direct\": %s, \"no-flush\": %s}}",
              node, node, writes ? "false" : "true", writes && !d->no_discard ? "unmap" : "ignore",
              caches[d->cache].direct ? "true" : "false",
              caches[d->cache].no_flush ? "true" : "false");
}

/* What takes the writes of a volatile disk. Gives the node that the device is on. */
static const char *add_top(struct render *r, enum qemu_file f, const char *node,
                           const struct drive *d, char top[NODE_SIZE + 4])
{
    if (!d->throw_away)
        return node;
    snprintf(top, NODE_SIZE + 4, "%.*s-top", NODE_SIZE - 1, node);
    add_layer(r, f, top, DISK_QCOW2, d, node);
    return top;
}

/* --- devices --------------------------------------------------------------------------------- */

/* How a disk hangs on its bus. Controllers of roost's own, since machines differ in those that they
 * have. `at` counts the disks of that bus. */
static const struct {
    const char *controller; /* added once for `ports` disks, %d its number; NULL: none */
    unsigned ports;         /* 0: any number */
    const char *device;     /* bus= and the like, %d the controller, %u the port */
    bool has_serial;        /* it must have one */
} buses[DRIVE_BUSES] = {
    [DRIVE_VIRTIO] = { NULL, 0, "virtio-blk-pci", false },
    [DRIVE_SCSI] = { "virtio-scsi-pci,id=scsi%u", 0, "scsi-hd,bus=scsi%u.0", false },
    [DRIVE_SATA] = { "ich9-ahci,id=ahci%u", 6, "ide-hd,bus=ahci%u.%u", false },
    [DRIVE_NVME] = { NULL, 0, "nvme", true },
    /* 15 ports of either speed are the most that it has. */
    [DRIVE_USB] = { "qemu-xhci,id=disks%u,p2=15,p3=15", 0, "usb-storage,bus=disks%u.0", false },
};

#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wformat-nonliteral" /* formats of the table above */
static void add_controller(struct render *r, enum drive_bus bus, unsigned at)
{
    unsigned ports = buses[bus].ports;
    if (!buses[bus].controller || (ports ? at % ports : at) != 0)
        return;
    argv_add(r->out, "-device");
    argv_addf(r->out, buses[bus].controller, ports ? at / ports : 0);
}

static void put_bus(struct buf *b, enum drive_bus bus, unsigned at)
{
    unsigned ports = buses[bus].ports;
    buf_printf(b, buses[bus].device, ports ? at / ports : 0, ports ? at % ports : 0);
}
#pragma GCC diagnostic pop

/* number 0: the root disk. */
static void add_device(struct render *r, const struct drive *d, unsigned number, const char *node,
                       unsigned used[DRIVE_BUSES])
{
    auto_buf struct buf b = BUF_INIT;
    unsigned at = used[d->bus]++;

    add_controller(r, d->bus, at);
    put_bus(&b, d->bus, at);
    buf_printf(&b, ",id=disk%u,drive=%s", number, node);
    if (d->serial[0])
        buf_printf(&b, ",serial=%s", d->serial);
    else if (buses[d->bus].has_serial)
        buf_printf(&b, ",serial=disk%u", number);
    if (caches[d->cache].write_through)
        buf_puts(&b, ",write-cache=off");
    if (number == 0)
        qemu_put_bootindex(&b, r->l, BOOT_DISK);
    qemu_opt_buf(r, "-device", &b);
}

static void add_root(struct render *r, unsigned used[DRIVE_BUSES])
{
    const struct launch *l = r->l;
    const struct drive *d = &l->root;
    char top[NODE_SIZE + 4];

    if (!qemu_needs(l, QEMU_DISK))
        return;
    if (l->image_format != DISK_NONE)
        add_layer(r, QEMU_BASE, "base", l->image_format, d, "");
    if (d->file[0])
        add_layer(r, QEMU_DISK, "disk", d->format, d, "");
    else
        add_layer(r, QEMU_DISK, "disk", DISK_QCOW2, d, "base");
    add_device(r, d, 0, add_top(r, QEMU_TOP, "disk", d, top), used);
}

void qemu_add_disks(struct render *r)
{
    unsigned used[DRIVE_BUSES] = { 0 };

    add_root(r, used);
    for (unsigned i = 0; i < r->l->n_drives; i++) {
        const struct drive *d = &r->l->drives[i];
        char node[NODE_SIZE], top[NODE_SIZE + 4];
        snprintf(node, sizeof(node), "drive%u", i + 1);
        add_layer(r, (enum qemu_file)(QEMU_DRIVE0 + i), node, d->file[0] ? d->format : DISK_QCOW2,
                  d, "");
        add_device(r, d, i + 1, add_top(r, (enum qemu_file)(QEMU_TOP0 + i), node, d, top), used);
    }
}
