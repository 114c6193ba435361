/* Its disks become ones of this host: raw ones qcow2, as roost's are, and the overlay is told what
 * it stands on here. One qemu-img after another, with limits. */
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/worker.h"
#include "bootstrap/disk.h"
#include "server/core_bring.h"
#include "server/core_image.h"
#include "server/core_qemu_img.h"
#include "server/core_task.h"

static int run(struct moving *m, const struct argv *a, int64_t limit_ms, child_done_fn *done,
               struct err *e)
{
    m->child = qemu_img_start(m->c, a, limit_ms, BUNDLE_FILE_MAX, done, m, e);
    return m->child ? 0 : -1;
}

static int check_exit(const struct moving *m, const struct spawn_exit *x, enum err_kind kind,
                      const char *what, struct err *e)
{
    return m->cancelled ? err_set(e, ERR_BUSY, "it was cancelled")
                        : qemu_img_check(x, kind, what, e);
}

/* ---- last: the overlay ---- */

/* It was made just now, and is small. */
static int keep_overlay(struct moving *m, struct err *e)
{
    if (!bundle_root_in_place(&m->bundle))
        return 0;
    m->bundle.files[BUNDLE_DISK].there = true;
    return fsync(m->parts[BUNDLE_DISK]) < 0 ? err_sys(e, "its disk") : 0;
}

static void rebased(const struct spawn_exit *x, void *arg)
{
    struct moving *m = arg;
    struct err e;

    m->child = NULL;
    if (check_exit(m, x, ERR_INVALID, "its disk is not taken", &e) < 0 || keep_overlay(m, &e) < 0)
        m->disks_done(m, &e);
    else
        m->disks_done(m, NULL);
}

static void rebase_argv(const struct moving *m, const char *overlay, const char *base,
                        struct argv *a)
{
    static const char *const words[] = { "rebase", "-u", "-f", "qcow2", "-F" };

    argv_add(a, qemu_img(m->c));
    for (size_t i = 0; i < ARRAY_SIZE(words); i++)
        argv_add(a, words[i]);
    argv_add(a, disk_format_name(m->bundle.image.format));
    argv_add(a, "-b");
    argv_add(a, base);
    argv_add(a, overlay);
}

/* It gets this host's name of its base, for vm.sh and people, or is made over it where a root disk
 * was used in place; neither is opened ("-u"). A guest without a disk takes the same turn round the
 * loop. */
static int rebase(struct moving *m, struct err *e)
{
    const struct image *i = &m->bundle.image;
    auto_argv struct argv a = ARGV_INIT;
    char overlay[PATH_SIZE + 64], base[NAME_MAX_LEN + 64];

    snprintf(overlay, sizeof overlay, "%s/" DIR_INSTANCES "/" BRING_STAGE "/%s", m->c->config.state,
             bundle_part_name(BUNDLE_DISK));
    snprintf(base, sizeof base, "../../" DIR_IMAGES "/%s/" FILE_IMAGE_DISK, m->image.s);
    if (bundle_root_in_place(&m->bundle))
        disk_top_argv(qemu_img(m->c), overlay, base, i->format, i->virtual_size, &a);
    else if (m->bundle.files[BUNDLE_DISK].there)
        rebase_argv(m, overlay, base, &a);
    else {
        argv_add(&a, qemu_img(m->c));
        argv_add(&a, "--version");
    }
    return run(m, &a, QEMU_IMG_QUICK_MS, rebased, e);
}

/* ---- before it: raw disks ---- */

static int go_on(struct moving *m, struct err *e);

static void paths(const struct moving *m, char from[PATH_SIZE + 64], char to[PATH_SIZE + 64])
{
    const char *name = bundle_part_name((enum bundle_part)m->drive);

    snprintf(from, PATH_SIZE + 64, "%s/" DIR_INSTANCES "/" BRING_STAGE "/%s", m->c->config.state,
             name);
    snprintf(to, PATH_SIZE + 64, "%s/" DIR_INSTANCES "/" BRING_STAGE "/%s.qcow2",
             m->c->config.state, name);
}

static int put_in_place(const struct moving *m, struct err *e)
{
    char from[PATH_SIZE + 64], to[PATH_SIZE + 64];

    paths(m, from, to);
    auto_close int fd = open(to, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
    if (fd < 0 || fsync(fd) < 0 || fchmod(fd, 0600) < 0 || rename(to, from) < 0)
        return err_sys(e, "%s", to);
    return 0;
}

static void settle(void *arg)
{
    struct moving *m = arg;

    m->failed = put_in_place(m, &m->err) < 0;
}

static void settled(void *arg)
{
    struct moving *m = arg;
    struct err e = m->err;

    if (m->c->ending)
        return; /* brings_free() */
    if (m->cancelled)
        m->failed = err_set(&e, ERR_BUSY, "it was cancelled") < 0;
    if (m->failed || go_on(m, &e) < 0)
        m->disks_done(m, &e);
}

/* What it wrote reaches the disk by the thread that has time for it. */
static void converted(const struct spawn_exit *x, void *arg)
{
    struct moving *m = arg;
    struct core *c = m->c;
    struct err e;

    m->child = NULL;
    if (check_exit(m, x, ERR_IO, "a raw disk of it cannot become one of roost's", &e) < 0 ||
        !core_copier(c, &e) || worker_post(c->copier, settle, settled, m, &e) < 0)
        m->disks_done(m, &e);
}

static int convert(struct moving *m, struct err *e)
{
    auto_argv struct argv a = ARGV_INIT;
    char from[PATH_SIZE + 64], to[PATH_SIZE + 64];

    task_progress(m->task, "converting", 0, 0);
    paths(m, from, to);
    disk_convert_argv(qemu_img(m->c), disk_format_name(DISK_RAW), from, to, &a);
    return run(m, &a, QEMU_IMG_CONVERT_MS, converted, e);
}

static int go_on(struct moving *m, struct err *e)
{
    while (++m->drive < BUNDLE_PARTS)
        if (m->bundle.files[m->drive].there && m->bundle.files[m->drive].format == DISK_RAW)
            return convert(m, e);
    return rebase(m, e);
}

int bring_disks(struct moving *m, void (*done)(struct moving *m, const struct err *err),
                struct err *e)
{
    m->disks_done = done;
    m->drive = BUNDLE_DRIVE - 1;
    return go_on(m, e);
}
