#include "model/verb.h"

#include <stdio.h>
#include <string.h>

#include "base/parse.h"
#include "model/instance.h"
#include "model/verb_field.h"

#define PID_MAX (1u << 22) /* the kernel's PID_MAX_LIMIT */

/* Each decoder reads all its fields, insists on the end, then checks each value by the parser of
 * its type: what comes out is as good as if the decoder's own side had parsed it. */

static void put_drives(struct buf *out, const struct launch *l)
{
    drive_put(out, &l->root);
    msg_put_u32(out, l->n_drives);
    for (uint32_t i = 0; i < l->n_drives && i < DRIVES_MAX; i++)
        drive_put(out, &l->drives[i]);
}

void launch_encode(const struct launch *l, struct buf *out)
{
    char mac[MAC_TEXT];

    msg_put_str(out, l->instance.s);
    msg_put_u64(out, l->launch_id);
    msg_put_str(out, l->tag.s);
    msg_put_str(out, l->uuid.s);
    msg_put_str(out, mac_format(&l->mac, mac));
    msg_put_u8(out, l->seed);
    msg_put_str(out, l->base_url);
    msg_put_str(out, l->seed_token.s);
    msg_put_u8(out, l->seed_volume);
    msg_put_u32(out, l->cpus);
    msg_put_u64(out, l->memory);
    verb_put_enum(out, l->arch);
    verb_put_enum(out, l->firmware);
    msg_put_str(out, l->image.s);
    verb_put_enum(out, l->image_format);
    put_drives(out, l);
    msg_put_u8(out, l->has_kernel);
    msg_put_u8(out, l->has_initrd);
    msg_put_str(out, l->cmdline);
    media_put(out, &l->media);
    verb_put_enum(out, l->network_kind);
    msg_put_str(out, l->domain);
    msg_put_str(out, l->network.s);
    msg_put_u8(out, l->tap);
    msg_put_u16(out, l->mtu);
    launch_nics_encode(l->nics, l->n_nics, out);
    hostfwds_encode(l->forwards, l->n_forwards, out);
    machine_encode(&l->machine, out);
}

static void get_drives(struct msg_cur *c, struct launch *l)
{
    drive_get(c, true, &l->root);
    l->n_drives = msg_get_u32(c);
    if (l->n_drives > DRIVES_MAX) {
        c->failed = true;
        l->n_drives = 0;
    }
    for (uint32_t i = 0; i < l->n_drives; i++)
        drive_get(c, false, &l->drives[i]);
}

static void launch_read(struct msg_cur *c, struct launch *l, char mac[MAC_TEXT])
{
    msg_get_str(c, l->instance.s, sizeof l->instance.s);
    l->launch_id = msg_get_u64(c);
    msg_get_str(c, l->tag.s, sizeof l->tag.s);
    msg_get_str(c, l->uuid.s, sizeof l->uuid.s);
    msg_get_str(c, mac, MAC_TEXT);
    l->seed = msg_get_bool(c);
    msg_get_str(c, l->base_url, sizeof l->base_url);
    msg_get_str(c, l->seed_token.s, sizeof l->seed_token.s);
    l->seed_volume = msg_get_bool(c);
    l->cpus = msg_get_u32(c);
    l->memory = msg_get_u64(c);
    l->arch = (enum arch)verb_get_enum(c, ARCHES);
    l->firmware = (enum firmware)verb_get_enum(c, FIRMWARES);
    msg_get_str(c, l->image.s, sizeof l->image.s);
    l->image_format = (enum disk_format)verb_get_enum(c, DISK_FORMATS);
    get_drives(c, l);
    l->has_kernel = msg_get_bool(c);
    l->has_initrd = msg_get_bool(c);
    msg_get_str(c, l->cmdline, sizeof l->cmdline);
    media_get(c, &l->media);
    l->network_kind = (enum network_kind)verb_get_enum(c, NETWORK_KINDS);
    msg_get_str(c, l->domain, sizeof l->domain);
    msg_get_str(c, l->network.s, sizeof l->network.s);
    l->tap = msg_get_bool(c);
    l->mtu = msg_get_u16(c);
    l->n_nics = launch_nics_decode(c, l->nics);
    l->n_forwards = hostfwds_decode(c, l->forwards);
}

/* Who the guest is. The texts must be in their one form: what is compared later is bytes. */
static int launch_check_identity(struct launch *l, const char *mac, struct err *e)
{
    char mac_again[MAC_TEXT];
    struct uuid uuid;
    struct tag tag;

    if (verb_check_name(&l->instance, "instance name", e) < 0 ||
        tag_parse(l->tag.s, strlen(l->tag.s), &tag, e) < 0 || uuid_parse(l->uuid.s, &uuid, e) < 0 ||
        mac_parse(mac, &l->mac, e) < 0)
        return -1;
    if (strcmp(uuid.s, l->uuid.s))
        return verb_wrong("launch", "uuid", e);
    if (strcmp(mac_format(&l->mac, mac_again), mac))
        return verb_wrong("launch", "mac", e);
    return l->launch_id ? 0 : verb_wrong("launch", "launch id", e);
}

static int launch_check_seed(const struct launch *l, struct err *e)
{
    char base_url[BASE_URL_MAX + 1];
    struct token token;

    if (!l->seed)
        return l->base_url[0] || l->seed_token.s[0] ? verb_wrong("launch", "seed URL", e) : 0;
    if (base_url_parse(l->base_url, base_url, e) < 0)
        return -1;
    /* The token's text is never shown, not even a wrong one's. */
    return token_parse(l->seed_token.s, strlen(l->seed_token.s), &token) < 0
               ? verb_wrong("launch", "seed token", e)
               : 0;
}

static int launch_check_machine(const struct launch *l, struct err *e)
{
    char domain[DOMAIN_MAX_LEN + 1];

    if (l->cpus < 1 || l->cpus > INSTANCE_CPUS_MAX)
        return verb_wrong("launch", "cpus", e);
    if (l->memory < INSTANCE_MEMORY_MIN || l->memory > INSTANCE_MEMORY_MAX)
        return verb_wrong("launch", "memory", e);
    if (l->image.s[0] && verb_check_name(&l->image, "image name", e) < 0)
        return -1;
    if (l->has_initrd && !l->has_kernel)
        return verb_wrong("launch", "initrd without a kernel", e);
    if (!l->image.s[0] && (l->image_format != DISK_NONE || l->has_kernel))
        return verb_wrong("launch", "image name", e);
    if (l->image_format == DISK_NONE && !l->has_kernel && !l->root.file[0] &&
        l->media.boot == BOOT_DISK)
        return verb_wrong("launch", "image without disk and kernel", e);
    if (!ascii_printable(l->cmdline, strlen(l->cmdline)))
        return verb_wrong("launch", "kernel command line", e);
    if (machine_fits(&l->machine, l->arch, &l->firmware, e) < 0)
        return -1;
    return l->domain[0] ? domain_parse(l->domain, domain, e) : 0;
}

/* A file's format is never left to QEMU, which would guess it. */
static bool is_told(const struct drive *d)
{
    return !d->file[0] || d->format != DISK_NONE;
}

static int launch_check_drives(const struct launch *l, struct err *e)
{
    bool told = is_told(&l->root);

    for (uint32_t i = 0; i < l->n_drives; i++)
        told &= is_told(&l->drives[i]);
    if (!told)
        return verb_wrong("launch", "format of a file", e);
    if (l->root.file[0] && l->image.s[0])
        return verb_wrong("launch", "image beside a file", e);
    return drives_check(&l->root, l->drives, (int)l->n_drives, e);
}

int launch_user_card(const struct launch *l)
{
    if (!l->tap)
        return 0;
    for (int i = 0; i < l->n_nics; i++)
        if (!l->nics[i].tap)
            return i + 1;
    return -1;
}

static int launch_check_network(const struct launch *l, struct err *e)
{
    if (verb_check_name(&l->network, "network name", e) < 0)
        return -1;
    if (l->tap != (l->network_kind != NETWORK_USER))
        return verb_wrong("launch", "tap", e);
    if (l->mtu && (!l->tap || l->mtu < NETWORK_MTU_MIN || l->mtu > NETWORK_MTU_MAX))
        return verb_wrong("launch", "mtu", e);
    if (launch_nics_check(l->nics, l->n_nics, e) < 0 ||
        hostfwds_check(l->forwards, l->n_forwards, e) < 0)
        return -1;
    return l->n_forwards && launch_user_card(l) < 0 ? verb_wrong("launch", "forwards", e) : 0;
}

int launch_decode(struct msg_cur *c, struct launch *ret, struct err *e)
{
    struct launch l = { 0 };
    char mac[MAC_TEXT];

    launch_read(c, &l, mac);
    if (machine_decode(c, &l.machine, e) < 0 || msg_end(c, "launch", e) < 0 || launch_check_identity(&l, mac, e) < 0 ||
        launch_check_seed(&l, e) < 0 || launch_check_machine(&l, e) < 0 ||
        launch_check_drives(&l, e) < 0 || launch_check_network(&l, e) < 0)
        return -1;
    *ret = l;
    return 0;
}

void verb_ref_encode(const struct verb_ref *v, struct buf *out)
{
    msg_put_str(out, v->instance.s);
    msg_put_u64(out, v->launch_id);
}

int verb_ref_decode(struct msg_cur *c, struct verb_ref *ret, struct err *e)
{
    struct verb_ref v = { 0 };

    msg_get_str(c, v.instance.s, sizeof v.instance.s);
    v.launch_id = msg_get_u64(c);
    if (msg_end(c, "verb", e) < 0 || verb_check_name(&v.instance, "instance name", e) < 0)
        return -1;
    *ret = v;
    return 0;
}

void medium_get_encode(const struct medium_get *v, struct buf *out)
{
    msg_put_str(out, v->instance.s);
    msg_put_str(out, v->iso);
}

int medium_get_decode(struct msg_cur *c, struct medium_get *ret, struct err *e)
{
    struct medium_get v = { 0 };

    msg_get_str(c, v.instance.s, sizeof v.instance.s);
    msg_get_str(c, v.iso, sizeof v.iso);
    if (msg_end(c, "medium", e) < 0 || verb_check_name(&v.instance, "instance name", e) < 0 ||
        media_file_check(v.iso, e) < 0)
        return -1;
    *ret = v;
    return 0;
}

void launched_encode(const struct launched *v, struct buf *out)
{
    msg_put_str(out, v->instance.s);
    msg_put_u64(out, v->launch_id);
    msg_put_u32(out, v->pid);
    verb_put_enum(out, v->accel);
}

int launched_decode(struct msg_cur *c, struct launched *ret, struct err *e)
{
    struct launched v = { 0 };

    msg_get_str(c, v.instance.s, sizeof v.instance.s);
    v.launch_id = msg_get_u64(c);
    v.pid = msg_get_u32(c);
    v.accel = (enum accel)verb_get_enum(c, ACCELS);
    if (msg_end(c, "launched", e) < 0 || verb_check_name(&v.instance, "instance name", e) < 0)
        return -1;
    if (v.pid < 1 || v.pid > PID_MAX)
        return verb_wrong("launched", "pid", e);
    *ret = v;
    return 0;
}

void exited_encode(const struct exited *v, struct buf *out)
{
    msg_put_str(out, v->instance.s);
    msg_put_u64(out, v->launch_id);
    msg_put_u8(out, v->status_known);
    msg_put_u32(out, (uint32_t)v->status);
    verb_put_text(out, v->tail, sizeof v->tail);
}

_Static_assert(sizeof(((struct exited *)0)->tail) <= VERB_TEXT_MAX, "the tail of a log fits");

int exited_decode(struct msg_cur *c, struct exited *ret, struct err *e)
{
    struct exited v = { 0 };

    msg_get_str(c, v.instance.s, sizeof v.instance.s);
    v.launch_id = msg_get_u64(c);
    v.status_known = msg_get_bool(c);
    v.status = (int32_t)msg_get_u32(c);
    verb_get_line(c, v.tail, sizeof v.tail);
    if (msg_end(c, "exited", e) < 0 || verb_check_name(&v.instance, "instance name", e) < 0)
        return -1;
    *ret = v;
    return 0;
}

void accel_report_encode(const struct accel_report *v, struct buf *out)
{
    verb_put_enum(out, v->accel);
    verb_put_text(out, v->reason, sizeof v->reason);
    verb_put_text(out, v->qemu_version, sizeof v->qemu_version);
}

int accel_report_decode(struct msg_cur *c, struct accel_report *ret, struct err *e)
{
    struct accel_report v = { 0 };

    v.accel = (enum accel)verb_get_enum(c, ACCELS);
    verb_get_line(c, v.reason, sizeof v.reason);
    verb_get_line(c, v.qemu_version, sizeof v.qemu_version);
    if (msg_end(c, "accel-report", e) < 0)
        return -1;
    *ret = v;
    return 0;
}
