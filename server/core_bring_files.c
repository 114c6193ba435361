/* Its files: read into a directory of no name, from where they get their places in one step. What a
 * crash leaves in between is known by META_MOVING and goes at the start. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/core_bring.h"

#define META_MOVING "moving" /* "NAME IMAGE", "-" until they are known */

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

    if (dir < 0 || dir_remove(dir, BRING_STAGE, e) < 0)
        return -1;
    if (mkdirat(dir, BRING_STAGE, 0700) < 0)
        return err_sys(e, "%s", DIR_INSTANCES);
    for (int p = 0; p < BUNDLE_PARTS; p++) {
        snprintf(path, sizeof path, BRING_STAGE "/%s", bundle_part_name((enum bundle_part)p));
        m->parts[p] = openat(dir, path, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
        if (m->parts[p] < 0)
            return err_sys(e, "%s", path);
    }
    return 0;
}

void bring_unstage(struct core *c)
{
    drop(c, DIR_INSTANCES, BRING_STAGE);
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
        snprintf(from, sizeof from, BRING_STAGE "/%s", bundle_part_name(rows[i].part));
        snprintf(to, sizeof to, "%s/%s", m->image.s, rows[i].file);
        if (m->bundle.files[rows[i].part].there &&
            (fchmod(m->parts[rows[i].part], 0444) < 0 || renameat(instances, from, images, to) < 0))
            return err_sys(e, "image %s", m->image.s);
    }
    auto_close int dir = file_open_beneath(images, m->image.s, O_RDONLY | O_DIRECTORY, 0, e);
    return dir < 0 || dir_sync(dir, e) < 0 ? -1 : dir_sync(images, e);
}

/* Drives get the names by which roost has them. What is not there (a bundle without UEFI variables)
 * was opened all the same. */
static int place_part(const struct moving *m, int dir, int p, struct err *e)
{
    char part[64], to[64], name[DRIVE_NAME_SIZE];

    snprintf(part, sizeof part, BRING_STAGE "/%s", bundle_part_name((enum bundle_part)p));
    if (m->bundle.files[p].there && p < BUNDLE_IMAGE_DISK)
        return 0;
    if (!m->bundle.files[p].there || p < BUNDLE_DRIVE)
        return unlinkat(dir, part, 0) == 0 || errno == ENOENT ? 0 : err_sys(e, "%s", part);
    drive_name(m->bundle.instance.spec.drives[p - BUNDLE_DRIVE].serial, name);
    snprintf(to, sizeof to, BRING_STAGE "/%s", name);
    return renameat(dir, part, dir, to) == 0 ? 0 : err_sys(e, "%s", to);
}

static int place_instance(struct moving *m, struct err *e)
{
    const char *name = m->bundle.instance.name.s;
    auto_close int dir = open_dir(m->c, DIR_INSTANCES, e);

    if (dir < 0 || dir_remove(dir, name, e) < 0)
        return -1;
    for (int p = 0; p < BUNDLE_PARTS; p++)
        if (place_part(m, dir, p, e) < 0)
            return -1;
    if (renameat(dir, BRING_STAGE, dir, name) < 0)
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
