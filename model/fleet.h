/* The fleet file: networks, groups, identities, images, defaults, instances (DESIGN section 1). */
#ifndef MODEL_FLEET_H
#define MODEL_FLEET_H

#include <jansson.h>

#include "base/yaml.h"
#include "model/groupdef.h"
#include "model/identity.h"
#include "model/image.h"
#include "model/instance.h"
#include "model/network.h"

struct fleet_image {
    struct image image;
    struct image_source source;
};
struct fleet_instance {
    struct name name;
    struct spec spec;
};
struct fleet {
    struct network *networks;
    int n_networks;
    struct groupdef *groups;
    int n_groups;
    struct identity *identities;
    int n_identities;
    struct fleet_image *images;
    int n_images;
    struct fleet_instance *instances; /* `count: 3` became web-1, web-2, web-3 */
    int n_instances;
};
#define FLEET_INSTANCES_MAX     100000
#define FLEET_COUNT_MAX         10000
#define FLEET_DEFINITIONS_MAX   10000        /* of each kind */
#define FLEET_HOST_NETWORKS_MAX 256          /* of them, networks of other kinds than user */
#define FLEET_USER_DATA_MAX     (256u << 20) /* bytes, of all instances together, with vendor-data */

/* Checks the whole tree; the first complaint is returned as "FILE:LINE:COLUMN: POINTER: what, what
 * is right" when map is given, "POINTER: …" without. Names after `count`, tags (the name unless
 * said), uuids, serials, MACs and addresses of one network are unique in the fleet; an address is one that
 * its network can give, networks may stand beside each other (model/network.h); roost's own guests
 * have an image. Paths are absolute, files of user-data and public keys read into the tree already.
 * *ret is untouched on failure, to be released with fleet_done() otherwise; everything in it stands
 * in the order of the tree. References to networks, images and identities are checked by the server
 * against fleet and store together. */
int fleet_parse(const json_t *tree, const char *file, const struct yaml_map *map,
                const struct spec_defaults *d, struct fleet *ret, struct err *e);
void fleet_done(struct fleet *f);

#endif
