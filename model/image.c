#include "model/image.h"

#include <stdlib.h>

#include "base/cleanup.h"
#include "model/image_word.h"

void image_source_done(struct image_source *s)
{
    free(s->file);
    free(s->kernel);
    free(s->initrd);
    free(s->url);
    free(s->sums);
    free(s->predefined);
    *s = (struct image_source){ 0 };
}

json_t *image_source_to_json(const struct image_source *s)
{
    char checksum[CHECKSUM_TEXT];
    const struct {
        const char *word, *value;
    } rows[] = {
        { "file", s->file },
        { "url", s->url },
        { "predefined", s->predefined },
        { "kernel", s->kernel },
        { "initrd", s->initrd },
        { "checksum", s->sums ? s->sums : checksum_format(&s->checksum, checksum) },
    };
    json_t *o = json_object();

    for (size_t i = 0; i < ARRAY_SIZE(rows); i++)
        if (rows[i].value && *rows[i].value)
            json_object_set_new(o, rows[i].word, json_string(rows[i].value));
    return o;
}

/* What needs what. */
static int check_parts(struct image_reading *r, const json_t *j, const struct spot *at, struct err *e)
{
    const struct spot initrd = spot_key(at, "initrd"), cmdline = spot_key(at, "cmdline"),
                      checksum = spot_key(at, "checksum"), firmware = spot_key(at, "firmware");
    bool fetched = r->source.url || r->source.predefined;
    if (!r->source.file && !r->source.kernel && !fetched)
        return spot_bad(at, e, "has neither file: (a disk image), url:, predefined: nor kernel:");
    if (r->source.file && fetched)
        return spot_bad(at, e, "has a file: and %s: too, one of them is enough",
                        r->source.url ? "a url" : "predefined");
    if (r->source.initrd && !r->source.kernel)
        return spot_bad(&initrd, e, "an initrd needs a kernel: beside it");
    if (json_object_get(j, "cmdline") && !r->source.kernel)
        return spot_bad(&cmdline, e, "a kernel command line needs a kernel: beside it");
    if (*r->source.checksum.hex && !r->source.file && !fetched)
        return spot_bad(&checksum, e, "a checksum needs the file: or url: that it is of");
    if (r->source.sums && !fetched)
        return spot_bad(&checksum, e, "a list of checksums is looked into for a url: only");
    if (r->image.arch != ARCH_ARM64)
        return 0;
    if (r->firmware_set && r->image.firmware == FIRMWARE_BIOS)
        return spot_bad(&firmware, e, "arm64 machines have no bios: say uefi");
    r->image.firmware = FIRMWARE_UEFI;
    return 0;
}

int image_read(const char *name, const json_t *j, const struct spot *at, struct image *ret,
               struct image_source *src, struct err *e)
{
    struct image_reading r = { .image.arch = arch_native() };
    if (name_parse(name, "image name", &r.image.name, e) < 0)
        return spot_wrap(at, e);
    if (words_read(&image_fleet_words, &r, j, at, e) < 0 || check_parts(&r, j, at, e) < 0) {
        image_source_done(&r.source);
        return -1;
    }
    r.image.has_kernel = r.source.kernel;
    r.image.has_initrd = r.source.initrd;
    *ret = r.image;
    *src = r.source;
    return 0;
}

int image_from_json(const char *name, const json_t *j, struct image *ret, struct image_source *src,
                    struct err *e)
{
    const struct spot root = spot_root(""), images = spot_key(&root, "images"),
                      at = spot_key(&images, name);
    return image_read(name, j, &at, ret, src, e);
}

int image_from_record(const char *name, const json_t *j, struct image *ret, struct err *e)
{
    const struct spot root = spot_root(""), images = spot_key(&root, "images"),
                      at = spot_key(&images, name);
    struct image_reading r = { .image.arch = arch_native() };
    if (name_parse(name, "image name", &r.image.name, e) < 0)
        return spot_wrap(&at, e);
    if (words_read(&image_record_words, &r, j, &at, e) < 0)
        return -1;
    *ret = r.image;
    return 0;
}

json_t *image_to_json(const struct image *i)
{
    return words_emit(&image_record_words, i);
}
