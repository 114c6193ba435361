/* Removal: off the record and into the trash, or for good. */
#include <fcntl.h>
#include <stdio.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "server/core_follow.h"
#include "server/core_machine.h"
#include "server/core_network.h"
#include "server/core_trash.h"

static int forget_guest(struct core *c, const char *name, const char *actor, bool for_good,
                        struct err *e)
{
    struct guest g;

    if (core_guest(c, name, &g, e) < 0 || follow_still_down(c, &g, e) < 0 ||
        core_write(c, true, e) < 0)
        return -1;
    sight_boot(c, &g);
    if (core_event(c, &g, EV_REMOVED, actor, e, "%s%s", g.iid, for_good ? "" : ", into the trash") <
            0 ||
        (!for_good && trash_take(c, &g, actor, e) < 0) || disk_forget(c, g.id, e) < 0 ||
        hostfwds_forget(c, g.id, e) < 0 ||
        network_unreserve(c, &g, e) < 0 || core_nics_drop(c, g.id, e) < 0 ||
        store_instance_remove(c->store, g.id, e) < 0)
        return -1;
    core_invalidate(c, g.tag.s);
    return 0;
}

/* All of it or nothing. */
static int take_off(struct core *c, const char *name, const char *actor, bool for_good,
                    struct err *e)
{
    if (core_write(c, true, e) < 0 || store_savepoint(c->store, e) < 0)
        return -1;
    if (forget_guest(c, name, actor, for_good, e) < 0) {
        store_rollback_to(c->store);
        return -1;
    }
    store_release(c->store);
    return 0;
}

/* Its files go when it is off the record, no sooner. */
static void removed(bool committed, void *arg)
{
    struct follow *f = arg;
    char path[PATH_SIZE + 32];
    auto_close int dir = -1;
    struct err e = { .kind = ERR_IO,
                     .text = "the removal could not be recorded: nothing was removed" };

    if (committed && !f->c->ending)
        network_forwards_follow(f->c, &f->name);
    if (committed && !f->for_good) {
        follow_end(f, moves_carry_out(f->c, &e) < 0 ? &e : NULL);
        return;
    }
    snprintf(path, sizeof path, "%s/%s", f->c->config.state, DIR_INSTANCES);
    dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    /* Unless another one of that name is being started in this very turn. */
    if (committed && dir >= 0 && !machine_by_name(f->c, f->name.s) &&
        dir_remove(dir, f->name.s, &e) < 0) {
        err_wrap(&e, "it is off the record, but not its files, %s/%s", path, f->name.s);
        committed = false;
    }
    follow_end(f, committed ? NULL : &e);
}

static void remove_down(const json_t *result, const struct err *err, void *arg)
{
    struct follow *f = arg;
    struct err e;

    (void)result;
    if (!err && (take_off(f->c, f->name.s, f->who.text, f->for_good, &e) < 0 ||
                 core_after(f->c, removed, f, &e) < 0))
        err = &e;
    if (err)
        follow_end(f, err);
    else
        autostart_forget(f->c, f->name.s);
}

int core_remove_check(struct core *c, const char *name, bool force, struct err *e)
{
    struct guest g;

    if (core_guest(c, name, &g, e) < 0)
        return -1;
    return !machine_find(c, g.id) || force
               ? 0
               : err_set(e, ERR_CONFLICT,
                         "instance %s is running; stop it first, or remove it with --force",
                         g.name.s);
}

static void take_away(struct core *c, const char *name, bool force, bool for_good,
                      const struct actor *who, core_op_fn *done, void *arg)
{
    struct follow *f;
    struct err e;

    if (core_remove_check(c, name, force, &e) < 0 ||
        !(f = follow_new(c, name, who, done, arg, &e))) {
        done(NULL, &e, arg);
        return;
    }
    f->for_good = for_good;
    follow_when_down(f, true, remove_down);
}

void core_remove(struct core *c, const char *name, bool force, const struct actor *who,
                 core_op_fn *done, void *arg)
{
    take_away(c, name, force, !c->config.trash_keep, who, done, arg);
}

void core_destroy(struct core *c, const char *name, bool force, const struct actor *who,
                  core_op_fn *done, void *arg)
{
    take_away(c, name, force, true, who, done, arg);
}
