/* Its files: read into a directory of no name, from where they get their places in one step. What a
 * crash leaves in between is known by META_MOVING and goes at the start. */
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/core_bring.h"

#define QEMU_IMG_MEMORY   (2ull << 30)
#define QEMU_IMG_LIMIT_MS 60000
#define META_MOVING       "moving" /* "NAME IMAGE", "-" until they are known */
#define STAGE             ".move"

static int open_dir(const struct core *c, const char *what, struct err *e)
{
    char path[PATH_SIZE + 32];
    int dir;

    snprintf(path, sizeof path, "%s/%s", c->config.state, what);
    if (dir_make_all(path, 0700, e) < 0)
        return -1;
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    return dir < 0 ? err_sys(e, "%s", path) : dir;
}

static void drop(const struct core *c, const char *what, const char *name)
{
    struct err e;
    auto_close int dir = open_dir(c, what, &e);

    if (dir >= 0 && dir_remove(dir, name, &e) == 0)
        return;
    log_warn("%s/%s stays: %s", what, name, e.text);
}

static bool is_instance(struct core *c, const char *name)
{
    struct guest g;

    return store_guest_by_name(c->store, name, &g, NULL) == 0;
}

/* ---- the note ---- */

int bring_note(struct core *c, const char *name, const char *image, struct err *e)
{
    char text[256];

    snprintf(text, sizeof text, "%s %s", name, image);
    return core_write(c, true, e) < 0 ? -1 : store_meta_set(c->store, META_MOVING, text, e);
}

int bring_note_end(struct core *c, struct err *e)
{
    return core_write(c, true, e) < 0 ? -1 : store_meta_remove(c->store, META_MOVING, e);
}

int brings_clean(struct core *c, struct err *e)
{
    char text[256], name[NAME_MAX_LEN + 1], image[NAME_MAX_LEN + 1];

    if (store_meta_get(c->store, META_MOVING, text, sizeof text, NULL) < 0)
        return 0;
    if (sscanf(text, "%63s %63s", name, image) == 2) {
        bring_unstage(c);
        if (strcmp(name, "-") != 0 && !is_instance(c, name))
            drop(c, DIR_INSTANCES, name);
        if (strcmp(image, "-") != 0 && !core_has_image(c, image))
            drop(c, DIR_IMAGES, image);
    }
    return bring_note_end(c, e);
}

/* ---- the directory of no name ---- */

int bring_stage(struct moving *m, struct err *e)
{
    auto_close int dir = open_dir(m->c, DIR_INSTANCES, e);
    char path[64];

    if (dir < 0 || dir_remove(dir, STAGE, e) < 0)
        return -1;
    if (mkdirat(dir, STAGE, 0700) < 0)
        return err_sys(e, "%s", DIR_INSTANCES);
    for (int p = 0; p < BUNDLE_PARTS; p++) {
        snprintf(path, sizeof path, STAGE "/%s", bundle_part_name((enum bundle_part)p));
        m->parts[p] = openat(dir, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (m->parts[p] < 0)
            return err_sys(e, "%s", path);
    }
    return 0;
}

void bring_unstage(struct core *c)
{
    drop(c, DIR_INSTANCES, STAGE);
}

/* The overlay gets this host's name of its base, for vm.sh and people; "-u" opens neither. */
int bring_rebase(struct moving *m, child_done_fn *done, struct err *e)
{
    struct spawn_opts o = SPAWN_OPTS_INIT;
    auto_argv struct argv a = ARGV_INIT;
    const struct core *c = m->c;

    argv_add(&a, c->config.qemu_img[0] ? c->config.qemu_img : "qemu-img");
    if (m->bundle.image.format == DISK_NONE) {
        argv_add(&a, "--version");
    } else {
        static const char *const words[] = { "rebase", "-u", "-f", "qcow2", "-F" };
        for (size_t i = 0; i < ARRAY_SIZE(words); i++)
            argv_add(&a, words[i]);
        argv_add(&a, disk_format_name(m->bundle.image.format));
        argv_add(&a, "-b");
        argv_addf(&a, "../../" DIR_IMAGES "/%s/" FILE_IMAGE_DISK, m->image.s);
        argv_addf(&a, "%s/" DIR_INSTANCES "/" STAGE "/%s", c->config.state,
                  bundle_part_name(BUNDLE_DISK));
    }
    o.capture = true;
    o.limit_ms = QEMU_IMG_LIMIT_MS;
    o.max_memory = QEMU_IMG_MEMORY;
    m->child = child_spawn(c->loop, &a, &o, done, m, e);
    if (m->child)
        return 0;
    return e->kind == ERR_NOT_FOUND
               ? err_set(e, ERR_NOT_FOUND, "qemu-img is missing: apt install qemu-utils")
               : -1;
}

/* ---- their places ---- */

static int place_image(struct moving *m, struct err *e)
{
    static const struct {
        enum bundle_part part;
        const char *file;
    } rows[] = { { BUNDLE_IMAGE_DISK, FILE_IMAGE_DISK },
                 { BUNDLE_IMAGE_KERNEL, FILE_IMAGE_KERNEL },
                 { BUNDLE_IMAGE_INITRD, FILE_IMAGE_INITRD } };
    auto_close int images = open_dir(m->c, DIR_IMAGES, e);
    auto_close int instances = open_dir(m->c, DIR_INSTANCES, e);
    char from[64], to[NAME_MAX_LEN + 32];

    if (images < 0 || instances < 0 || dir_remove(images, m->image.s, e) < 0)
        return -1;
    if (mkdirat(images, m->image.s, 0755) < 0)
        return err_sys(e, "image %s", m->image.s);
    for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
        snprintf(from, sizeof from, STAGE "/%s", bundle_part_name(rows[i].part));
        snprintf(to, sizeof to, "%s/%s", m->image.s, rows[i].file);
        if (m->bundle.files[rows[i].part].there &&
            (fchmod(m->parts[rows[i].part], 0444) < 0 || renameat(instances, from, images, to) < 0))
            return err_sys(e, "image %s", m->image.s);
    }
    auto_close int dir = file_open_beneath(images, m->image.s, O_RDONLY | O_DIRECTORY, 0, e);
    return dir < 0 || dir_sync(dir, e) < 0 ? -1 : dir_sync(images, e);
}

static int place_instance(struct moving *m, struct err *e)
{
    const char *name = m->bundle.instance.name.s;
    auto_close int dir = open_dir(m->c, DIR_INSTANCES, e);
    char part[64];

    /* What is not there (a bundle without UEFI variables) was opened all the same. */
    for (int p = 0; dir >= 0 && p < BUNDLE_PARTS; p++) {
        snprintf(part, sizeof part, STAGE "/%s", bundle_part_name((enum bundle_part)p));
        if (p >= BUNDLE_IMAGE_DISK || !m->bundle.files[p].there)
            unlinkat(dir, part, 0);
    }
    if (dir < 0 || dir_remove(dir, name, e) < 0)
        return -1;
    if (renameat(dir, STAGE, dir, name) < 0)
        return err_sys(e, "its directory");
    auto_close int own = file_open_beneath(dir, name, O_RDONLY | O_DIRECTORY, 0, e);
    return own < 0 || dir_sync(own, e) < 0 ? -1 : dir_sync(dir, e);
}

int bring_place(struct moving *m, struct err *e)
{
    if (m->brings_image && place_image(m, e) < 0)
        return -1;
    return place_instance(m, e);
}

void bring_unplace(struct moving *m)
{
    if (!is_instance(m->c, m->bundle.instance.name.s))
        drop(m->c, DIR_INSTANCES, m->bundle.instance.name.s);
    if (m->brings_image && !core_has_image(m->c, m->image.s))
        drop(m->c, DIR_IMAGES, m->image.s);
}
