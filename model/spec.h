/* What the operator asked for of an instance: plain values, and who owns what of them. */
#ifndef MODEL_SPEC_H
#define MODEL_SPEC_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "model/addr.h"
#include "model/drive.h"
#include "model/groupdef.h"
#include "model/hostfwd.h"
#include "model/image.h"
#include "model/machine.h"
#include "model/marks.h"
#include "model/media.h"
#include "model/name.h"
#include "model/nic.h"
#include "model/tag.h"

enum launcher { LAUNCHER_ROOST, LAUNCHER_EXTERNAL, LAUNCHERS };
enum bootstrapper {
    BOOTSTRAPPER_NET,
    BOOTSTRAPPER_DRIVE,
    BOOTSTRAPPER_DRIVE_NETWORK, /* the network by volume, the rest by HTTP */
    BOOTSTRAPPER_IGNITION,
    BOOTSTRAPPER_NONE,
    BOOTSTRAPPERS
};
const char *launcher_name(enum launcher l);
int launcher_from_name(const char *s);
const char *bootstrapper_name(enum bootstrapper b);
int bootstrapper_from_name(const char *s);
/* Does its seed, or a part of it, lie on a volume? */
bool bootstrapper_is_drive(enum bootstrapper b);

#define INSTANCE_IDENTITIES_MAX 16
#define INSTANCE_GROUPS_MAX     32
#define USER_DATA_MAX           (1u << 20) /* and of vendor-data */
/* Of a machine, wherever numbers come from: fleet file, roost.conf, the launch verb. */
#define INSTANCE_CPUS_MAX   512
#define INSTANCE_MEMORY_MIN (UINT64_C(16) << 20)
#define INSTANCE_MEMORY_MAX (UINT64_C(64) << 40)

#define AUTOSTART_ORDER     100 /* unless said */
#define AUTOSTART_ORDER_MAX 9999

struct spec {
    enum launcher launcher;
    enum bootstrapper bootstrapper;
    struct name image, network; /* image empty for external */
    struct name identities[INSTANCE_IDENTITIES_MAX];
    int n_identities;
    struct name groups[INSTANCE_GROUPS_MAX]; /* sorted, unique */
    int n_groups;
    unsigned cpus;
    uint64_t memory, disk; /* bytes; disk 0: as large as the image, or a file */
    struct drive *root;    /* what else was said of the root disk; NULL: nothing (spec_root()) */
    struct drive *drives;  /* the other disks */
    int n_drives;
    bool firmware_set;     /* else the image's */
    enum firmware firmware;
    struct media media;
    struct machine_def machine; /* checked together when it is applied (machine_check, machine_fits) */
    struct tag tag;   /* empty: the name */
    struct uuid uuid; /* empty: computed */
    struct serial serial; /* of a machine that somebody else launches; empty: not told */
    bool mac_set;     /* else computed */
    struct mac mac;
    struct ip address; /* family 0: none asked for */
    struct nic nics[NICS_OTHER]; /* beside the one of network, mac and address */
    int n_nics;
    struct hostfwd forwards[HOSTFWDS_MAX]; /* to its first card on a user network */
    int n_forwards;
    bool autostart;
    unsigned autostart_order; /* lower ones first, then by name */
    char domain[DOMAIN_MAX_LEN + 1]; /* of the FQDN; "" the network's */
    char *user_data;                 /* the operator's bytes; NULL: none */
    size_t user_data_len;
    char *vendor_data; /* beside roost's own; NULL: none */
    size_t vendor_data_len;
    json_t *vars; /* object of Ansible host variables; NULL: none */
    struct playbook playbook; /* "": its groups' */
    struct name needs[NEEDS_MAX]; /* beside its groups' */
    int n_needs;
};

/* Defaults before the fleet's `defaults:` and the instance's own words; from configuration. */
struct spec_defaults {
    unsigned cpus;
    uint64_t memory, disk;
    struct name network;
};
void spec_init(struct spec *s, const struct spec_defaults *d);
void spec_done(struct spec *s);
/* A deep copy (vars are shared by reference: they are never changed in place). *to is overwritten.
 */
int spec_copy(struct spec *to, const struct spec *from, struct err *e);

/* The root disk with its size. Setting it keeps a copy. */
void spec_root(const struct spec *s, struct drive *ret);
int spec_set_root(struct spec *s, const struct drive *d, struct err *e);
void spec_drop_disks(struct spec *s); /* the root disk and the others */

/* What a change of a field asks for. */
enum change { CHANGE_NONE, CHANGE_LIVE, CHANGE_RESTART, CHANGE_REBUILD, CHANGES };
const char *change_name(enum change c); /* "live", "needs restart", "needs rebuild" */

#endif
