/* Nothing but plain values here: roostd links this file and must not come to hold a JSON parser
 * with it (drive_words.c). */
#include "model/drive.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/utf8.h"
#include "model/verb_field.h"

static const char *const bus_names[DRIVE_BUSES] = {
    [DRIVE_VIRTIO] = "virtio", [DRIVE_SCSI] = "scsi", [DRIVE_SATA] = "sata",
    [DRIVE_NVME] = "nvme",     [DRIVE_USB] = "usb",
};

const char *drive_bus_name(enum drive_bus b)
{
    return (unsigned)b < DRIVE_BUSES ? bus_names[b] : "unknown";
}

static const char *const cache_names[DRIVE_CACHES] = {
    [CACHE_WRITEBACK] = "writeback",
    [CACHE_NONE] = "none",
    [CACHE_WRITETHROUGH] = "writethrough",
    [CACHE_DIRECTSYNC] = "directsync",
    [CACHE_UNSAFE] = "unsafe",
};

const char *drive_cache_name(enum drive_cache c)
{
    return (unsigned)c < DRIVE_CACHES ? cache_names[c] : "unknown";
}

void drive_name(const char *serial, char ret[DRIVE_NAME_SIZE])
{
    snprintf(ret, DRIVE_NAME_SIZE, "disk%s%s.qcow2", *serial ? "-" : "", serial);
}

void drive_top_name(const char *serial, char ret[DRIVE_NAME_SIZE])
{
    snprintf(ret, DRIVE_NAME_SIZE, "volatile%s%s.qcow2", *serial ? "-" : "", serial);
}

int drive_serial_check(const char *s, struct err *e)
{
    size_t n = strlen(s);

    if (n < 1 || n > DRIVE_SERIAL_MAX ||
        s[strspn(s, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-")])
        return err_set(
            e, ERR_INVALID,
            "\"%.64s\" is no serial number of a disk: 1 to %d of letters, digits, \".\", "
            "\"_\" and \"-\"",
            s, DRIVE_SERIAL_MAX);
    return 0;
}

/* A component that leads elsewhere, or nowhere. */
static bool is_odd(const char *s, size_t len)
{
    return len == 0 || (len == 1 && s[0] == '.') || (len == 2 && s[0] == '.' && s[1] == '.');
}

int drive_file_check(const char *s, struct err *e)
{
    size_t n = strlen(s);

    if (n > DRIVE_FILE_MAX)
        return err_set(e, ERR_TOO_BIG, "\"%.40s…\": a path of more than %d bytes", s,
                       DRIVE_FILE_MAX);
    if (s[0] != '/')
        return err_set(e, ERR_INVALID, "\"%.200s\" is not an absolute path", s);
    if (!utf8_valid(s, n))
        return err_set(e, ERR_INVALID, "a path that is not UTF-8");
    for (size_t i = 0; i < n; i++)
        if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
            return err_set(e, ERR_INVALID, "\"%.200s\": a path with control characters", s);
    for (const char *part = s + 1; part; part = strchr(part, '/') ? strchr(part, '/') + 1 : NULL)
        if (is_odd(part, strcspn(part, "/")))
            return err_set(e, ERR_INVALID,
                           "\"%.200s\": write it without \".\", \"..\" and doubled or trailing "
                           "slashes",
                           s);
    return 0;
}

int drive_check(const struct drive *d, bool root, struct err *e)
{
    if (d->file[0] && d->size)
        return err_set(e, ERR_INVALID, "a file has its own size: either size or file");
    if (!d->file[0] && !d->size && !root)
        return err_set(e, ERR_INVALID, "size is missing, such as 20G, or file");
    if (d->size && d->size < DRIVE_SIZE_MIN)
        return err_set(e, ERR_INVALID, "%llu bytes are too small for a disk",
                       (unsigned long long)d->size);
    if (!d->file[0] && (d->format != DISK_NONE || d->device))
        return err_set(e, ERR_INVALID, "format is a file's; roost's own disks are qcow2");
    if (!d->file[0] && d->read_only)
        return err_set(e, ERR_INVALID,
                       "read-only is for a file: what roost makes is empty until it is written to");
    if (root && d->read_only)
        return err_set(e, ERR_INVALID,
                       "read-only is not for the root disk; volatile leaves a file as it is");
    if (d->read_only && d->throw_away)
        return err_set(e, ERR_INVALID, "a disk is either read-only or volatile");
    if (d->read_only && d->bus == DRIVE_SATA)
        return err_set(e, ERR_INVALID, "there are no read-only disks on bus sata: use virtio");
    return 0;
}

bool drive_is_plain(const struct drive *d)
{
    return !d->serial[0] && !d->file[0] && d->format == DISK_NONE && d->bus == DRIVE_VIRTIO &&
           d->cache == CACHE_WRITEBACK && !d->no_discard && !d->throw_away && !d->read_only;
}

int drives_check(const struct drive *root, const struct drive *d, int n, struct err *e)
{
    for (int i = 0; i < n; i++) {
        bool twice = root && strcmp(d[i].serial, root->serial) == 0;
        for (int k = 0; k < i; k++)
            twice |= strcmp(d[i].serial, d[k].serial) == 0;
        if (twice)
            return err_set(e, ERR_INVALID, "two disks have the serial \"%s\"", d[i].serial);
    }
    return 0;
}

void drive_put(struct buf *b, const struct drive *d)
{
    msg_put_str(b, d->serial);
    msg_put_u64(b, d->size);
    msg_put_str(b, d->file);
    verb_put_enum(b, d->format);
    verb_put_enum(b, d->bus);
    verb_put_enum(b, d->cache);
    msg_put_u8(b, d->device);
    msg_put_u8(b, d->no_discard);
    msg_put_u8(b, d->throw_away);
    msg_put_u8(b, d->read_only);
}

void drive_get(struct msg_cur *c, bool root, struct drive *ret)
{
    struct drive d = { .size = 0 };

    msg_get_str(c, d.serial, sizeof d.serial);
    d.size = msg_get_u64(c);
    msg_get_str(c, d.file, sizeof d.file);
    d.format = (enum disk_format)verb_get_enum(c, DISK_FORMATS);
    d.bus = (enum drive_bus)verb_get_enum(c, DRIVE_BUSES);
    d.cache = (enum drive_cache)verb_get_enum(c, DRIVE_CACHES);
    d.device = msg_get_bool(c);
    d.no_discard = msg_get_bool(c);
    d.throw_away = msg_get_bool(c);
    d.read_only = msg_get_bool(c);
    if (((!root || d.serial[0]) && drive_serial_check(d.serial, NULL) < 0) ||
        (d.file[0] && drive_file_check(d.file, NULL) < 0) || drive_check(&d, root, NULL) < 0)
        c->failed = true;
    *ret = d;
}
