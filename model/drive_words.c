#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "model/drive.h"
#include "model/words.h"

#define READER(name)                                                                               \
    static int read_##name(void *obj, const json_t *v, const struct spot *at, struct err *e)
#define EMITTER(name) static json_t *emit_##name(const void *obj)

static const char *bus_name(unsigned b)
{
    return drive_bus_name((enum drive_bus)b);
}

READER(bus)
{
    int bus;
    if (json_is_string(v) && strcmp(json_string_value(v), "ide") == 0)
        return spot_bad(at, e, "no machine of roost's has IDE; sata is its successor");
    if (value_kind(v, DRIVE_BUSES, bus_name, at, &bus, e) < 0)
        return -1;
    ((struct drive *)obj)->bus = (enum drive_bus)bus;
    return 0;
}

EMITTER(bus)
{
    const struct drive *d = obj;
    return d->bus != DRIVE_VIRTIO ? json_string(drive_bus_name(d->bus)) : NULL;
}

static const char *cache_name(unsigned c)
{
    return drive_cache_name((enum drive_cache)c);
}

READER(cache)
{
    int cache;
    if (value_kind(v, DRIVE_CACHES, cache_name, at, &cache, e) < 0)
        return -1;
    ((struct drive *)obj)->cache = (enum drive_cache)cache;
    return 0;
}

EMITTER(cache)
{
    const struct drive *d = obj;
    return d->cache != CACHE_WRITEBACK ? json_string(drive_cache_name(d->cache)) : NULL;
}

READER(discard)
{
    bool yes;
    if (value_bool(v, at, &yes, e) < 0)
        return -1;
    ((struct drive *)obj)->no_discard = !yes;
    return 0;
}

EMITTER(discard)
{
    return ((const struct drive *)obj)->no_discard ? json_false() : NULL;
}

READER(file)
{
    struct drive *d = obj;
    const char *s;
    if (value_text(v, 4096, at, &s, e) < 0)
        return -1;
    if (drive_file_check(s, e) < 0)
        return spot_wrap(at, e);
    strcpy(d->file, s);
    return 0;
}

EMITTER(file)
{
    const struct drive *d = obj;
    return d->file[0] ? json_string(d->file) : NULL;
}

READER(format)
{
    struct drive *d = obj;
    const char *s;
    if (value_text(v, 64, at, &s, e) < 0)
        return -1;
    int format = disk_format_from_name(s);
    if (format != DISK_QCOW2 && format != DISK_RAW)
        return spot_bad(at, e, "\"%.64s\" is not one of qcow2, raw", s);
    d->format = (enum disk_format)format;
    return 0;
}

EMITTER(format)
{
    const struct drive *d = obj;
    return d->format != DISK_NONE ? json_string(disk_format_name(d->format)) : NULL;
}

READER(read_only)
{
    return value_bool(v, at, &((struct drive *)obj)->read_only, e);
}

EMITTER(read_only)
{
    return ((const struct drive *)obj)->read_only ? json_true() : NULL;
}

READER(serial)
{
    struct drive *d = obj;
    const char *s;
    if (value_text(v, 256, at, &s, e) < 0)
        return -1;
    if (drive_serial_check(s, e) < 0)
        return spot_wrap(at, e);
    strcpy(d->serial, s);
    return 0;
}

EMITTER(serial)
{
    const struct drive *d = obj;
    return d->serial[0] ? json_string(d->serial) : NULL;
}

READER(size)
{
    uint64_t bytes;
    if (value_size(v, 0, at, &bytes, e) < 0)
        return -1;
    if (bytes > 0 && value_size(v, DRIVE_SIZE_MIN, at, &bytes, e) < 0)
        return -1;
    ((struct drive *)obj)->size = bytes;
    return 0;
}

EMITTER(size)
{
    const struct drive *d = obj;
    return d->file[0] ? NULL : json_integer((json_int_t)d->size);
}

READER(volatile)
{
    return value_bool(v, at, &((struct drive *)obj)->throw_away, e);
}

EMITTER(volatile)
{
    return ((const struct drive *)obj)->throw_away ? json_true() : NULL;
}

#define ROW(text, name)                                                                            \
    {                                                                                              \
        text, read_##name, emit_##name                                                             \
    }
static const struct word rows[] = {
    ROW("bus", bus),       ROW("cache", cache),   ROW("discard", discard),
    ROW("file", file),     ROW("format", format), ROW("read-only", read_only),
    ROW("serial", serial), ROW("size", size),     ROW("volatile", volatile),
};
static const struct words drive_words = WORDS("disk", rows);

static void forget_file(struct drive *d)
{
    d->file[0] = '\0';
    d->format = DISK_NONE;
    d->read_only = false;
}

/* What an earlier reading left goes where a word of this one takes its place. */
static int read_object(struct drive *d, const json_t *v, const struct spot *at, struct err *e)
{
    if (json_object_get(v, "file"))
        d->size = 0;
    else if (json_object_get(v, "size"))
        forget_file(d);
    return words_read(&drive_words, d, v, at, e);
}

int drive_read(struct drive *d, bool root, const json_t *v, const struct spot *at, struct err *e)
{
    struct drive now = *d;
    int r;

    if (json_is_string(v) && strchr(json_string_value(v), '/')) {
        now.size = 0;
        r = read_file(&now, v, at, e);
    } else if (json_is_object(v)) {
        r = read_object(&now, v, at, e);
    } else {
        forget_file(&now);
        r = read_size(&now, v, at, e);
    }
    if (r < 0)
        return -1;
    if (drive_check(&now, root, e) < 0)
        return spot_wrap(at, e);
    *d = now;
    return 0;
}

json_t *drive_emit(const struct drive *d, bool root)
{
    json_t *j = words_emit(&drive_words, d), *size = json_object_get(j, "size");

    if (!root || !size || json_object_size(j) > 1)
        return j;
    json_incref(size);
    json_decref(j);
    return size;
}

int drives_read(const json_t *v, const struct spot *at, struct drive **d, int *n, struct err *e)
{
    size_t count;
    auto_free struct drive *list = NULL;

    if (value_list(v, DRIVES_MAX, at, e) < 0)
        return -1;
    count = json_array_size(v);
    if (count && !(list = calloc(count, sizeof *list)))
        return spot_err(at, e, ERR_INTERNAL, "out of memory");
    for (size_t i = 0; i < count; i++) {
        const struct spot item = spot_item(at, i);
        snprintf(list[i].serial, sizeof list[i].serial, "disk%u", (unsigned)i + 1);
        if (drive_read(&list[i], false, json_array_get(v, i), &item, e) < 0)
            return -1;
    }
    if (drives_check(NULL, list, (int)count, e) < 0)
        return spot_wrap(at, e);
    free(*d);
    *d = steal_ptr(list);
    *n = (int)count;
    return 0;
}

json_t *drives_emit(const struct drive *d, int n)
{
    json_t *list = n ? json_array() : NULL;

    for (int i = 0; i < n; i++)
        json_array_append_new(list, drive_emit(&d[i], false));
    return list;
}
