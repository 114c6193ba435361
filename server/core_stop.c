/* Stopping a guest (ACPI, then quit, then kill), and what begins with a stop: restart, rebuild,
 * remove. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/file.h"
#include "base/parse.h"
#include "server/core_machine.h"
#include "server/core_network.h"
#include "server/core_trash.h"

#define POWERDOWN_EVERY_MS 5000 /* a guest that is still booting does not hear the first ones */
#define QUIT_MS            3000
#define QMP_LOOK_MS        200 /* until its QMP is there */

/* ---- stop ---- */

static void step(void *arg)
{
    struct machine *m = arg;
    int64_t waited = loop_now(m->c->loop).boot_ms - m->stop_asked_ms;
    bool in_time = !m->stop_forced && waited < m->c->config.stop_limit;
    bool graceful = m->qmp_ready && in_time;
    char took[24];
    struct err e;

    if (in_time && !m->qmp_ready) { /* QEMU has just begun, or is just adopted */
        loop_timer_set(m->stop_timer, QMP_LOOK_MS);
        return;
    }
    if (graceful && qmp_command(m->qmp, "system_powerdown", NULL, NULL, NULL, &e) == 0) {
        int64_t left = m->c->config.stop_limit - waited;
        loop_timer_set(m->stop_timer, left < POWERDOWN_EVERY_MS ? left : POWERDOWN_EVERY_MS);
        return;
    }
    if (!m->stop_forced && m->stop_step++ == 0 && m->qmp_ready &&
        qmp_command(m->qmp, "quit", NULL, NULL, NULL, &e) == 0) {
        snprintf(m->stop_how, sizeof m->stop_how, "did not shut down within %s; ended by QMP quit",
                 format_duration(waited, took));
        loop_timer_set(m->stop_timer, QUIT_MS);
        return;
    }
    if (m->stop_forced)
        snprintf(m->stop_how, sizeof m->stop_how, "killed as asked");
    else
        snprintf(m->stop_how, sizeof m->stop_how, "killed after %s", format_duration(waited, took));
    machine_kill(m);
    loop_timer_set(m->stop_timer, QUIT_MS);
}

void machine_stop_on(struct machine *m)
{
    struct err e;

    if (!m->stop_asked_ms || m->state != MACHINE_RUNNING || m->has_exited)
        return;
    if (!m->stop_timer && !(m->stop_timer = loop_timer_new(m->c->loop, step, m, &e)))
        core_fault(m->c, "instance %s: stop: %s", m->name.s, e.text);
    else if (m->stop_forced || !loop_timer_armed(m->stop_timer))
        step(m);
}

struct stopping {
    struct core *c;
    int64_t id;
};

static void begin_if_there(bool committed, void *arg)
{
    struct stopping *s = arg;
    struct machine *m = s->c->ending ? NULL : machine_find(s->c, s->id);

    (void)committed; /* a stop is carried out even when the disk is full */
    if (m)
        machine_stop_on(m);
    free(s);
}

static int record_wish(struct machine *m, bool force, const char *actor, struct err *e)
{
    struct stopping *s = calloc(1, sizeof *s);
    struct guest g;

    if (!s)
        return err_set(e, ERR_INTERNAL, "out of memory");
    *s = (struct stopping){ m->c, m->id };
    if (core_write(m->c, true, e) < 0 || store_guest_by_id(m->c->store, m->id, &g, e) < 0) {
        free(s);
        return -1;
    }
    g.stop_wanted = m->launch_id;
    if (core_event(m->c, &g, EV_STOPPING, actor, e, "%s", force ? "at once" : "by ACPI") < 0 ||
        core_guest_save(m->c, &g, e) < 0 || core_after(m->c, begin_if_there, s, e) < 0) {
        free(s);
        return -1;
    }
    return 0;
}

static int stop(struct core *c, const struct guest *g, bool force, const char *actor,
                core_op_fn *done, void *arg, struct err *e)
{
    struct machine *m = machine_find(c, g->id);

    if (g->launcher != LAUNCHER_ROOST)
        return err_set(e, ERR_CONFLICT,
                       "instance %s is stopped by whoever launched it (launcher: external): shut it "
                       "down there, such as by virsh shutdown or qm shutdown, or log in: roost ssh %s",
                       g->name.s, g->name.s);
    if (!m && !c->ready)
        return err_set(e, ERR_BUSY, "roost is just looking which guests run; try again");
    if (!m)
        return err_set(e, ERR_CONFLICT, "instance %s is not running", g->name.s);
    if (waiter_add(&m->on_end, done, arg, e) < 0)
        return -1;
    if (m->state == MACHINE_PREPARING) { /* nothing runs yet */
        struct waiter *waiting = steal_ptr(m->on_end);
        machine_cancel(m);
        waiters_after(c, &waiting, NULL);
        return 0;
    }
    if (m->state == MACHINE_ENDED) /* as good as done */
        return 0;
    if (record_wish(m, force, actor, e) < 0) {
        waiter_drop(&m->on_end);
        return -1;
    }
    if (!m->stop_asked_ms)
        m->stop_asked_ms = loop_now(c->loop).boot_ms;
    m->stop_forced |= force;
    return 0;
}

void core_stop(struct core *c, const char *name, bool force, const struct actor *who,
               core_op_fn *done, void *arg)
{
    struct guest g;
    struct err e;

    if (core_guest(c, name, &g, &e) < 0 || stop(c, &g, force, who->text, done, arg, &e) < 0)
        done(NULL, &e, arg);
}

/* ---- what follows a stop ---- */

struct follow {
    struct core *c;
    struct name name;
    struct actor who;
    bool anyway; /* whatever memory there is */
    bool for_good; /* not into the trash */
    bool was_running;
    core_op_fn *done;
    void *arg;
};

static struct follow *follow_new(struct core *c, const char *name, const struct actor *who,
                                 core_op_fn *done, void *arg, struct err *e)
{
    struct follow *f = calloc(1, sizeof *f);

    if (!f) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    *f = (struct follow){ .c = c, .who = *who, .done = done, .arg = arg };
    snprintf(f->name.s, sizeof f->name.s, "%s", name);
    return f;
}

static void follow_end(struct follow *f, const struct err *err)
{
    f->done(NULL, err, f->arg);
    free(f);
}

static void start_again(const json_t *result, const struct err *err, void *arg)
{
    struct follow *f = arg;

    (void)result;
    if (err) {
        follow_end(f, err);
        return;
    }
    /* That it fits was seen before it was ended: it is not to stay down for others' sake. */
    (f->anyway || f->was_running ? core_start_anyway : core_start)(f->c, f->name.s, &f->who, f->done, f->arg);
    free(f);
}

/* `then` when the guest has ended, at once when it is not running. */
static void when_down(struct follow *f, bool force, core_op_fn *then)
{
    struct guest g;
    struct err e;

    if (core_guest(f->c, f->name.s, &g, &e) < 0) {
        follow_end(f, &e);
        return;
    }
    f->was_running = machine_find(f->c, g.id) != NULL;
    if (!f->was_running)
        then(NULL, NULL, f);
    else if (stop(f->c, &g, force, f->who.text, then, f, &e) < 0)
        follow_end(f, &e);
}

static void begin_again(struct core *c, const char *name, bool anyway, bool force,
                        const struct actor *who, core_op_fn *then, core_op_fn *done, void *arg)
{
    struct guest g;
    struct err e;
    struct follow *f;

    if (core_guest(c, name, &g, &e) < 0 || (!anyway && machine_may_come_back(c, &g, &e) < 0) ||
        !(f = follow_new(c, name, who, done, arg, &e))) {
        done(NULL, &e, arg);
        return;
    }
    f->anyway = anyway;
    when_down(f, force, then);
}

void core_restart(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                  void *arg)
{
    begin_again(c, name, false, false, who, start_again, done, arg);
}

void core_restart_anyway(struct core *c, const char *name, const struct actor *who,
                         core_op_fn *done, void *arg)
{
    begin_again(c, name, true, false, who, start_again, done, arg);
}

/* ---- rebuild: a new generation on a fresh disk ---- */

/* Several may have waited for its end: one of the others can have started it again. */
static int still_down(struct core *c, const struct guest *g, struct err *e)
{
    return machine_find(c, g->id)
               ? err_set(e, ERR_CONFLICT, "instance %s was started again meanwhile", g->name.s)
               : 0;
}

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
    struct guest g;

    if (core_guest(c, name, &g, e) < 0 || still_down(c, &g, e) < 0 || core_write(c, true, e) < 0 ||
        disk_of_generation(c, g.id, g.generation, e) < 0)
        return -1;
    g.generation++;
    if (core_iid(c, g.name.s, &g.generation, g.iid, e) < 0)
        return -1;
    g.boots = 0;
    g.sealed = false;
    if (core_event(c, &g, EV_REBUILT, actor, e, "generation %u, instance-id %s", g.generation,
                   g.iid) < 0 ||
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
        r = err_set(e, ERR_CONFLICT,
                    "instance %s: its root disk is a file of yours (%.200s), of which roost makes no "
                    "fresh one",
                    g->name.s, i.spec.root->file);
    instance_done(&i);
    return r;
}

/* The same one again, as before its first boot: cloud-init runs anew under its old instance-id, so that
 * new host keys are no mismatch and the old ones are forgotten; and so is what Ansible did. */
static int begin_anew(struct core *c, const char *name, const char *actor, struct err *e)
{
    struct guest g;

    if (core_guest(c, name, &g, e) < 0 || still_down(c, &g, e) < 0 || may_reset(c, &g, e) < 0 ||
        core_write(c, true, e) < 0 || disk_spoil(c, g.id, e) < 0)
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
    struct err e = { .kind = ERR_IO,
                     .text = "it could not be recorded: nothing was changed" };

    if (!committed)
        follow_end(f, &e);
    else if (!machine_by_name(f->c, f->name.s) && disk_discard(f->c, f->name.s, &e) < 0)
        follow_end(f, &e);
    else if (f->was_running)
        start_again(NULL, NULL, f);
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
    if (!err && (begin_anew(f->c, f->name.s, f->who.text, &e) < 0 ||
                 core_after(f->c, rebuilt, f, &e) < 0))
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
        begin_again(c, name, anyway, !keeps_data(c, name), who, reset_down, done, arg);
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
    begin_again(c, name, false, !keeps_data(c, name), who, rebuild_down, done, arg);
}

void core_rebuild_anyway(struct core *c, const char *name, const struct actor *who,
                         core_op_fn *done, void *arg)
{
    begin_again(c, name, true, !keeps_data(c, name), who, rebuild_down, done, arg);
}

/* ---- remove ---- */

static int forget_guest(struct core *c, const char *name, const char *actor, bool for_good,
                        struct err *e)
{
    struct guest g;

    if (core_guest(c, name, &g, e) < 0 || still_down(c, &g, e) < 0 || core_write(c, true, e) < 0)
        return -1;
    sight_boot(c, &g);
    if (core_event(c, &g, EV_REMOVED, actor, e, "%s%s", g.iid,
                   for_good ? "" : ", into the trash") < 0 ||
        (!for_good && trash_take(c, &g, actor, e) < 0) || disk_forget(c, g.id, e) < 0 ||
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
}

static void take_away(struct core *c, const char *name, bool force, bool for_good,
                      const struct actor *who, core_op_fn *done, void *arg)
{
    struct follow *f;
    struct guest g;
    struct err e;

    if (core_guest(c, name, &g, &e) < 0) {
        done(NULL, &e, arg);
    } else if (machine_find(c, g.id) && !force) {
        err_set(&e, ERR_CONFLICT,
                "instance %s is running; stop it first, or remove it with --force", g.name.s);
        done(NULL, &e, arg);
    } else if (!(f = follow_new(c, name, who, done, arg, &e))) {
        done(NULL, &e, arg);
    } else {
        f->for_good = for_good;
        when_down(f, true, remove_down);
    }
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
