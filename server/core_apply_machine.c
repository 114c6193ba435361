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

struct remarking {
    struct apply *a;
    const char *instance;
};

static void remark(const char *text, void *arg)
{
    const struct remarking *r = arg;

    apply_warn_once(r->a, text, r->instance);
}

int apply_judge(struct apply *a, const struct fleet_instance *f, struct err *e)
{
    char text[sizeof e->text + 64];

    if (!a->stays || !a->stays[f - a->fleet.instances])
        return err_wrap(e, "instance %s", f->name.s);
    snprintf(text, sizeof text, "%s; it will not start here before that is changed", e->text);
    apply_warn_once(a, text, f->name.s);
    return 0;
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
        return apply_judge(a, f, e);
    if (unknown == 0)
        return 0;
    snprintf(text, sizeof text, "its machine could not be checked against QEMU for %s: %s",
             arch_name(arch), why);
    apply_warn_once(a, text, f->name.s);
    return 0;
}
