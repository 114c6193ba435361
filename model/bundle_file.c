/* The files of a bundle: their names, their extents, and which of them have to be there. */
#include <stdlib.h>
#include <string.h>

#include "model/bundle_priv.h"

static const char *const part_names[BUNDLE_PARTS] = {
    [BUNDLE_DISK] = "disk.qcow2",
    [BUNDLE_VARS] = "vars.fd",
    [BUNDLE_IMAGE_DISK] = "image-disk",
    [BUNDLE_IMAGE_KERNEL] = "image-kernel",
    [BUNDLE_IMAGE_INITRD] = "image-initrd",
    "drive-1",
    "drive-2",
    "drive-3",
    "drive-4",
    "drive-5",
    "drive-6",
    "drive-7",
    "drive-8",
    "drive-9",
    "drive-10",
    "drive-11",
    "drive-12",
    "drive-13",
    "drive-14",
    "drive-15",
    "drive-16",
};

const char *bundle_part_name(enum bundle_part p)
{
    return part_names[p];
}

int bundle_part_from_name(const char *name)
{
    for (int p = 0; p < BUNDLE_PARTS; p++)
        if (strcmp(part_names[p], name) == 0)
            return p;
    return -1;
}

uint64_t bundle_file_stored(const struct bundle_file *f)
{
    uint64_t n = 0;

    for (int i = 0; i < f->n_map; i++)
        n += f->map[i].len;
    return n;
}

bool bundle_root_in_place(const struct bundle *b)
{
    return b->files[BUNDLE_IMAGE_DISK].from[0] != '\0';
}

int bundle_format(const struct bundle *b)
{
    return b->instance.spec.n_drives || bundle_root_in_place(b) ? 2 : 1;
}

/* --- writing --- */

static json_t *map_json(const struct bundle_file *f)
{
    json_t *map = json_array();

    for (int i = 0; i < f->n_map; i++)
        json_array_append_new(
            map, json_pack("[I, I]", (json_int_t)f->map[i].at, (json_int_t)f->map[i].len));
    return map;
}

json_t *bundle_files_json(const struct bundle *b)
{
    json_t *list = json_array();

    for (int p = 0; p < BUNDLE_PARTS; p++) {
        const struct bundle_file *f = &b->files[p];
        const char *format = f->format != DISK_NONE ? disk_format_name(f->format) : NULL;
        if (f->there)
            json_array_append_new(list,
                                  json_pack("{s:s, s:I, s:o, s:s*, s:s*}", "name", part_names[p],
                                            "size", (json_int_t)f->size, "extents", map_json(f),
                                            "format", format, "from", f->from[0] ? f->from : NULL));
    }
    return list;
}

/* --- reading --- */

static int read_map(const json_t *list, struct bundle_file *f, struct err *e)
{
    size_t i, n = json_array_size(list);
    uint64_t end = 0;
    json_t *pair;

    if (!json_is_array(list) || n > BUNDLE_EXTENTS_MAX)
        return bundle_damaged(e, "extents");
    if (!(f->map = calloc(n + 1, sizeof *f->map)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    json_array_foreach(list, i, pair)
    {
        json_int_t at = json_integer_value(json_array_get(pair, 0)),
                   len = json_integer_value(json_array_get(pair, 1));
        if (json_array_size(pair) != 2 || at < 0 || len <= 0 || (uint64_t)at < end ||
            (uint64_t)at > f->size || (uint64_t)len > f->size - (uint64_t)at)
            return bundle_damaged(e, "extents");
        f->map[f->n_map++] = (struct bundle_extent){ (uint64_t)at, (uint64_t)len };
        end = (uint64_t)at + (uint64_t)len;
    }
    return 0;
}

/* Of which format a drive is; where a disk lay that was used in place. */
static int read_kind(const json_t *o, int p, struct bundle_file *f, struct err *e)
{
    const char *format = json_string_value(json_object_get(o, "format"));
    int kind = format ? disk_format_from_name(format) : DISK_NONE;

    if (p >= BUNDLE_DRIVE ? kind != DISK_QCOW2 && kind != DISK_RAW
                          : json_object_get(o, "format") != NULL)
        return bundle_damaged(e, "format");
    f->format = (enum disk_format)kind;
    if (!json_object_get(o, "from"))
        return 0;
    if (bundle_text(o, "from", f->from, sizeof f->from, e) < 0)
        return -1;
    return (p == BUNDLE_IMAGE_DISK || p >= BUNDLE_DRIVE) && drive_file_check(f->from, NULL) == 0
               ? 0
               : bundle_damaged(e, "from");
}

/* What an image is made of comes whole or not at all; one that was a root disk is nowhere else. */
static int check_image(const struct bundle *b, struct err *e)
{
    const struct image *i = &b->image;
    const struct bundle_file *f = b->files;
    bool disk = i->format != DISK_NONE;
    bool any = f[BUNDLE_IMAGE_DISK].there || f[BUNDLE_IMAGE_KERNEL].there;

    if (f[BUNDLE_DISK].there != (disk && !bundle_root_in_place(b)))
        return bundle_damaged(e, "files");
    if (any &&
        (f[BUNDLE_IMAGE_DISK].there != disk || f[BUNDLE_IMAGE_KERNEL].there != i->has_kernel ||
         f[BUNDLE_IMAGE_INITRD].there != i->has_initrd))
        return bundle_damaged(e, "files");
    return any || !f[BUNDLE_IMAGE_INITRD].there ? 0 : bundle_damaged(e, "files");
}

/* Each drive that comes is one of the definition, which has room for it. */
static int check_drives(const struct bundle *b, struct err *e)
{
    const struct spec *s = &b->instance.spec;

    for (int i = 0; i < DRIVES_MAX; i++) {
        const struct bundle_file *f = &b->files[BUNDLE_DRIVE + i];
        if (f->there &&
            (i >= s->n_drives || (f->format == DISK_RAW && f->size > s->drives[i].size)))
            return bundle_damaged(e, "disks");
    }
    return 0;
}

int bundle_files_read(const json_t *list, int format, struct bundle *b, struct err *e)
{
    int last = -1;
    size_t i;
    json_t *v;

    if (!json_is_array(list))
        return bundle_damaged(e, "files");
    json_array_foreach(list, i, v)
    {
        const char *name = json_string_value(json_object_get(v, "name"));
        int p = name ? bundle_part_from_name(name) : -1;
        if (p <= last)
            return bundle_damaged(e, "files");
        last = p;
        b->files[p].there = true;
        if (bundle_number(v, "size", BUNDLE_FILE_MAX, &b->files[p].size, e) < 0 ||
            read_map(json_object_get(v, "extents"), &b->files[p], e) < 0 ||
            read_kind(v, p, &b->files[p], e) < 0)
            return -1;
    }
    if (format < bundle_format(b))
        return bundle_damaged(e, "roost-bundle");
    return check_image(b, e) < 0 ? -1 : check_drives(b, e);
}
