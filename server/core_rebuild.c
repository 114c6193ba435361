/* Fresh disks: rebuild gives a guest a new generation, reset the one it has once more. */
#include <stdio.h>

#include "server/core_follow.h"
#include "server/core_machine.h"

static int give_account(struct core *c, const struct guest *g, struct err *e)
{
    struct instance i = { 0 };
    int r = store_instance_get(c->store, g->id, &i, e);

    if (r == 0)
        r = account_give(c, g->id, &i.spec, e);
    instance_done(&i);
    return r;
}

static int renew(struct core *c, const char *name, const char *actor, struct err *e)
{
    const char *elsewhere = "";
    struct guest g;

    if (core_guest(c, name, &g, e) < 0 || follow_still_down(c, &g, e) < 0 ||
        core_write(c, true, e) < 0 || disk_of_generation(c, g.id, g.generation, e) < 0)
        return -1;
    g.generation++;
    if (core_iid(c, g.name.s, &g.generation, g.iid, e) < 0)
        return -1;
    g.boots = 0;
    g.sealed = false;
    if (g.launcher != LAUNCHER_ROOST)
        elsewhere = "; whoever launches it needs its new seed URL (roost seed url)";
    if (core_event(c, &g, EV_REBUILT, actor, e, "generation %u, instance-id %s%s", g.generation,
                   g.iid, elsewhere) < 0 ||
        core_guest_save(c, &g, e) < 0 || store_keys_remove(c->store, g.id, e) < 0 ||
        give_account(c, &g, e) < 0 || core_render(c, g.id, e) < 0)
        return -1;
    sight_boot(c, &g);
    core_invalidate(c, g.tag.s);
    return 0;
}

/* What roost has not made it cannot make afresh. */
static int may_reset(struct core *c, const struct guest *g, struct err *e)
{
    struct instance i = { 0 };
    int r = store_instance_get(c->store, g->id, &i, e);

    if (r == 0 && g->launcher != LAUNCHER_ROOST)
        r = err_set(e, ERR_CONFLICT,
                    "instance %s has no disk of roost's: it is reset by whoever launches it "
                    "(launcher: external)",
                    g->name.s);
    else if (r == 0 && i.spec.root && i.spec.root->file[0])
        r = err_set(
            e, ERR_CONFLICT,
            "instance %s: its root disk is a file of yours (%.200s), of which roost makes no "
            "fresh one",
            g->name.s, i.spec.root->file);
    instance_done(&i);
    return r;
}

/* The same one again, as before its first boot: cloud-init runs anew under its old instance-id, so
 * that new host keys are no mismatch and the old ones are forgotten; and so is what Ansible did. */
static int begin_anew(struct core *c, const char *name, const char *actor, struct err *e)
{
    struct guest g;

    if (core_guest(c, name, &g, e) < 0 || follow_still_down(c, &g, e) < 0 ||
        may_reset(c, &g, e) < 0 || core_write(c, true, e) < 0 || disk_spoil(c, g.id, e) < 0)
        return -1;
    g.sealed = false;
    if (core_event(c, &g, EV_RESET, actor, e, "fresh disk, instance-id %s as before", g.iid) < 0 ||
        core_guest_save(c, &g, e) < 0 || store_keys_remove(c->store, g.id, e) < 0 ||
        store_job_remove(c->store, g.id, e) < 0 || core_render(c, g.id, e) < 0)
        return -1;
    sight_boot(c, &g);
    core_invalidate(c, g.tag.s);
    return 0;
}

/* The old disk goes when the new generation is on record, no sooner; should roost end in between,
 * at the next start. */
static void rebuilt(bool committed, void *arg)
{
    struct follow *f = arg;
    struct err e = { .kind = ERR_IO, .text = "it could not be recorded: nothing was changed" };

    if (!committed)
        follow_end(f, &e);
    else if (!machine_by_name(f->c, f->name.s) && disk_discard(f->c, f->name.s, &e) < 0)
        follow_end(f, &e);
    else if (f->was_running)
        follow_start(NULL, NULL, f);
    else
        follow_end(f, NULL);
}

static void rebuild_down(const json_t *result, const struct err *err, void *arg)
{
    struct follow *f = arg;
    struct err e;

    (void)result;
    if (!err &&
        (renew(f->c, f->name.s, f->who.text, &e) < 0 || core_after(f->c, rebuilt, f, &e) < 0))
        err = &e;
    if (err)
        follow_end(f, err);
}

/* Has it disks that it will go on with? What a guest has written it may not have flushed yet: it shuts
 * down, then. */
static bool keeps_data(struct core *c, const char *name)
{
    struct instance i = { 0 };
    struct guest g;
    bool keeps = false;

    if (store_guest_by_name(c->store, name, &g, NULL) == 0 &&
        store_instance_get(c->store, g.id, &i, NULL) == 0)
        keeps = i.spec.n_drives > 0 || (i.spec.root && i.spec.root->file[0]);
    instance_done(&i);
    return keeps;
}

static void reset_down(const json_t *result, const struct err *err, void *arg)
{
    struct follow *f = arg;
    struct err e;

    (void)result;
    if (!err &&
        (begin_anew(f->c, f->name.s, f->who.text, &e) < 0 || core_after(f->c, rebuilt, f, &e) < 0))
        err = &e;
    if (err)
        follow_end(f, err);
}

/* Whoever cannot be reset is not stopped either. */
static void reset(struct core *c, const char *name, bool anyway, const struct actor *who,
                  core_op_fn *done, void *arg)
{
    struct guest g;
    struct err e;

    if (core_guest(c, name, &g, &e) < 0 || may_reset(c, &g, &e) < 0)
        done(NULL, &e, arg);
    else
        follow_up(c, name, anyway, !keeps_data(c, name), who, reset_down, done, arg);
}

void core_reset(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                void *arg)
{
    reset(c, name, false, who, done, arg);
}

void core_reset_anyway(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                       void *arg)
{
    reset(c, name, true, who, done, arg);
}

/* Its disk goes: where nothing is there to be saved, it need not shut down. */
void core_rebuild(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                  void *arg)
{
    follow_up(c, name, false, !keeps_data(c, name), who, rebuild_down, done, arg);
}

void core_rebuild_anyway(struct core *c, const char *name, const struct actor *who,
                         core_op_fn *done, void *arg)
{
    follow_up(c, name, true, !keeps_data(c, name), who, rebuild_down, done, arg);
}
