/* The words of a fleet's machines against what the QEMU of their architecture knows. */
#include <stdio.h>
#include <string.h>

#include "server/core_apply.h"
#include "server/core_emulator.h"

unsigned apply_architectures(struct apply *a)
{
    const char *last = NULL; /* most instances share an image with the one before */
    unsigned archs = 0;

    for (int i = 0; i < a->fleet.n_instances; i++) {
        const struct spec *s = &a->fleet.instances[i].spec;
        struct image image;
        if (!emulator_concerns(s) || (last && !strcmp(last, s->image.s)))
            continue;
        last = s->image.s;
        if (!s->image.s[0])
            archs |= 1u << arch_native();
        else if (apply_image(a, s->image.s, &image, NULL) == 0)
            archs |= 1u << image.arch;
    }
    return archs;
}

/* Of many instances with the same words the first is told of; whose image is fetched first is
 * judged twice. */
static void tell_once(struct apply *a, const char *text, const char *instance)
{
    if (json_object_get(a->told, text))
        return;
    json_object_set_new(a->told, text, json_true());
    apply_warn(a, "instance %s: %s", instance, text);
}

struct remarking {
    struct apply *a;
    const char *instance;
};

static void remark(const char *text, void *arg)
{
    const struct remarking *r = arg;

    tell_once(r->a, text, r->instance);
}

int apply_fits_emulator(struct apply *a, const struct fleet_instance *f, struct err *e)
{
    struct remarking r = { a, f->name.s };
    char why[EMULATOR_WHY], text[EMULATOR_WHY + 80];
    enum arch arch = arch_native();
    struct image image;
    int unknown;

    if (!emulator_concerns(&f->spec))
        return 0;
    if (f->spec.image.s[0]) {
        if (apply_image(a, f->spec.image.s, &image, e) < 0)
            return -1;
        arch = image.arch;
    }
    unknown = emulator_check(a->c, &f->spec, arch, remark, &r, why, e);
    if (unknown < 0)
        return err_wrap(e, "instance %s", f->name.s);
    if (unknown == 0)
        return 0;
    snprintf(text, sizeof text, "its machine could not be checked against QEMU for %s: %s",
             arch_name(arch), why);
    tell_once(a, text, f->name.s);
    return 0;
}
