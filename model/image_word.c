/* The words of an image: of the fleet file, and of what is on record. */
#include "model/image_word.h"

#include <stdlib.h>
#include <string.h>

#include "base/parse.h"

#define PATH_LEN_MAX 4095
#define URL_LEN_MAX  2048

/* --- words of the fleet file --- */

static int read_path(char **field, const json_t *v, const struct spot *at, struct err *e)
{
    const char *s;
    if (value_text(v, PATH_LEN_MAX, at, &s, e) < 0)
        return -1;
    if (s[0] != '/')
        return spot_bad(at, e, "\"%s\" is not an absolute path", s);
    return value_keep(field, s, at, e);
}

/* RFC 3986: no blank, no control byte; only what a download can begin with. */
static bool is_url(const char *s)
{
    return strncmp(s, "https://", 8) == 0 || strncmp(s, "http://", 7) == 0;
}

static int read_url(char **field, const json_t *v, const struct spot *at, struct err *e)
{
    const char *s;
    if (value_text(v, URL_LEN_MAX, at, &s, e) < 0)
        return -1;
    if (!is_url(s) || !s[strcspn(s, "/") + 2] || !ascii_printable(s, strlen(s)) || strchr(s, ' '))
        return spot_bad(at, e, "\"%.200s\" is not a URL that begins with https:// or http://", s);
    return value_keep(field, s, at, e);
}

static int read_file(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    return read_path(&((struct image_reading *)obj)->source.file, v, at, e);
}

static int read_kernel(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    return read_path(&((struct image_reading *)obj)->source.kernel, v, at, e);
}

static int read_initrd(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    return read_path(&((struct image_reading *)obj)->source.initrd, v, at, e);
}

static int sha256_text(const char *s, char ret[65])
{
    if (strlen(s) != 64 || strspn(s, "0123456789abcdefABCDEF") != 64)
        return -1;
    for (int i = 0; i < 64; i++)
        ret[i] = (char)(s[i] >= 'A' && s[i] <= 'F' ? s[i] - 'A' + 'a' : s[i]);
    ret[64] = '\0';
    return 0;
}

static int read_checksum(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct image_reading *r = obj;
    const char *s;
    if (value_text(v, URL_LEN_MAX, at, &s, e) < 0)
        return -1;
    if (is_url(s))
        return read_url(&r->source.sums, v, at, e);
    return checksum_parse(s, &r->source.checksum, e) < 0 ? spot_wrap(at, e) : 0;
}

static int read_image_url(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    return read_url(&((struct image_reading *)obj)->source.url, v, at, e);
}

static int read_predefined(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct image_reading *r = obj;
    const char *s;
    if (value_text(v, 64, at, &s, e) < 0)
        return -1;
    if (!*s || strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789.-") != strlen(s))
        return spot_bad(at, e, "\"%s\" is not the name of a predefined image such as debian-13", s);
    return value_keep(&r->source.predefined, s, at, e);
}

/* --- words of file and record --- */

static int read_arch(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct image_reading *r = obj;
    int arch;
    if (value_kind(v, ARCHES, arch_name, at, &arch, e) < 0)
        return -1;
    r->image.arch = (enum arch)arch;
    return 0;
}

static int read_firmware(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct image_reading *r = obj;
    int firmware;
    if (value_kind(v, FIRMWARES, firmware_name, at, &firmware, e) < 0)
        return -1;
    r->image.firmware = (enum firmware)firmware;
    r->firmware_set = true;
    return 0;
}

static int read_cmdline(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct image_reading *r = obj;
    const char *s;
    if (value_ascii(v, CMDLINE_MAX, at, &s, e) < 0)
        return -1;
    snprintf(r->image.cmdline, sizeof(r->image.cmdline), "%s", s);
    return 0;
}

static int read_default_user(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct image_reading *r = obj;
    const char *s;
    if (value_text(v, sizeof(r->image.default_user) - 1, at, &s, e) < 0)
        return -1;
    if (!*s || s[0] == '-' || strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789_-") != strlen(s))
        return spot_bad(at, e, "\"%s\" is not a login name (a-z, 0-9, _ and -)", s);
    snprintf(r->image.default_user, sizeof(r->image.default_user), "%s", s);
    return 0;
}

static int read_min_cpus(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    int64_t n;
    if (value_int(v, 0, 65535, at, &n, e) < 0)
        return -1;
    ((struct image_reading *)obj)->image.min_cpus = (uint32_t)n;
    return 0;
}

static int read_min_memory(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    return value_size(v, 0, at, &((struct image_reading *)obj)->image.min_memory, e);
}

static int read_min_disk(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    return value_size(v, 0, at, &((struct image_reading *)obj)->image.min_disk, e);
}

/* --- words of the record alone --- */

static int read_format(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct image_reading *r = obj;
    int format;
    if (value_kind(v, DISK_FORMATS, disk_format_name, at, &format, e) < 0)
        return -1;
    r->image.format = (enum disk_format)format;
    return 0;
}

static int read_virtual_size(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    return value_size(v, 0, at, &((struct image_reading *)obj)->image.virtual_size, e);
}

static int read_has_kernel(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    return value_bool(v, at, &((struct image_reading *)obj)->image.has_kernel, e);
}

static int read_has_initrd(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    return value_bool(v, at, &((struct image_reading *)obj)->image.has_initrd, e);
}

static int read_sha256(void *obj, const json_t *v, const struct spot *at, struct err *e)
{
    struct image_reading *r = obj;
    const char *s;
    if (value_text(v, 64, at, &s, e) < 0)
        return -1;
    return sha256_text(s, r->image.sha256) < 0
               ? spot_bad(at, e, "\"%s\" is not 64 hexadecimal digits", s)
               : 0;
}

static json_t *emit_text(const char *s)
{
    return *s ? json_string(s) : NULL;
}

static json_t *emit_bytes(uint64_t n)
{
    return n ? json_integer((json_int_t)n) : NULL;
}

static json_t *emit_arch(const void *obj)
{
    return json_string(arch_name(((const struct image *)obj)->arch));
}

static json_t *emit_cmdline(const void *obj)
{
    return emit_text(((const struct image *)obj)->cmdline);
}

static json_t *emit_default_user(const void *obj)
{
    return emit_text(((const struct image *)obj)->default_user);
}

static json_t *emit_firmware(const void *obj)
{
    return json_string(firmware_name(((const struct image *)obj)->firmware));
}

static json_t *emit_format(const void *obj)
{
    return json_string(disk_format_name(((const struct image *)obj)->format));
}

static json_t *emit_has_initrd(const void *obj)
{
    return json_boolean(((const struct image *)obj)->has_initrd);
}

static json_t *emit_has_kernel(const void *obj)
{
    return json_boolean(((const struct image *)obj)->has_kernel);
}

static json_t *emit_min_cpus(const void *obj)
{
    return emit_bytes(((const struct image *)obj)->min_cpus);
}

static json_t *emit_min_disk(const void *obj)
{
    return emit_bytes(((const struct image *)obj)->min_disk);
}

static json_t *emit_min_memory(const void *obj)
{
    return emit_bytes(((const struct image *)obj)->min_memory);
}

static json_t *emit_sha256(const void *obj)
{
    return emit_text(((const struct image *)obj)->sha256);
}

static json_t *emit_virtual_size(const void *obj)
{
    return emit_bytes(((const struct image *)obj)->virtual_size);
}

static const struct word fleet_rows[] = {
    { "arch", read_arch, NULL },          { "checksum", read_checksum, NULL },
    { "cmdline", read_cmdline, NULL },    { "default-user", read_default_user, NULL },
    { "file", read_file, NULL },          { "firmware", read_firmware, NULL },
    { "initrd", read_initrd, NULL },      { "kernel", read_kernel, NULL },
    { "min-cpus", read_min_cpus, NULL },  { "min-disk", read_min_disk, NULL },
    { "min-memory", read_min_memory, NULL }, { "predefined", read_predefined, NULL },
    { "url", read_image_url, NULL },
};
const struct words image_fleet_words = WORDS("image", fleet_rows);

static const struct word record_rows[] = {
    { "arch", read_arch, emit_arch },
    { "cmdline", read_cmdline, emit_cmdline },
    { "default-user", read_default_user, emit_default_user },
    { "firmware", read_firmware, emit_firmware },
    { "format", read_format, emit_format },
    { "initrd", read_has_initrd, emit_has_initrd },
    { "kernel", read_has_kernel, emit_has_kernel },
    { "min-cpus", read_min_cpus, emit_min_cpus },
    { "min-disk", read_min_disk, emit_min_disk },
    { "min-memory", read_min_memory, emit_min_memory },
    { "sha256", read_sha256, emit_sha256 },
    { "source", NULL, NULL },
    { "virtual-size", read_virtual_size, emit_virtual_size },
};
const struct words image_record_words = WORDS("image record", record_rows);
