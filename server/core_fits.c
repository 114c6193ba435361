/* Instances that come onto the record whole, out of the trash or from another host, meet those that
 * are there as a fleet of one would. */
#include "server/core_apply.h"
#include "server/core_machine.h"

int apply_check_comer(struct core *c, const struct instance *i, const struct image *image,
                      struct err *e)
{
    struct fleet_instance one = { .name = i->name, .spec = i->spec };
    struct fleet_image with = { .source = { .file = NULL } };
    struct apply a = { .c = c, .fleet = { .instances = &one, .n_instances = 1 } };

    if (image) {
        with.image = *image;
        a.fleet.images = &with;
        a.fleet.n_images = 1;
    }
    if (drive_claims_check(c, &a.fleet, e) < 0 || apply_check_forwards(&a, e) < 0)
        return -1;
    return image ? apply_fits_image(&a, &one, e) : 0;
}
