/* What a bundle is made of: the guest as the record has it and its files, open. A disk that is
 * somebody's file goes as its content; the definition that travels has it as one of roost's own. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "server/core_bundle.h"
#include "server/core_machine.h"
#include "server/drive_file.h"

/* --- files of roost's own --- */

static int add_file(struct bundle_stream *s, enum bundle_part p, const char *path, bool needed,
                    struct err *e)
{
    s->fds[p] = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (s->fds[p] < 0 && errno == ENOENT && !needed)
        return 0;
    if (s->fds[p] < 0)
        return err_sys(e, "%s", path);
    s->bundle.files[p].there = true;
    return 0;
}

static int add_image(struct bundle_stream *s, const struct core *c, struct err *e)
{
    const struct image *i = &s->bundle.image;
    const struct {
        enum bundle_part part;
        bool there;
        const char *file;
    } rows[] = { { BUNDLE_IMAGE_DISK, i->format != DISK_NONE, FILE_IMAGE_DISK },
                 { BUNDLE_IMAGE_KERNEL, i->has_kernel, FILE_IMAGE_KERNEL },
                 { BUNDLE_IMAGE_INITRD, i->has_initrd, FILE_IMAGE_INITRD } };
    char path[PATH_SIZE + 192];

    for (size_t k = 0; k < ARRAY_SIZE(rows); k++) {
        snprintf(path, sizeof path, "%s/%s/%s/%s", c->config.state, DIR_IMAGES, i->name.s,
                 rows[k].file);
        if (rows[k].there && add_file(s, rows[k].part, path, true, e) < 0)
            return -1;
    }
    return 0;
}

/* --- files that are used in place --- */

#define QEMU_LOCK_WRITES 101 /* block/file-posix.c: RAW_LOCK_PERM_BASE + BLK_PERM_WRITE's bit */
#define QEMU_LOCK_SHARES 201 /* RAW_LOCK_SHARED_BASE and the same */

/* As QEMU does who wants it to stay as it is: nobody writes to it, and nobody begins to as long as
 * it is read. A file system without locks has none to say otherwise. */
static int hold_still(int fd, const char *file, struct err *e)
{
    struct flock others = { .l_type = F_WRLCK, .l_start = QEMU_LOCK_WRITES, .l_len = 1 };
    struct flock ours = { .l_type = F_RDLCK, .l_start = QEMU_LOCK_SHARES, .l_len = 1 };

    (void)fcntl(fd, F_OFD_SETLK, &ours);
    if (fcntl(fd, F_OFD_GETLK, &others) < 0 || others.l_type == F_UNLCK)
        return 0;
    return err_set(e, ERR_CONFLICT, "%s is in use: a QEMU writes to it", file);
}

/* Opens it as that part; *d is then a disk of roost's own, of that size and format. */
static int take_over(struct bundle_stream *s, struct core *c, enum bundle_part p, struct drive *d,
                     struct drive_sight *ret, struct err *e)
{
    const struct instance *i = &s->bundle.instance;
    struct bundle_file *f = &s->bundle.files[p];
    struct stat st;

    if (drive_fill(c, i->id, d, e) < 0)
        return err_wrap(e, "instance %s", i->name.s);
    if (drive_look(c, i->name.s, d, ret, e) < 0)
        return -1;
    s->fds[p] = drive_file_open(&c->config, d->file, false, &st, e);
    if (s->fds[p] < 0 || hold_still(s->fds[p], d->file, e) < 0)
        return -1;
    f->there = true;
    snprintf(f->from, sizeof f->from, "%s", d->file);
    d->file[0] = '\0';
    d->format = DISK_NONE;
    d->device = d->read_only = false;
    return 0;
}

/* A root disk of roost's own stands on an image: this becomes one. */
static int take_over_root(struct bundle_stream *s, struct core *c, struct drive *d, struct err *e)
{
    struct bundle *b = &s->bundle;
    struct drive_sight seen;

    if (take_over(s, c, BUNDLE_IMAGE_DISK, d, &seen, e) < 0)
        return -1;
    b->image =
        (struct image){ .arch = arch_native(),
                        .firmware = arch_native() == ARCH_ARM64 ? FIRMWARE_UEFI : FIRMWARE_BIOS,
                        .format = seen.format,
                        .virtual_size = seen.size };
    snprintf(b->image.name.s, sizeof b->image.name.s, "%.58s-disk", b->instance.name.s);
    b->instance.spec.image = b->image.name;
    return spec_set_root(&b->instance.spec, d, e);
}

static int add_drive(struct bundle_stream *s, struct core *c, const char *dir, int k, struct err *e)
{
    enum bundle_part p = (enum bundle_part)(BUNDLE_DRIVE + k);
    struct drive *d = &s->bundle.instance.spec.drives[k];
    struct drive_sight seen = { .format = DISK_QCOW2 };
    char path[PATH_SIZE + 192], name[DRIVE_NAME_SIZE];
    int r;

    if (d->file[0]) {
        r = take_over(s, c, p, d, &seen, e);
        d->size = seen.size < DRIVE_SIZE_MIN ? DRIVE_SIZE_MIN : seen.size;
    } else {
        drive_name(d->serial, name);
        snprintf(path, sizeof path, "%s/%s", dir, name);
        r = add_file(s, p, path, false, e);
    }
    if (s->bundle.files[p].there)
        s->bundle.files[p].format = seen.format;
    return r;
}

static int add_root(struct bundle_stream *s, struct core *c, const char *dir, struct drive *root,
                    struct err *e)
{
    const struct bundle *b = &s->bundle;
    char path[PATH_SIZE + 192];

    if (root->file[0])
        return take_over_root(s, c, root, e);
    if (b->image.format == DISK_NONE)
        return 0;
    snprintf(path, sizeof path, "%s/%s", dir, FILE_DISK);
    if (add_file(s, BUNDLE_DISK, path, false, e) < 0)
        return -1;
    return b->files[BUNDLE_DISK].there
               ? 0
               : err_set(
                     e, ERR_CONFLICT,
                     "%s has no disk yet: there is nothing to move; define it on the other host",
                     b->instance.name.s);
}

static int add_files(struct bundle_stream *s, struct core *c, const char *dir, bool image,
                     struct err *e)
{
    struct drive root;
    char path[PATH_SIZE + 192];

    spec_root(&s->bundle.instance.spec, &root);
    snprintf(path, sizeof path, "%s/%s", dir, FILE_VARS);
    if ((image && !root.file[0] && add_image(s, c, e) < 0) || add_root(s, c, dir, &root, e) < 0 ||
        add_file(s, BUNDLE_VARS, path, false, e) < 0)
        return -1;
    for (int k = 0; k < s->bundle.instance.spec.n_drives; k++)
        if (add_drive(s, c, dir, k, e) < 0)
            return -1;
    return 0;
}

/* --- who it is --- */

/* Those of its other cards too, which its definition need not have: what the guest has configured
 * goes by them. */
static int add_macs(struct bundle *b, struct core *c, struct err *e)
{
    struct store_nic rows[NICS_OTHER];
    int n = store_nics_of(c->store, b->instance.id, rows, e);

    for (int k = 0; k < n && k < b->instance.spec.n_nics; k++) {
        struct nic *nic = &b->instance.spec.nics[k];
        nic->mac = rows[k].mac;
        nic->mac_set = true;
    }
    return n < 0 ? -1 : 0;
}

static int add_identities(struct bundle_stream *s, struct core *c, struct err *e)
{
    const struct spec *spec = &s->bundle.instance.spec;
    json_t *j;

    s->bundle.identities = json_object();
    for (int i = 0; i < spec->n_identities; i++) {
        if (store_def_get(c->store, DEF_IDENTITY, spec->identities[i].s, &j, e) < 0)
            return -1;
        json_object_set_new(s->bundle.identities, spec->identities[i].s, j);
    }
    return 0;
}

static int add_keys(struct bundle *b, struct core *c, const struct guest *g, struct err *e)
{
    auto_free struct guest_keys *k = calloc(1, sizeof *k);

    if (!k)
        return err_set(e, ERR_INTERNAL, "out of memory");
    if (store_keys_get(c->store, g->id, k, e) < 0)
        return e->kind == ERR_NOT_FOUND ? 0 : -1;
    if (strcmp(k->iid, g->iid) != 0)
        return 0;
    memcpy(b->has, k->has, sizeof b->has);
    memcpy(b->keys, k->keys, sizeof b->keys);
    return 0;
}

static int describe(struct bundle_stream *s, struct core *c, const struct guest *g, struct err *e)
{
    struct bundle *b = &s->bundle;
    const struct network *n = core_network(c, g->network.s);
    char made[25];

    snprintf(b->version, sizeof b->version, "%s", ROOST_VERSION);
    snprintf(b->made, sizeof b->made, "%s", clock_rfc3339(loop_now(c->loop).real_ms, made));
    gethostname(b->host, sizeof b->host - 1);
    if (store_instance_get(c->store, g->id, &b->instance, e) < 0 || add_macs(b, c, e) < 0)
        return -1;
    b->ever_home = g->standing.ever_home;
    b->sealed = g->sealed;
    b->boots = g->boots;
    disk_on_record(c, g->id, &b->disk_size);
    if (core_token_known(c, TOKEN_SEED, g, &b->tokens[TOKEN_SEED]) < 0 ||
        core_token_known(c, TOKEN_POST, g, &b->tokens[TOKEN_POST]) < 0)
        return err_set(e, ERR_INTERNAL, "no tokens");
    if (n)
        core_base_url(c, n, b->base_url);
    if (b->instance.spec.image.s[0] && core_image(c, b->instance.spec.image.s, &b->image, e) < 0)
        return -1;
    return add_keys(b, c, g, e) < 0 ? -1 : add_identities(s, c, e);
}

/* Held by whoever runs it: roost's QEMU or its vm.sh. */
static int take_lock(struct bundle_stream *s, const char *dir, const char *name, struct err *e)
{
    char path[PATH_SIZE + 160];

    snprintf(path, sizeof path, "%s/%s", dir, FILE_LOCK_QEMU);
    s->lock = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (s->lock < 0)
        return errno == ENOENT ? 0 : err_sys(e, "%s", path);
    if (flock(s->lock, LOCK_EX | LOCK_NB) == 0)
        return 0;
    return errno == EWOULDBLOCK
               ? err_set(e, ERR_CONFLICT, "%s runs: stop it first (roost instance stop %s)", name,
                         name)
               : err_sys(e, "%s", path);
}

static int movable(struct core *c, const struct guest *g, struct err *e)
{
    if (g->launcher != LAUNCHER_ROOST)
        return err_set(e, ERR_CONFLICT,
                       "%s was not launched by roost (launcher: external): its disk is elsewhere",
                       g->name.s);
    if (machine_find(c, g->id) || phase_is_running(g->standing.phase))
        return err_set(e, ERR_CONFLICT, "%s runs: stop it first (roost instance stop %s)",
                       g->name.s, g->name.s);
    if (disk_is_old(c, g))
        return err_set(e, ERR_CONFLICT,
                       "%s was rebuilt and not started since: there is nothing to move; define it "
                       "on the other host",
                       g->name.s);
    return 0;
}

int bundle_gather(struct bundle_stream *s, struct core *c, const char *name, bool image,
                  struct err *e)
{
    char dir[PATH_SIZE + 128];
    struct guest g;

    if (core_guest(c, name, &g, e) < 0 || movable(c, &g, e) < 0)
        return -1;
    snprintf(dir, sizeof dir, "%s/%s/%s", c->config.state, DIR_INSTANCES, g.name.s);
    if (take_lock(s, dir, g.name.s, e) < 0 || describe(s, c, &g, e) < 0)
        return -1;
    return add_files(s, c, dir, image, e);
}
