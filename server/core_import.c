/* The course of an import: files come into the state directory (so that they cannot change below
 * their overlays), one step behind the other, and get their name when all of them are right. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/spawn.h"
#include "server/core_fetch.h"
#include "server/core_image.h"
#include "server/core_import.h"

static void import_free(struct import *m)
{
    struct import **at = &m->c->imports;

    while (*at && *at != m)
        at = &(*at)->next;
    if (*at)
        *at = m->next;
    child_forget(m->child);
    fetch_free(m->fetch);
    if (m->to >= 0)
        close(m->to);
    for (int p = 0; p < PARTS; p++)
        if (m->from[p] >= 0)
            close(m->from[p]);
    free(m);
}

void import_step(struct import *m, const char *what)
{
    if (m->task)
        task_progress(m->task, what, 0, 0);
}

/* What was downloaded until core ended is what the next one goes on with. */
static void end(struct import *m, const json_t *result, const struct err *err)
{
    auto_close int dir = -1;

    if (err && !(m->c->ending && m->fetch) && (dir = images_dir(m->c, NULL)) >= 0)
        dir_remove(dir, strrchr(m->tmp, '/') + 1, NULL);
    m->done(result, err, m->arg);
    import_free(m);
}

void import_put_in_place(struct import *m)
{
    struct err e;
    auto_close int dir = images_dir(m->c, &e);
    json_t *j;
    /* An image of that name that nobody uses is replaced (the caller has checked). */
    int r = dir < 0 ? -1 : dir_remove(dir, m->image.name.s, &e);

    if (r == 0 && (rename(m->tmp, m->dir) < 0 || fsync(dir) < 0))
        r = err_sys(&e, "%s", m->dir);
    if (r < 0) {
        end(m, NULL, &e);
        return;
    }
    j = image_to_json(&m->image);
    end(m, j, NULL);
    json_decref(j);
}

void import_refuse(struct import *m, struct err *e)
{
    err_wrap(e, "image %s", m->image.name.s);
    end(m, NULL, e);
}

/* ---- in the copier ---- */

static void copy(void *arg)
{
    struct import *m = arg;

    m->failed = import_bring(m, &m->err) < 0;
}

static void copied(void *arg)
{
    struct import *m = arg;

    if (m->c->ending)
        return; /* imports_free() tells */
    if (m->failed) {
        import_refuse(m, &m->err);
    } else if (!m->disk) {
        m->image.format = DISK_NONE;
        import_put_in_place(m);
    } else if (m->kind->format == DISK_NONE) {
        import_step(m, "converting");
        import_convert(m);
    } else {
        import_look(m);
    }
}

int import_copy(struct import *m, struct err *e)
{
    return worker_post(m->c->copier, copy, copied, m, e);
}

/* ---- begin ---- */

static int open_part(struct import *m, enum part p, const char *file, struct err *e)
{
    struct stat st;

    if (!file)
        return 0;
    m->from[p] = image_file_open(m->image.name.s, p == PART_DISK, file, &st, e);
    return m->from[p] < 0 ? -1 : 0;
}

int import_stage(struct import *m, struct err *e)
{
    char parent[PATH_SIZE + 32];
    auto_close int dir = -1;

    snprintf(parent, sizeof parent, "%s/%s", m->c->config.state, DIR_IMAGES);
    if (dir_make_all(parent, 0700, e) < 0)
        return -1;
    dir = images_dir(m->c, e);
    if (dir < 0 || dir_remove(dir, strrchr(m->tmp, '/') + 1, e) < 0)
        return -1;
    return mkdir(m->tmp, 0755) < 0 ? err_sys(e, "%s", m->tmp) : 0;
}

static int begin(struct import *m, const struct image_source *src, struct err *e)
{
    if (open_part(m, PART_DISK, src->file, e) < 0 ||
        open_part(m, PART_KERNEL, src->kernel, e) < 0 ||
        open_part(m, PART_INITRD, src->initrd, e) < 0)
        return -1;
    if (src->url)
        return import_fetch(m, src, e);
    if (import_stage(m, e) < 0 || !core_copier(m->c, e))
        return -1;
    import_step(m, "copying");
    return import_copy(m, e);
}

struct import *import_find(const struct core *c, const char *image)
{
    struct import *m = c->imports;

    while (m && strcmp(m->image.name.s, image) != 0)
        m = m->next;
    return m;
}

void import_cancel(struct import *m)
{
    m->cancelled = true;
    if (m->fetch)
        fetch_cancel(m->fetch);
    if (m->child)
        child_kill(m->child, SIGKILL, NULL);
}

static struct import *import_new(struct core *c, const struct image *i,
                                 const struct image_source *src, core_op_fn *done, void *arg)
{
    struct import *m = calloc(1, sizeof *m);

    if (!m)
        return NULL;
    *m = (struct import){ .next = c->imports,
                          .c = c,
                          .image = *i,
                          .want = src->checksum,
                          .disk = src->file != NULL,
                          .from = { -1, -1, -1 },
                          .to = -1,
                          .failed = true,
                          .done = done,
                          .arg = arg };
    snprintf(m->dir, sizeof m->dir, "%s/%s/%s", c->config.state, DIR_IMAGES, i->name.s);
    snprintf(m->tmp, sizeof m->tmp, "%s/%s/.%s.new", c->config.state, DIR_IMAGES, i->name.s);
    c->imports = m;
    return m;
}

void core_image_import(struct core *c, const struct image *i, const struct image_source *src,
                       struct task *task, core_op_fn *done, void *arg)
{
    bool busy = import_find(c, i->name.s) != NULL;
    struct import *m = busy ? NULL : import_new(c, i, src, done, arg);
    struct err e = { .kind = ERR_INTERNAL, .text = "out of memory" };

    if (busy)
        err_set(&e, ERR_BUSY, "image %s is just being made; roost task list", i->name.s);
    if (!m) {
        done(NULL, &e, arg);
        return;
    }
    m->task = task;
    if (begin(m, src, &e) < 0)
        import_refuse(m, &e);
}

/* ---- the end of core ---- */

void imports_cancel(struct core *c)
{
    for (struct import *m = c->imports; m; m = m->next)
        m->cancelled = true;
}

void imports_free(struct core *c)
{
    struct err e;

    err_set(&e, ERR_BUSY, "roost is stopping");
    while (c->imports)
        end(c->imports, NULL, &e);
}
