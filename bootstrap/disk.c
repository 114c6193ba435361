#include "bootstrap/disk.h"

#include <inttypes.h>
#include <jansson.h>
#include <string.h>

#include "base/parse.h"
#include "model/layout.h"

void disk_convert_argv(const char *qemu_img, const char *format, const char *from, const char *to,
                       struct argv *out)
{
    argv_add(out, qemu_img);
    argv_add(out, "convert");
    argv_add(out, "-f");
    argv_add(out, format);
    argv_add(out, "-O");
    argv_add(out, "qcow2");
    argv_add(out, "--");
    argv_add(out, from);
    argv_add(out, to);
}

void disk_info_argv(const char *qemu_img, const char *format, const char *file, struct argv *out)
{
    argv_add(out, qemu_img);
    argv_add(out, "info");
    argv_add(out, "--output=json");
    argv_add(out, "-f");
    argv_add(out, format);
    argv_add(out, "--");
    argv_add(out, file);
}

/* Any other file would be opened beside the image when a guest starts, or a secret be asked for. */
static int refuse_strings(const json_t *info, struct err *e)
{
    static const char *const file_keys[] = { "backing-filename", "full-backing-filename" };
    for (size_t i = 0; i < sizeof(file_keys) / sizeof(file_keys[0]); i++) {
        const char *name = json_string_value(json_object_get(info, file_keys[i]));
        if (name)
            return err_set(e, ERR_INVALID,
                           "it hangs on a backing file (%.200s): an image stands alone, make it "
                           "with `qemu-img convert -O qcow2`",
                           name);
    }
    const json_t *data = json_object_get(
        json_object_get(json_object_get(info, "format-specific"), "data"), "data-file");
    if (data)
        return err_set(e, ERR_INVALID,
                       "it keeps its data in another file (%.200s): an image stands alone, make it "
                       "with `qemu-img convert -O qcow2`",
                       json_is_string(data) ? json_string_value(data) : "?");
    if (json_is_true(json_object_get(info, "encrypted")))
        return err_set(e, ERR_INVALID, "it is encrypted: an image is a plain qcow2 or raw file");
    return 0;
}

static int info_read(const json_t *info, struct disk_info *ret, struct err *e)
{
    const char *format = json_string_value(json_object_get(info, "format"));
    const json_t *size = json_object_get(info, "virtual-size");
    if (!format || !json_is_integer(size))
        return err_set(e, ERR_INVALID, "qemu-img told neither format nor size");
    int f = disk_format_from_name(format);
    if (f != DISK_QCOW2 && f != DISK_RAW)
        return err_set(e, ERR_INVALID,
                       "its format is %.32s: convert it with `qemu-img convert -O qcow2`", format);
    if (json_integer_value(size) <= 0)
        return err_set(e, ERR_INVALID, "it is empty");
    if (refuse_strings(info, e) < 0)
        return -1;
    *ret = (struct disk_info){ .format = (enum disk_format)f,
                               .virtual_size = (uint64_t)json_integer_value(size) };
    return 0;
}

int disk_info_parse(const char *json, size_t len, struct disk_info *ret, struct err *e)
{
    json_error_t je;
    json_t *info = json_loadb(json, len, JSON_REJECT_DUPLICATES, &je);
    if (!info)
        return err_set(e, ERR_INVALID, "qemu-img answered with something else than JSON: %s",
                       je.text);
    int rc = info_read(info, ret, e);
    json_decref(info);
    return rc;
}

static void add_create(const char *qemu_img, struct argv *out)
{
    argv_add(out, qemu_img);
    argv_add(out, "create");
    argv_add(out, "-q");
    argv_add(out, "-f");
    argv_add(out, "qcow2");
}

/* Sectors are what a disk is made of; a size between two would be rounded down by QEMU. */
static void add_size(const char *file, uint64_t size, struct argv *out)
{
    argv_add(out, "--");
    argv_add(out, file);
    argv_addf(out, "%" PRIu64, (size + 511) / 512 * 512);
}

int disk_overlay_argv(const char *qemu_img, const char *file, const struct name *image,
                      enum disk_format format, uint64_t virtual_size, uint64_t size,
                      struct argv *out, struct err *e)
{
    if (format != DISK_QCOW2 && format != DISK_RAW)
        return err_set(e, ERR_INVALID, "image %s has no disk to put an overlay on", image->s);
    if (size && size < virtual_size) {
        char want[24];
        char have[24];
        return err_set(e, ERR_INVALID,
                       "a disk of %s is smaller than image %s: it needs at least %s",
                       format_size(size, want), image->s, format_size(virtual_size, have));
    }
    add_create(qemu_img, out);
    argv_add(out, "-F");
    argv_add(out, disk_format_name(format));
    argv_add(out, "-b");
    argv_addf(out, "../../" DIR_IMAGES "/%s/" FILE_IMAGE_DISK, image->s);
    add_size(file, size ? size : virtual_size, out);
    return out->failed ? err_set(e, ERR_INTERNAL, "out of memory") : 0;
}

void disk_create_argv(const char *qemu_img, const char *file, uint64_t size, struct argv *out)
{
    add_create(qemu_img, out);
    add_size(file, size, out);
}

void disk_top_argv(const char *qemu_img, const char *file, const char *below,
                   enum disk_format format, uint64_t size, struct argv *out)
{
    add_create(qemu_img, out);
    argv_add(out, "-u");
    argv_add(out, "-F");
    argv_add(out, disk_format_name(format));
    argv_add(out, "-b");
    argv_add(out, below);
    add_size(file, size, out);
}

void disk_grow_argv(const char *qemu_img, const char *file, uint64_t size, struct argv *out)
{
    argv_add(out, qemu_img);
    argv_add(out, "resize");
    argv_add(out, "-q");
    argv_add(out, "-f");
    argv_add(out, "qcow2");
    add_size(file, size, out);
}
