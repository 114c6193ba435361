/* The course of an import: files come into the state directory (so that they cannot change below
 * their overlays), one step behind the other, and get their name when all of them are right. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/spawn.h"
#include "server/core_fetch.h"
#include "server/core_image.h"
#include "server/core_import.h"

static int open_part(struct import *m, enum part p, const char *file, struct err *e)
{
    struct stat st;

    if (!file)
        return 0;
    m->from[p] = image_file_open(m->image.name.s, p == PART_DISK, file, &st, e);
    return m->from[p] < 0 ? -1 : 0;
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
