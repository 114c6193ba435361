/* A disk of an instance: one that roost makes, or a file of somebody's that is used where it lies.
 */
#ifndef MODEL_DRIVE_H
#define MODEL_DRIVE_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/msg.h"
#include "model/image.h"

/* What QEMU's q35 and arm64's virt both have; none has IDE. */
enum drive_bus { DRIVE_VIRTIO, DRIVE_SCSI, DRIVE_SATA, DRIVE_NVME, DRIVE_USB, DRIVE_BUSES };
const char *drive_bus_name(enum drive_bus b);

/* QEMU's words of -drive cache= (QEMU's manual, "Block device options"). */
enum drive_cache {
    CACHE_WRITEBACK, /* the host's page cache; flushes of the guest are flushes */
    CACHE_NONE,      /* past the host's page cache */
    CACHE_WRITETHROUGH,
    CACHE_DIRECTSYNC, /* both of the two before */
    CACHE_UNSAFE,     /* nothing is ever flushed */
    DRIVE_CACHES
};
const char *drive_cache_name(enum drive_cache c);

#define DRIVES_MAX       16 /* of an instance, beside its root disk */
#define DRIVE_FILE_MAX   511
#define DRIVE_SERIAL_MAX 20 /* virtio-blk, ATA and NVMe hold no more */
#define DRIVE_SIZE_MIN   (UINT64_C(1) << 20)

/* All zero: the root disk's words when none were said. */
struct drive {
    char serial[DRIVE_SERIAL_MAX + 1]; /* in /dev/disk/by-id, and in its file's name; "": none */
    uint64_t size;                     /* bytes; 0: as the image, or as the file */
    char file[DRIVE_FILE_MAX + 1];     /* absolute; "": roost makes one */
    enum disk_format format;           /* of the file; DISK_NONE: by its content */
    bool device;                       /* the file is a block device: found out, never said */
    enum drive_bus bus;
    enum drive_cache cache;
    bool no_discard; /* what the guest trims stays allocated */
    bool throw_away; /* `volatile`: each start sees it as it was before the first */
    bool read_only;
};

/* The name below the instance's directory of one that roost makes ("disk-SERIAL.qcow2"), and of the
 * overlay that takes what is written to a volatile one; serial "": the root disk's. */
#define DRIVE_NAME_SIZE (DRIVE_SERIAL_MAX + sizeof("volatile-.qcow2"))
void drive_name(const char *serial, char ret[DRIVE_NAME_SIZE]);
void drive_top_name(const char *serial, char ret[DRIVE_NAME_SIZE]);

/* 1 to 20 of [A-Za-z0-9._-]. */
int drive_serial_check(const char *s, struct err *e);
/* Absolute, printable, without "." and ".." components and doubled slashes. */
int drive_file_check(const char *s, struct err *e);
/* What goes together: a size and no file, or a file and no size, no read-only disk that is volatile
 * or on a bus that has none. root: it may have neither, and is written to. */
int drive_check(const struct drive *d, bool root, struct err *e);
/* Serials that are there twice. root may be NULL. */
/* Nothing but its size was said. */
bool drive_is_plain(const struct drive *d);
int drives_check(const struct drive *root, const struct drive *d, int n, struct err *e);

/* As a field of a message; get checks everything. */
void drive_put(struct buf *b, const struct drive *d);
void drive_get(struct msg_cur *c, bool root, struct drive *ret);

/* --- drive_words.c: as the operator writes it --- */
struct spot;
/* A size ("20G"), a file (what has a slash in it), or an object of the words bus, cache, discard,
 * file, format, read-only, serial, size, volatile; over what is in *d already: a size takes the
 * place of a file and the other way round. */
int drive_read(struct drive *d, bool root, const json_t *v, const struct spot *at, struct err *e);
/* Canonical; a root disk of which only the size is known is that number. New reference. */
json_t *drive_emit(const struct drive *d, bool root);
/* A list of them in place of what was there (allocated; NULL and 0: none). Those without a serial
 * are called disk1, disk2 … by their place. */
int drives_read(const json_t *v, const struct spot *at, struct drive **d, int *n, struct err *e);
json_t *drives_emit(const struct drive *d, int n); /* NULL: there are none */

#endif
