/* Verbs: what roost-core may ask roostd to do, as values with checked fields. roostd renders from
 * the values by the same pure functions as everybody; it never takes finished documents, argument
 * vectors or paths. Each verb is a struct with an encoder and a decoder that re-checks every field.
 */
#ifndef MODEL_VERB_H
#define MODEL_VERB_H

#include <stdbool.h>
#include <stdint.h>

#include "base/msg.h"
#include "model/addr.h"
#include "model/drive.h"
#include "model/hostfwd.h"
#include "model/image.h"
#include "model/media.h"
#include "model/launch_nic.h"
#include "model/machine.h"
#include "model/name.h"
#include "model/network.h"
#include "model/seedurl.h"
#include "model/tag.h"
#include "model/token.h"

enum accel { ACCEL_TCG, ACCEL_KVM, ACCELS };
const char *accel_name(enum accel a);

/* Launch a guest. Everything that decides its QEMU arguments is here. */
struct launch {
    struct name instance;
    uint64_t launch_id; /* random, on record before the verb is sent */
    struct tag tag;
    struct uuid uuid;
    struct mac mac;
    bool seed; /* offer the seed URL by SMBIOS */
    char base_url[BASE_URL_MAX + 1];
    struct token seed_token;
    bool seed_volume; /* it reads it, or a part of it, from a volume in its directory */
    uint32_t cpus;
    uint64_t memory; /* bytes */
    enum arch arch;
    enum firmware firmware;
    struct name image; /* "" where the root disk is a file */
    enum disk_format image_format; /* of the base; DISK_NONE: no disk at all, but root's file */
    struct drive root;             /* of a file the format is told */
    struct drive drives[DRIVES_MAX];
    uint32_t n_drives;
    bool has_kernel, has_initrd;   /* direct kernel boot from the image's files */
    char cmdline[CMDLINE_MAX + 1];
    struct media media; /* the one path in a verb: roostd opens it only where it may lie */
    enum network_kind network_kind;
    char domain[DOMAIN_MAX_LEN + 1]; /* "" none: DNS search domain told by the user network */
    struct name network;
    bool tap;     /* of roostd's, on that network's bridge; else QEMU's user network. Exactly the
                     kinds other than user have one; its name and MACs follow from `mac` */
    uint16_t mtu; /* 0: not said; with a tap only */
    struct launch_nic nics[NICS_OTHER]; /* beside that one */
    int n_nics;
    struct hostfwd forwards[HOSTFWDS_MAX]; /* to the first of them on a user network: for vm.sh,
                                              a QEMU that roost has is told over QMP */
    int n_forwards;
    struct machine_def machine;
};
/* Number of its first card on a user network, by which its forwards go (net0, net1, …); -1: none. */
int launch_user_card(const struct launch *l);
void launch_encode(const struct launch *l, struct buf *out);
int launch_decode(struct msg_cur *c, struct launch *ret, struct err *e); /* insists on the end */

/* The other verbs name an instance and a launch. */
struct verb_ref {
    struct name instance;
    uint64_t launch_id; /* 0: whatever runs */
};
void verb_ref_encode(const struct verb_ref *v, struct buf *out);
int verb_ref_decode(struct msg_cur *c, struct verb_ref *ret, struct err *e);

/* Open an image for the CD-ROM drive of a guest that runs: its descriptor is the answer. */
struct medium_get {
    struct name instance;
    char iso[MEDIA_FILE_MAX + 1];
};
void medium_get_encode(const struct medium_get *v, struct buf *out);
int medium_get_decode(struct msg_cur *c, struct medium_get *ret, struct err *e);

/* What roostd tells about a QEMU. */
struct launched {
    struct name instance;
    uint64_t launch_id;
    uint32_t pid;
    enum accel accel;
};
void launched_encode(const struct launched *v, struct buf *out);
int launched_decode(struct msg_cur *c, struct launched *ret, struct err *e);

struct exited {
    struct name instance;
    uint64_t launch_id;
    bool status_known; /* false: it was not our child any more (adopted) */
    int32_t status;    /* as of wait(2) */
    char tail[512];    /* last lines of QEMU's own log, printable */
};
void exited_encode(const struct exited *v, struct buf *out);
int exited_decode(struct msg_cur *c, struct exited *ret, struct err *e);

/* The accelerator and why. */
struct accel_report {
    enum accel accel;
    char reason[200]; /* "KVM runs guest code", "no /dev/kvm: the kvm module is not loaded", … */
    char qemu_version[64]; /* "" when QEMU is missing; reason then says so */
};
void accel_report_encode(const struct accel_report *v, struct buf *out);
int accel_report_decode(struct msg_cur *c, struct accel_report *ret, struct err *e);

#endif
