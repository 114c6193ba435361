/* Is an instance large enough for its image, and the right kind of machine? At the plan as far as it is known by then, and again
 * when images that had to be fetched are there: a guest is refused before it is on record, not when
 * somebody starts it. */
#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "server/core_apply.h"

int apply_image(struct apply *a, const char *name, struct image *ret, struct err *e)
{
    for (int i = 0; i < a->fleet.n_images; i++)
        if (!strcmp(a->fleet.images[i].image.name.s, name)) {
            *ret = a->fleet.images[i].image;
            return 0;
        }
    return core_image(a->c, name, ret, e);
}

static int too_small(const char *instance, const char *word, uint64_t has, const struct image *image,
                     uint64_t wants, struct err *e)
{
    char is[24], should[24];

    return err_set(e, ERR_INVALID, "instance %s: %s: %s is too little for image %s, which needs %s",
                   instance, word, format_size(has, is), image->name.s, format_size(wants, should));
}

/* A disk lies over its image and cannot be smaller than it. Sizes that read alike are told in
 * bytes. */
static int smaller_than_image(const char *instance, uint64_t disk, const struct image *image,
                              struct err *e)
{
    char is[40], should[40];

    format_size(disk, is);
    format_size(image->virtual_size, should);
    if (strcmp(is, should) == 0) {
        snprintf(is, sizeof is, "%llu bytes", (unsigned long long)disk);
        snprintf(should, sizeof should, "%llu bytes", (unsigned long long)image->virtual_size);
    }
    return err_set(e, ERR_INVALID,
                   "instance %s: disk: %s is smaller than image %s, whose disk has %s: say at least "
                   "that, or disk: 0 for as large as the image",
                   instance, is, image->name.s, should);
}

/* roostd asks the last of these again at the launch: it is root's to allow. */
static int fits_machine(const struct apply *a, const struct spec *s, enum arch arch, struct err *e)
{
    const struct machine_limits limits = config_machine_limits(&a->c->config);

    if (machine_check(&s->machine, e) < 0 ||
        machine_fits(&s->machine, arch, s->firmware_set ? &s->firmware : NULL, e) < 0)
        return -1;
    if (s->machine.display == DISPLAY_GTK && a->c->config.mode == MODE_SYSTEM)
        return err_set(e, ERR_DENIED,
                       "display: gtk is a window of whoever runs roost, and a system service has no "
                       "screen: say vnc");
    return machine_allowed(&s->machine, &limits, e);
}

int apply_fits_image(struct apply *a, const struct fleet_instance *f, struct err *e)
{
    const struct spec *s = &f->spec;
    struct image image;

    if (s->launcher != LAUNCHER_ROOST)
        return 0;
    if (s->image.s[0] && apply_image(a, s->image.s, &image, e) < 0)
        return -1;
    if (fits_machine(a, s, s->image.s[0] ? image.arch : arch_native(), e) < 0 &&
        apply_judge(a, f, e) < 0)
        return -1;
    if (!s->image.s[0])
        return 0;
    if (s->cpus < image.min_cpus)
        return err_set(e, ERR_INVALID,
                       "instance %s: cpus: %u is too little for image %s, which needs %u",
                       f->name.s, (unsigned)s->cpus, image.name.s, (unsigned)image.min_cpus);
    if (s->memory < image.min_memory)
        return too_small(f->name.s, "memory", s->memory, &image, image.min_memory, e);
    if (s->disk && s->disk < image.min_disk)
        return too_small(f->name.s, "disk", s->disk, &image, image.min_disk, e);
    if (s->disk && s->disk < image.virtual_size)
        return smaller_than_image(f->name.s, s->disk, &image, e);
    return 0;
}

int apply_fits_images(struct apply *a, struct err *e)
{
    for (int i = 0; i < a->fleet.n_instances; i++)
        if (apply_fits_image(a, &a->fleet.instances[i], e) < 0 ||
            apply_fits_emulator(a, &a->fleet.instances[i], e) < 0)
            return -1;
    return 0;
}
