/* Files of somebody's as disks, from core's side: what they are, by their content, and whose they
 * are already. */
#include <errno.h>
#include <fcntl.h>
#include <linux/fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "bootstrap/disk_head.h"
#include "bootstrap/disk_kind.h"
#include "model/fleet.h"
#include "server/core_machine.h"
#include "server/drive_file.h"

/* ---- what it is ---- */

static int length_of(int fd, const struct stat *st, uint64_t *ret, struct err *e)
{
    *ret = (uint64_t)st->st_size;
    if (S_ISBLK(st->st_mode) && ioctl(fd, BLKGETSIZE64, ret) < 0)
        return err_sys(e, "its size");
    return 0;
}

/* By its content unless it was said. A qcow2 that names other files is refused either way: QEMU
 * would open them. */
static int kind_of(const struct drive *d, const void *head, size_t len, uint64_t length,
                   const struct disk_kind **ret, struct err *e)
{
    static const struct disk_kind raw = { "raw", DISK_RAW };
    bool marked;

    *ret = &raw;
    if (d->format == DISK_RAW)
        return 0;
    if (d->format == DISK_NONE && disk_head_check(head, len, length, &marked, e) < 0)
        return err_wrap(e, "if it is a raw disk all the same, say format: raw");
    if (disk_kind_of(head, len, ret, e) < 0)
        return -1;
    if ((*ret)->format == DISK_NONE)
        return err_set(e, ERR_INVALID,
                       "it is a %s file, which is not used in place: qemu-img convert -O qcow2",
                       (*ret)->qemu);
    if (d->format == DISK_QCOW2 && (*ret)->format != DISK_QCOW2)
        return err_set(e, ERR_INVALID, "it is no qcow2 file, as its format: says");
    return 0;
}

static int look(const struct core *c, const struct drive *d, struct drive_sight *ret, struct err *e)
{
    static char head[DISK_HEAD_SIZE]; /* the loop is one thread */
    const struct disk_kind *kind;
    struct stat st;
    uint64_t length;
    auto_close int fd = drive_file_open(&c->config, d->file, false, &st, e);
    ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof head, 0);

    if (fd < 0)
        return -1;
    if (n < 0)
        return err_sys(e, "%s", d->file);
    if (length_of(fd, &st, &length, e) < 0 || kind_of(d, head, (size_t)n, length, &kind, e) < 0)
        return err_wrap(e, "%s", d->file);
    *ret = (struct drive_sight){ .format = kind->format,
                                 .device = S_ISBLK(st.st_mode),
                                 .size = disk_kind_size(kind, head, (size_t)n, length) };
    return ret->size ? 0 : err_set(e, ERR_INVALID, "%s is empty", d->file);
}

int drive_look(const struct core *c, const char *instance, const struct drive *d,
               struct drive_sight *ret, struct err *e)
{
    if (look(c, d, ret, e) == 0)
        return 0;
    return err_wrap(e, "instance %s: %s", instance, d->serial[0] ? "disks" : "disk");
}

/* The guest writes to it: what was raw when it was defined is not taken for a qcow2 file because it
 * begins like one now. */
static int check_pinned(struct core *c, int64_t id, const struct drive *d,
                        const struct drive_sight *seen, struct err *e)
{
    struct drive_claim was;
    int n = d->format == DISK_NONE ? store_drive_file_get(c->store, id, d->file, &was, e) : 0;

    if (n <= 0 || was.format == DISK_NONE || was.format == seen->format)
        return n < 0 ? -1 : 0;
    return err_set(e, ERR_CONFLICT,
                   "disk: %s was %s when it was defined and looks like %s now: say its format",
                   d->file, disk_format_name(was.format), disk_format_name(seen->format));
}

int drive_fill(struct core *c, int64_t id, struct drive *d, struct err *e)
{
    struct drive_sight seen;

    if (!d->file[0])
        return 0;
    if (look(c, d, &seen, e) < 0 || check_pinned(c, id, d, &seen, e) < 0)
        return -1;
    d->format = seen.format;
    d->device = seen.device;
    return 0;
}

/* ---- whose it is ---- */

static int claim(struct core *c, int64_t id, const struct drive *d, struct err *e)
{
    struct drive_claim k = { .instance = id, .writes = !d->read_only && !d->throw_away };
    struct drive_sight seen;

    if (!d->file[0])
        return 0;
    if (look(c, d, &seen, e) < 0)
        return -1;
    snprintf(k.file, sizeof k.file, "%s", d->file);
    k.format = seen.format;
    return store_drive_file_put(c->store, &k, e);
}

/* What was found at first stays. */
static int claim_again(struct core *c, int64_t id, const struct drive *d,
                       const struct drive_claim *was, int n_was, struct err *e)
{
    for (int i = 0; i < n_was; i++)
        if (strcmp(was[i].file, d->file) == 0) {
            struct drive_claim k = was[i];
            k.writes = !d->read_only && !d->throw_away;
            return store_drive_file_put(c->store, &k, e);
        }
    return claim(c, id, d, e);
}

struct own {
    int64_t id;
    struct drive_claim list[DRIVES_MAX + 1];
    int n;
};

static int own_one(struct core *c, struct own *own, const struct drive *d, struct err *e)
{
    int n =
        d->file[0] ? store_drive_file_get(c->store, own->id, d->file, &own->list[own->n], e) : 0;

    own->n += n > 0;
    return n < 0 ? -1 : 0;
}

int drive_claims_put(struct core *c, int64_t id, const struct spec *s, struct err *e)
{
    auto_free struct own *own = calloc(1, sizeof *own);
    struct drive root;

    if (!own)
        return err_set(e, ERR_INTERNAL, "out of memory");
    own->id = id;
    spec_root(s, &root);
    if (own_one(c, own, &root, e) < 0)
        return -1;
    for (int i = 0; i < s->n_drives; i++)
        if (own_one(c, own, &s->drives[i], e) < 0)
            return -1;
    if (store_drive_files_clear(c->store, id, e) < 0 ||
        claim_again(c, id, &root, own->list, own->n, e) < 0)
        return -1;
    for (int i = 0; i < s->n_drives; i++)
        if (claim_again(c, id, &s->drives[i], own->list, own->n, e) < 0)
            return -1;
    return 0;
}

/* ---- two on one file ---- */

/* A file by whatever name: links and bind mounts lead to one. */
struct holder {
    dev_t dev;
    ino_t ino;
    struct name name;
    bool writes;
    const char *file; /* of the fleet; NULL: of the record */
};

struct holders {
    struct core *c;
    const struct fleet *fleet;
    struct holder *list;
    size_t n, room;
    struct err *e;
};

static int hold(struct holders *h, const char *file, const struct name *name, bool writes,
                bool of_fleet)
{
    struct stat st;

    if (stat(file, &st) < 0)
        return 0; /* what cannot be seen is told by whoever opens it */
    if (h->n == h->room) {
        size_t room = h->room ? 2 * h->room : 64;
        struct holder *list = realloc(h->list, room * sizeof *list);
        if (!list)
            return err_set(h->e, ERR_INTERNAL, "out of memory");
        h->list = list;
        h->room = room;
    }
    h->list[h->n++] = (struct holder){ .dev = S_ISBLK(st.st_mode) ? st.st_rdev : st.st_dev,
                                       .ino = S_ISBLK(st.st_mode) ? 0 : st.st_ino,
                                       .name = *name,
                                       .writes = writes,
                                       .file = of_fleet ? file : NULL };
    return 0;
}

static int hold_drive(struct holders *h, const struct drive *d, const struct name *name)
{
    return d->file[0] ? hold(h, d->file, name, !d->read_only && !d->throw_away, true) : 0;
}

static int hold_recorded(const struct drive_claim *k, void *arg)
{
    struct holders *h = arg;

    for (int i = 0; i < h->fleet->n_instances; i++)
        if (strcmp(h->fleet->instances[i].name.s, k->name.s) == 0)
            return 0; /* in its new form */
    return hold(h, k->file, &k->name, k->writes, false);
}

static int hold_instance(struct holders *h, const struct fleet_instance *f)
{
    if (f->spec.root && hold_drive(h, f->spec.root, &f->name) < 0)
        return -1;
    for (int i = 0; i < f->spec.n_drives; i++)
        if (hold_drive(h, &f->spec.drives[i], &f->name) < 0)
            return -1;
    return 0;
}

static int compare(const void *a, const void *b)
{
    const struct holder *x = a, *y = b;

    if (x->dev != y->dev)
        return x->dev < y->dev ? -1 : 1;
    return x->ino < y->ino ? -1 : x->ino > y->ino;
}

static int collect(struct holders *h)
{
    for (int i = 0; i < h->fleet->n_instances; i++)
        if (hold_instance(h, &h->fleet->instances[i]) < 0)
            return -1;
    /* A fleet without files meets nobody's. */
    return h->n ? store_drive_files(h->c->store, hold_recorded, h, h->e) : 0;
}

/* Neighbours of one file: one that writes is alone. */
static int check_alone(const struct holders *h, struct err *e)
{
    for (size_t i = 0, first = 0; i < h->n; i++) {
        const struct holder *x = &h->list[first], *y = &h->list[i];
        if (compare(x, y) != 0) {
            first = i;
            continue;
        }
        if (i == first || (!x->writes && !y->writes))
            continue;
        const char *file = x->file ? x->file : y->file ? y->file : "the same file";
        if (strcmp(x->name.s, y->name.s) == 0)
            return err_set(e, ERR_CONFLICT, "instance %s has %.200s as a disk twice", x->name.s,
                           file);
        return err_set(e, ERR_CONFLICT,
                       "instances %s and %s have %.200s as a disk, and not both of them only read "
                       "it (read-only, or volatile): give each one of its own",
                       x->name.s, y->name.s, file);
    }
    return 0;
}

int drive_claims_check(struct core *c, const struct fleet *f, struct err *e)
{
    struct holders h = { .c = c, .fleet = f, .e = e };
    int r = collect(&h) < 0 ? -1 : 0;

    if (r == 0 && h.n > 1)
        qsort(h.list, h.n, sizeof *h.list, compare);
    if (r == 0)
        r = check_alone(&h, e);
    free(h.list);
    return r;
}
