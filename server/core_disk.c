/* A guest's disk: an overlay of its image, made at its first start, grown when its definition grew,
 * and of one generation: a rebuild that is on record makes it worthless. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "bootstrap/disk.h"
#include "model/layout.h"
#include "server/core_machine.h"

#define QEMU_IMG_LIMIT_MS 60000
#define QEMU_IMG_MEMORY   (2ull << 30)

static void disk_path(const struct machine *m, char *out, size_t size)
{
    snprintf(out, size, "%s/%s/%s/%s", m->c->config.state, DIR_INSTANCES, m->name.s, FILE_DISK);
}

/* ---- what is on record of it: "SIZE GENERATION", 0 where it is not known ---- */

static void read_record(struct core *c, int64_t id, uint64_t *ret_size, uint32_t *ret_generation)
{
    char key[48], text[48];
    unsigned long long size = 0;
    unsigned generation = 0;

    snprintf(key, sizeof key, "disk:%lld", (long long)id);
    if (store_meta_get(c->store, key, text, sizeof text, NULL) == 0 &&
        sscanf(text, "%llu %u", &size, &generation) != 2)
        size = generation = 0;
    *ret_size = size;
    *ret_generation = generation;
}

static int write_record(struct core *c, int64_t id, uint64_t size, uint32_t generation,
                        struct err *e)
{
    char key[48], text[48];

    snprintf(key, sizeof key, "disk:%lld", (long long)id);
    snprintf(text, sizeof text, "%llu %u", (unsigned long long)size, generation);
    return store_meta_set(c->store, key, text, e);
}

int disk_record(const struct machine *m, uint32_t generation, struct err *e)
{
    return write_record(m->c, m->id, m->disk_size, generation, e);
}

int disk_of_generation(struct core *c, int64_t id, uint32_t generation, struct err *e)
{
    uint32_t was;
    uint64_t size;

    read_record(c, id, &size, &was);
    return was ? 0 : write_record(c, id, size, generation, e);
}

int disk_forget(struct core *c, int64_t id, struct err *e)
{
    char key[48];

    snprintf(key, sizeof key, "disk:%lld", (long long)id);
    return store_meta_remove(c->store, key, e);
}

bool disk_is_old(struct core *c, const struct guest *g)
{
    uint32_t generation;
    uint64_t size;

    read_record(c, g->id, &size, &generation);
    return generation && generation < g->generation;
}

int disk_discard(struct core *c, const char *name, struct err *e)
{
    static const char *const files[] = { FILE_DISK, FILE_VARS, FILE_CONSOLE, FILE_CONSOLE ".1" };
    char path[PATH_SIZE + 160];

    for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
        snprintf(path, sizeof path, "%s/%s/%s/%s", c->config.state, DIR_INSTANCES, name, files[i]);
        if (unlink(path) < 0 && errno != ENOENT)
            return err_sys(e, "%s", path);
    }
    return 0;
}

/* ---- making and growing it ---- */

/* Made under another name first: a disk that is there is whole. */
static int put_in_place(const struct machine *m, struct err *e)
{
    char path[PATH_SIZE + 160], tmp[PATH_SIZE + 164];

    disk_path(m, path, sizeof path);
    snprintf(tmp, sizeof tmp, "%s.new", path);
    return rename(tmp, path) < 0 ? err_sys(e, "%s", path) : 0;
}

static void qemu_img_ended(const struct spawn_exit *x, void *arg)
{
    struct machine *m = arg;
    char status[64];
    struct err e;
    int r;

    m->disk = NULL;
    if (x->status != 0 || x->timed_out)
        r = err_set(&e, ERR_IO, "instance %s: qemu-img: %s: %.300s", m->name.s,
                    child_status_text(x->status, x->timed_out, status), buf_str(x->err));
    else
        r = m->disk_fresh ? put_in_place(m, &e) : 0;
    m->disk_done(m, r < 0 ? &e : NULL);
}

/* A definition that grew since the disk was made. */
static bool must_grow(const struct machine *m)
{
    uint32_t generation;
    uint64_t was;

    read_record(m->c, m->id, &was, &generation);
    return m->disk_size > was;
}

/* 1: qemu-img is needed, *a says how; 0: the disk is as it should be. */
static int disk_argv(struct machine *m, const struct image *image, struct argv *a, struct err *e)
{
    const char *qemu_img = m->c->config.qemu_img[0] ? m->c->config.qemu_img : "qemu-img";
    char path[PATH_SIZE + 160], tmp[PATH_SIZE + 164];
    struct stat st;

    disk_path(m, path, sizeof path);
    m->disk_fresh = stat(path, &st) < 0;
    if (m->disk_fresh && errno != ENOENT)
        return err_sys(e, "%s", path);
    if (!m->disk_fresh && !must_grow(m))
        return 0;
    snprintf(tmp, sizeof tmp, "%s.new", path);
    if (!m->disk_fresh)
        disk_grow_argv(qemu_img, path, m->disk_size, a);
    else if (disk_overlay_argv(qemu_img, tmp, &image->name, image->format, image->virtual_size,
                               m->disk_size, a, e) < 0)
        return -1;
    return 1;
}

int disk_make(struct machine *m, const struct instance *i,
              void (*done)(struct machine *m, const struct err *err), struct err *e)
{
    struct core *c = m->c;
    struct spawn_opts o = SPAWN_OPTS_INIT;
    auto_argv struct argv a = ARGV_INIT;
    char dir[PATH_SIZE + 128];
    struct image image;
    int r;

    if (!i->spec.image.s[0])
        return err_set(e, ERR_INVALID, "instance %s has no image", i->name.s);
    snprintf(dir, sizeof dir, "%s/%s/%s", c->config.state, DIR_INSTANCES, m->name.s);
    m->disk_size = i->spec.disk;
    m->disk_done = done;
    if (core_image(c, i->spec.image.s, &image, e) < 0 || dir_make_all(dir, 0700, e) < 0)
        return -1;
    if (image.format == DISK_NONE || (r = disk_argv(m, &image, &a, e)) == 0)
        return 0;
    if (r < 0)
        return -1;
    o.capture = true;
    o.limit_ms = QEMU_IMG_LIMIT_MS;
    o.max_memory = QEMU_IMG_MEMORY;
    if (!(m->disk = child_spawn(c->loop, &a, &o, qemu_img_ended, m, e)))
        return e->kind == ERR_NOT_FOUND
                   ? err_set(e, ERR_NOT_FOUND, "qemu-img is missing: apt install qemu-utils")
                   : -1;
    return 1;
}
