/* Bundles: one guest as a file, to be at home on another host without a new first boot.
 *
 * A tar archive (base/tar.h). The first member, BUNDLE_MANIFEST, is JSON and says who the guest is
 * and which members follow, in the order of enum bundle_part; a file's bytes are its extents one
 * behind the other, what lies between them is a hole. The last member, BUNDLE_SUMS, has the SHA-256
 * of each member as sha256sum(1) writes it, so that a bundle is made in one pass.
 *
 * A disk that is a file used in place comes as its content, and the manifest says of the guest what
 * it will be where it goes: there the disk is roost's own, one of `disks:` under its serial, the root
 * disk as an image of its own. So a manifest never names a file of the host that reads it.
 *
 * It holds what is secret: the guest's tokens, password hashes, and its disks. */
#ifndef MODEL_BUNDLE_H
#define MODEL_BUNDLE_H

#include <jansson.h>

#include "base/tar.h"
#include "model/hostkey.h"
#include "model/image.h"
#include "model/instance.h"
#include "model/seedurl.h"
#include "model/token.h"

#define BUNDLE_FORMAT       2 /* 1: one disk, none in place; still written where that is all */
#define BUNDLE_MANIFEST     "roost-bundle.json"
#define BUNDLE_MANIFEST_MAX (8u << 20)
#define BUNDLE_SUMS         "SHA256SUMS"
#define BUNDLE_SUMS_MAX     4096
#define BUNDLE_EXTENTS_MAX  4096
#define BUNDLE_FILE_MAX     (UINT64_C(16) << 40) /* bytes of a file */

enum bundle_part {
    BUNDLE_DISK, /* the overlay, qcow2; over what was a root disk in place: a fresh one, made there */
    BUNDLE_VARS, /* UEFI variables */
    BUNDLE_IMAGE_DISK,
    BUNDLE_IMAGE_KERNEL,
    BUNDLE_IMAGE_INITRD,
    BUNDLE_DRIVE, /* the first of spec.drives; the others follow. Not there: made anew, empty */
    BUNDLE_PARTS = BUNDLE_DRIVE + DRIVES_MAX
};
const char *bundle_part_name(enum bundle_part p); /* of the member */
int bundle_part_from_name(const char *name);      /* or -1 */

struct bundle_extent {
    uint64_t at, len; /* len > 0 */
};
struct bundle_file {
    bool there;
    enum disk_format format;       /* of a drive: qcow2 or raw; else DISK_NONE */
    char from[DRIVE_FILE_MAX + 1]; /* where it lay, for people; "": it was roost's own */
    uint64_t size;                 /* bytes, holes included */
    struct bundle_extent *map;     /* ascending, apart; NULL: nothing but a hole */
    int n_map;
};

struct bundle {
    char version[32], made[32], host[256]; /* for people */
    struct instance instance;              /* with its spec; id is nobody's */
    bool ever_home, sealed;
    uint32_t boots;
    uint64_t disk_size; /* that its overlay was made for; 0: as the image */
    bool has[HOSTKEY_TYPES];
    struct hostkey keys[HOSTKEY_TYPES];
    struct token tokens[TOKEN_PURPOSES]; /* that the guest knows */
    char base_url[BASE_URL_MAX + 1];     /* where it looks for roost */
    struct image image;                  /* what its overlay stands on; sha256 "": not known yet */
    json_t *identities;                  /* {NAME: as identity_to_json()} */
    struct bundle_file files[BUNDLE_PARTS];
};
void bundle_done(struct bundle *b);
/* Bytes of a file's member. */
uint64_t bundle_file_stored(const struct bundle_file *f);
/* The image was its root disk, a file used in place. */
bool bundle_root_in_place(const struct bundle *b);
/* The lowest format that has room for what is in it. */
int bundle_format(const struct bundle *b);
/* The manifest. New reference, NULL without memory. */
json_t *bundle_to_json(const struct bundle *b);
/* Checks every field, so that what is in *ret can be trusted to be of its type. ERR_CONFLICT: of a
 * newer format; ERR_INVALID: no bundle, or a damaged one. *ret is to be ended with bundle_done() in
 * any case. */
int bundle_from_json(const json_t *j, struct bundle *ret, struct err *e);

#endif
