/* Where an import is and how it ends: a directory of no name, which becomes the image's or goes. */
#include <stdio.h>
#include <stdlib.h>
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

void imports_free(struct core *c)
{
    struct err e;

    err_set(&e, ERR_BUSY, "roost is stopping");
    while (c->imports)
        end(c->imports, NULL, &e);
}
