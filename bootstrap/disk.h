/* Disks through qemu-img: what an image file is, by content, and overlays over it. */
#ifndef BOOTSTRAP_DISK_H
#define BOOTSTRAP_DISK_H

#include "base/spawn.h"
#include "model/image.h"

/* `qemu-img info --output=json -f FORMAT FILE`: the format is told (bootstrap/disk_kind.h), or QEMU
 * would guess it. */
void disk_info_argv(const char *qemu_img, const char *format, const char *file, struct argv *out);
/* `qemu-img convert` of a foreign format to a qcow2 file. */
void disk_convert_argv(const char *qemu_img, const char *format, const char *from, const char *to,
                       struct argv *out);
struct disk_info {
    enum disk_format format;
    uint64_t virtual_size;
};
/* Reads its output. A backing or data file of its own, an encrypted or other format: ERR_INVALID
 * with what would be right. */
int disk_info_parse(const char *json, size_t len, struct disk_info *ret, struct err *e);
/* `qemu-img create` of an overlay whose backing name is relative ("../../images/NAME/disk"), so
 * that vm.sh works and a moved state directory too. size 0: as the image; smaller than the image:
 * refused. */
int disk_overlay_argv(const char *qemu_img, const char *file, const struct name *image,
                      enum disk_format format, uint64_t virtual_size, uint64_t size,
                      struct argv *out, struct err *e);

/* `qemu-img create` of an empty disk. */
void disk_create_argv(const char *qemu_img, const char *file, uint64_t size, struct argv *out);
/* Of an overlay over a disk of that format and size, which is not opened for it. */
void disk_top_argv(const char *qemu_img, const char *file, const char *below,
                   enum disk_format format, uint64_t size, struct argv *out);

/* `qemu-img resize` of a stopped guest's overlay to a larger size (a smaller one is refused by it).
 */
void disk_grow_argv(const char *qemu_img, const char *file, uint64_t size, struct argv *out);

#endif
