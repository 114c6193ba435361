/* Directories of instances move when the record says that they lie elsewhere: after its commit, and
 * at the next start where roost ended in between. So at any moment the record and what lies there,
 * after those moves, are one whole. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/core_priv.h"

static void path_of(char out[MOVE_PATH], const char *dir, const char *name)
{
    snprintf(out, MOVE_PATH, "%s/%s", dir, name);
}

/* ---- carrying it out ---- */

static int sync_parent(int state, const char *path, struct err *e)
{
    char dir[MOVE_PATH];

    snprintf(dir, sizeof dir, "%s", path);
    *strchrnul(dir, '/') = '\0';
    auto_close int fd = file_open_beneath(state, dir, O_RDONLY | O_DIRECTORY, 0, e);
    return fd < 0 ? -1 : dir_sync(fd, e);
}

/* An instance that never ran has no directory. */
static int carry_out(struct core *c, int state, const struct move *m, struct err *e)
{
    char dir[MOVE_PATH];

    snprintf(dir, sizeof dir, "%s", m->target);
    *strchrnul(dir, '/') = '\0';
    auto_close int made = dir_open_make(state, dir, 0700, e);
    if (made < 0)
        return -1;
    if (renameat2(state, m->origin, state, m->target, RENAME_NOREPLACE) < 0 && errno != ENOENT)
        return err_sys(e, "%s/%s cannot become %s", c->config.state, m->origin, m->target);
    if (sync_parent(state, m->origin, e) < 0 || sync_parent(state, m->target, e) < 0)
        return -1;
    return core_write(c, false, e) < 0 ? -1 : store_move_remove(c->store, m->id, e);
}

int moves_carry_out(struct core *c, struct err *e)
{
    auto_close int state = open(c->config.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    struct move m = { .id = 0 };
    struct err why;
    int n, bad = 0;

    if (state < 0)
        return err_sys(e, "%s", c->config.state);
    while ((n = store_move_next(c->store, m.id, &m, e)) == 1)
        if (carry_out(c, state, &m, &why) < 0) {
            bad = -1; /* the others are not held up */
            *e = why;
        }
    return n < 0 ? -1 : bad;
}

void moves_redo(struct core *c)
{
    struct err e;

    if (moves_carry_out(c, &e) < 0)
        core_fault(c, "%s; it is tried again at the next start", e.text);
}

/* ---- on record ---- */

static int must_be_free(struct core *c, const char *target, struct err *e)
{
    char full[PATH_SIZE + MOVE_PATH];
    struct stat st;

    snprintf(full, sizeof full, "%s/%s", c->config.state, target);
    if (lstat(full, &st) == 0)
        return err_set(e, ERR_CONFLICT,
                       "%s is there already, of an instance that is no longer on record: move it "
                       "away",
                       full);
    return errno == ENOENT ? 0 : err_sys(e, "%s", full);
}

int move_record(struct core *c, const char *from_dir, const char *from, const char *to_dir,
                const char *to, struct err *e)
{
    char origin[MOVE_PATH], target[MOVE_PATH];

    path_of(origin, from_dir, from);
    path_of(target, to_dir, to);
    if (must_be_free(c, target, e) < 0)
        return -1;
    return store_move_put(c->store, origin, target, e);
}

int move_not_pending(struct core *c, const char *instance, struct err *e)
{
    char path[MOVE_PATH];
    int n;

    path_of(path, DIR_INSTANCES, instance);
    n = store_move_of(c->store, path, e);
    if (n <= 0)
        return n;
    return err_set(e, ERR_BUSY, "%s/%s is being moved; try again, and see: roost status",
                   c->config.state, path);
}
