/* A guest's disks: made at its first start (the root disk an overlay of its image, the others
 * empty), grown when their definition grew; what takes the writes of volatile ones is made anew at
 * each start. One qemu-img after another, with limits. */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include "bootstrap/disk.h"
#include "bootstrap/disk_kind.h"
#include "server/core_machine.h"
#include "server/core_qemu_img.h"

#define HEAD_SIZE 512 /* of a qcow2 file of roost's own: its header */

struct disk_job {
    struct disk_job *next;
    struct argv argv;
    bool fresh; /* made under another name first: a disk that is there is whole */
    char path[PATH_SIZE + 160], made[PATH_SIZE + 168];
};

/* ---- one after another ---- */

static void job_drop(struct machine *m)
{
    struct disk_job *j = m->jobs;

    m->jobs = j->next;
    argv_done(&j->argv);
    free(j);
}

static void jobs_drop(struct machine *m)
{
    while (m->jobs)
        job_drop(m);
}

static int job_run(struct machine *m, struct err *e);

static int job_end(struct machine *m, const struct spawn_exit *x, struct err *e)
{
    const struct disk_job *j = m->jobs;

    if (qemu_img_check(x, ERR_IO, strrchr(j->path, '/') + 1, e) == 0)
        return j->fresh && rename(j->made, j->path) < 0 ? err_sys(e, "%s", j->path) : 0;
    if (j->fresh)
        unlink(j->made);
    return err_wrap(e, "instance %s", m->name.s);
}

static void qemu_img_ended(const struct spawn_exit *x, void *arg)
{
    struct machine *m = arg;
    struct err e;
    int r;

    m->disk = NULL;
    r = job_end(m, x, &e);
    if (r == 0) {
        job_drop(m);
        if (m->jobs && (r = job_run(m, &e)) == 0)
            return;
    }
    jobs_drop(m);
    m->disk_done(m, r < 0 ? &e : NULL);
}

static int job_run(struct machine *m, struct err *e)
{
    m->disk = qemu_img_start(m->c, &m->jobs->argv, QEMU_IMG_QUICK_MS, 0, qemu_img_ended, m, e);
    return m->disk ? 0 : -1;
}

void disk_give_up(struct machine *m)
{
    if (m->disk && m->jobs && m->jobs->fresh) {
        child_kill(m->disk, SIGKILL, NULL);
        unlink(m->jobs->made);
    }
    child_forget(m->disk);
    m->disk = NULL;
    jobs_drop(m);
}

/* ---- what there is to do ---- */

static void path_of(const struct core *c, const char *instance, const char *file, char *out,
                    size_t size)
{
    snprintf(out, size, "%s/%s/%s/%s", c->config.state, DIR_INSTANCES, instance, file);
}

/* One more at the end, for that file below the instance's directory; its argv is the caller's. */
static struct disk_job *job_add(struct machine *m, const char *file, bool fresh, struct err *e)
{
    struct disk_job *j = calloc(1, sizeof *j), **at = &m->jobs;

    if (!j) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    path_of(m->c, m->name.s, file, j->path, sizeof j->path);
    snprintf(j->made, sizeof j->made, "%s%s", j->path, fresh ? ".new" : "");
    j->fresh = fresh;
    while (*at)
        at = &(*at)->next;
    *at = j;
    return j;
}

/* 1: a disk of roost's own is there, with its size; 0: there is none. */
static int disk_there(const char *path, uint64_t *ret_size, struct err *e)
{
    static const struct disk_kind qcow2 = { "qcow2", DISK_QCOW2 };
    auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK);
    char head[HEAD_SIZE];
    ssize_t n = fd < 0 ? -1 : pread(fd, head, sizeof head, 0);

    if (fd < 0 && errno == ENOENT)
        return 0;
    if (n < 0)
        return err_sys(e, "%s", path);
    *ret_size = disk_kind_size(&qcow2, head, (size_t)n, 0);
    return *ret_size ? 1 : err_set(e, ERR_IO, "%s is damaged: it has no size", path);
}

/* What is written to a volatile disk. */
static int plan_top(struct machine *m, const struct drive *d, bool root, const char *below,
                    uint64_t size, struct err *e)
{
    char top[DRIVE_NAME_SIZE];
    enum disk_format format = DISK_QCOW2;
    struct drive_sight seen;
    struct disk_job *j;

    if (!d->throw_away)
        return 0;
    if (d->file[0]) {
        if (drive_look(m->c, m->name.s, d, &seen, e) < 0)
            return -1;
        below = d->file;
        size = seen.size;
        format = seen.format;
    }
    drive_top_name(root ? "" : d->serial, top);
    if (!(j = job_add(m, top, true, e)))
        return -1;
    disk_top_argv(qemu_img(m->c), j->made, below, format, size, &j->argv);
    return 0;
}

static int plan_overlay(struct machine *m, const struct image *image, uint64_t *ret_size,
                        struct err *e)
{
    char path[PATH_SIZE + 160];
    struct disk_job *j = NULL;
    int there;

    path_of(m->c, m->name.s, FILE_DISK, path, sizeof path);
    if ((there = disk_there(path, ret_size, e)) < 0)
        return -1;
    if ((!there || disk_grew(m)) && !(j = job_add(m, FILE_DISK, !there, e)))
        return -1;
    if (j && there)
        disk_grow_argv(qemu_img(m->c), path, m->disk_size, &j->argv);
    else if (j && disk_overlay_argv(qemu_img(m->c), j->made, &image->name, image->format,
                                    image->virtual_size, m->disk_size, &j->argv, e) < 0)
        return -1;
    if (j)
        *ret_size = m->disk_size ? m->disk_size : image->virtual_size;
    return 0;
}

static int plan_root(struct machine *m, const struct instance *i, struct err *e)
{
    struct image image;
    struct drive d;
    uint64_t size;

    spec_root(&i->spec, &d);
    m->disk_size = d.size;
    m->disk_volatile = d.throw_away;
    if (d.file[0])
        return plan_top(m, &d, true, NULL, 0, e);
    if (!i->spec.image.s[0])
        return err_set(e, ERR_INVALID, "instance %s has no image", i->name.s);
    if (core_image(m->c, i->spec.image.s, &image, e) < 0)
        return -1;
    if (image.format == DISK_NONE)
        return 0;
    if (plan_overlay(m, &image, &size, e) < 0)
        return -1;
    return plan_top(m, &d, true, FILE_DISK, size, e);
}

/* What the guest has on it would be cut off. */
static int check_size(const char *instance, const struct drive *d, uint64_t has, struct err *e)
{
    char is[24], said[24];

    if (d->size >= has)
        return 0;
    return err_set(e, ERR_CONFLICT,
                   "instance %s: disk %s has %s already and cannot shrink to %s: say its size, or "
                   "give the smaller one another serial",
                   instance, d->serial, format_size(has, is), format_size(d->size, said));
}

static int plan_drive(struct machine *m, const struct drive *d, struct err *e)
{
    char path[PATH_SIZE + 160], name[DRIVE_NAME_SIZE];
    struct disk_job *j = NULL;
    uint64_t has = 0;
    int there;

    if (d->file[0])
        return plan_top(m, d, false, NULL, 0, e);
    drive_name(d->serial, name);
    path_of(m->c, m->name.s, name, path, sizeof path);
    if ((there = disk_there(path, &has, e)) < 0 || check_size(m->name.s, d, has, e) < 0)
        return -1;
    if (d->size > has && !(j = job_add(m, name, !there, e)))
        return -1;
    if (j && there)
        disk_grow_argv(qemu_img(m->c), path, d->size, &j->argv);
    else if (j)
        disk_create_argv(qemu_img(m->c), j->made, d->size, &j->argv);
    return plan_top(m, d, false, name, d->size, e);
}

static int plan(struct machine *m, const struct instance *i, struct err *e)
{
    char dir[PATH_SIZE + 128];

    path_of(m->c, m->name.s, "", dir, sizeof dir);
    if (dir_make_all(dir, 0700, e) < 0 || plan_root(m, i, e) < 0)
        return -1;
    for (int k = 0; k < i->spec.n_drives; k++)
        if (plan_drive(m, &i->spec.drives[k], e) < 0)
            return -1;
    return 0;
}

int disk_make(struct machine *m, const struct instance *i,
              void (*done)(struct machine *m, const struct err *err), struct err *e)
{
    m->disk_done = done;
    disk_throw_away(m->c, m->name.s);
    if (plan(m, i, e) < 0 || (m->jobs && job_run(m, e) < 0)) {
        jobs_drop(m);
        return -1;
    }
    return m->jobs != NULL;
}

int disk_check(const struct core *c, const char *name, const struct spec *s, struct err *e)
{
    char path[PATH_SIZE + 160], file[DRIVE_NAME_SIZE];
    uint64_t has = 0;

    struct drive_sight seen;

    if (s->root && s->root->file[0] && drive_look(c, name, s->root, &seen, e) < 0)
        return -1;
    for (int i = 0; i < s->n_drives; i++) {
        const struct drive *d = &s->drives[i];
        if (d->file[0] && drive_look(c, name, d, &seen, e) < 0)
            return -1;
        if (d->file[0])
            continue;
        drive_name(d->serial, file);
        path_of(c, name, file, path, sizeof path);
        if (disk_there(path, &has, e) < 0 || check_size(name, d, has, e) < 0)
            return -1;
        has = 0;
    }
    return 0;
}
