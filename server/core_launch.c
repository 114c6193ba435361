/* Starting a guest: its disk (core_disk.c), the intent on record, then the verb to roostd. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "server/core_machine.h"
#include "server/core_network.h"

/* ---- step 3: the verb, after the intent is on disk ---- */

static void fail(struct machine *m, const struct err *e)
{
    waiters_after(m->c, &m->on_start, e);
    waiters_after(m->c, &m->on_end, NULL);
    machine_free(m);
}

struct intent {
    struct core *c;
    int64_t id;
    uint64_t launch_id;
};

static void send_launch(bool committed, void *arg)
{
    struct intent *in = arg;
    struct core *c = in->c;
    struct machine *m = machine_find(c, in->id);
    auto_buf struct buf b = BUF_INIT;
    struct launch l;
    struct guest g;
    struct err e;

    if (!m || m->launch_id != in->launch_id) {
        free(in);
        return;
    }
    free(in);
    if (!committed)
        err_set(&e, ERR_IO, "instance %s: the launch could not be recorded, so it is not started",
                m->name.s);
    else if (store_guest_by_id(c->store, m->id, &g, &e) == 0 &&
             machine_launch_values(c, &g, &l, &e) == 0 && volume_put(c, &g, &e) == 0) {
        launch_encode(&l, &b);
        if (proto_send(c->roostd, P_LAUNCH, chan_next_id(c->roostd), &b, NULL, 0, &e) == 0)
            return;
    }
    if (committed)
        core_note(c, m->id, EV_LAUNCH_FAILED, "roost", "%s", e.text);
    fail(m, &e);
}

/* ---- step 2: the intent ---- */

static int record_intent(struct machine *m, struct err *e)
{
    struct core *c = m->c;
    struct intent *in;
    struct guest g;

    if (core_write(c, true, e) < 0 || store_guest_by_id(c->store, m->id, &g, e) < 0)
        return -1;
    random_bytes(&g.launch_id, sizeof g.launch_id);
    g.launch_id >>= 1; /* SQLite's integers are signed */
    g.boots++;
    g.stop_wanted = 0;
    m->launch_id = g.launch_id;
    m->state = MACHINE_LAUNCHING;
    sight_boot(c, &g);
    core_invalidate(c, g.tag.s);
    if (core_event(c, &g, EV_LAUNCHING, m->actor, e, "generation %u, boot %u", g.generation,
                   g.boots) < 0 ||
        core_guest_save(c, &g, e) < 0 ||
        (disk_is_virgin(m) && store_keys_remove(c->store, g.id, e) < 0) ||
        disk_record(m, g.generation, e) < 0)
        return -1;
    if (!(in = calloc(1, sizeof *in)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    *in = (struct intent){ c, m->id, g.launch_id };
    if (core_after(c, send_launch, in, e) < 0) {
        free(in);
        return -1;
    }
    return 0;
}

/* ---- step 1: the disk ---- */

static void disk_made(struct machine *m, const struct err *err)
{
    struct err e;

    if (!err && record_intent(m, &e) == 0)
        return;
    if (err) {
        e = *err;
        core_note(m->c, m->id, EV_LAUNCH_FAILED, m->actor, "%s", e.text);
    }
    fail(m, &e);
}

static int prepare(struct machine *m, struct err *e)
{
    struct core *c = m->c;
    struct instance i = { 0 };
    struct guest g;
    int r;

    if (store_guest_by_id(c->store, m->id, &g, e) < 0 ||
        store_instance_get(c->store, m->id, &i, e) < 0)
        return -1;
    r = disk_is_old(c, &g) ? disk_discard(c, g.name.s, e) : 0;
    if (r == 0)
        r = disk_make(m, &i, disk_made, e);
    instance_done(&i);
    return r ? r : record_intent(m, e);
}

struct preparing {
    struct core *c;
    int64_t id;
};

/* Its old disk goes when the rebuild that made it old is on record, no sooner. */
static void prepare_later(bool committed, void *arg)
{
    struct preparing *p = arg;
    struct machine *m = p->c->ending ? NULL : machine_find(p->c, p->id);
    struct err e;

    free(p);
    if (!m || m->state != MACHINE_PREPARING)
        return;
    if (!committed)
        err_set(&e, ERR_IO, "instance %s: its rebuild could not be recorded", m->name.s);
    if (!committed || prepare(m, &e) < 0)
        disk_made(m, &e);
}

static int prepare_after(struct machine *m, struct err *e)
{
    struct preparing *p = calloc(1, sizeof *p);

    if (!p)
        return err_set(e, ERR_INTERNAL, "out of memory");
    *p = (struct preparing){ m->c, m->id };
    if (core_after(m->c, prepare_later, p, e) == 0)
        return 0;
    free(p);
    return -1;
}

/* ---- the wish ---- */

/* User networks need nothing; ours have to stand. */
bool machine_network_ready(struct core *c, const char *name)
{
    const struct network *n = core_network(c, name);

    return !n || n->kind == NETWORK_USER || network_is_up(c, name);
}

/* roostd has tried the QEMU of this host's own architecture alone. */
static bool is_native(struct core *c, const struct guest *g)
{
    struct instance i = { 0 };
    struct image image;
    bool foreign = store_instance_get(c->store, g->id, &i, NULL) == 0 &&
                   core_image(c, i.spec.image.s, &image, NULL) == 0 && image.arch != arch_native();

    instance_done(&i);
    return !foreign;
}

static int may_start(struct core *c, const struct guest *g, struct err *e)
{
    struct machine *m = machine_find(c, g->id);
    struct name missing;

    if (g->launcher != LAUNCHER_ROOST)
        return err_set(e, ERR_CONFLICT,
                       "instance %s is started by whoever launches it (launcher: external): "
                       "switch it on there, such as by virsh start or qm start",
                       g->name.s);
    if (!c->config.launch)
        return err_set(e, ERR_DENIED, "this roost launches no guests ([launch] enabled = no)");
    if (!c->ready)
        return err_set(e, ERR_BUSY, "roost is just looking which guests run; try again");
    if (!m && move_not_pending(c, g->name.s, e) < 0)
        return -1;
    if (m && m->state == MACHINE_ENDED)
        return err_set(e, ERR_BUSY, "instance %s is just ending; try again", g->name.s);
    if (!m && !core_nics_ready(c, g, &missing))
        return err_set(e, ERR_CONFLICT, "network %s is not up: roost network up %s", missing.s,
                       missing.s);
    if (m)
        return err_set(e, ERR_CONFLICT, "instance %s is %s already", g->name.s,
                       m->state == MACHINE_RUNNING ? "running" : "being started");
    if (c->accel_known && !c->accel.qemu_version[0] && is_native(c, g))
        return err_set(e, ERR_NOT_FOUND, "%s", c->accel.reason);
    if (c->n_machines >= c->config.max_guests)
        return err_set(e, ERR_BUSY, "%u guests run already ([launch] max-guests)",
                       c->config.max_guests);
    return 0;
}

/* What its definition gives it, if that may be. */
static int take_memory(struct core *c, const struct guest *g, bool anyway, uint64_t *ret,
                       struct err *e)
{
    struct instance i = { 0 };
    int r = store_instance_get(c->store, g->id, &i, e);

    *ret = i.spec.memory;
    instance_done(&i);
    if (r < 0 || (!anyway && memory_check(c, g, *ret, e) < 0))
        return -1;
    memory_taken(c, *ret);
    return 0;
}

int machine_start(struct core *c, const char *name, bool anyway, const struct actor *who,
                  core_op_fn *done, void *arg, struct err *e)
{
    struct machine *m;
    uint64_t memory;
    struct guest g;
    int r;

    if (core_guest(c, name, &g, e) < 0 || may_start(c, &g, e) < 0 ||
        take_memory(c, &g, anyway, &memory, e) < 0 || !(m = machine_new(c, &g, e)))
        return -1;
    m->memory = memory;
    if (waiter_add(&m->on_start, done, arg, e) < 0) {
        machine_free(m);
        return -1;
    }
    snprintf(m->actor, sizeof m->actor, "%s", who->text);
    r = disk_is_old(c, &g) ? prepare_after(m, e) : prepare(m, e);
    if (r < 0) {
        waiter_drop(&m->on_start); /* the caller tells */
        machine_free(m);
        return -1;
    }
    autostart_forget(c, g.name.s);
    return 0;
}

void core_start(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                void *arg)
{
    struct err e;

    if (machine_start(c, name, false, who, done, arg, &e) < 0)
        done(NULL, &e, arg);
}

void core_start_anyway(struct core *c, const char *name, const struct actor *who, core_op_fn *done,
                       void *arg)
{
    struct err e;

    if (machine_start(c, name, true, who, done, arg, &e) < 0)
        done(NULL, &e, arg);
}

/* Before one that runs is ended: what its definition says by now has to fit. */
int machine_may_come_back(struct core *c, const struct guest *g, struct err *e)
{
    const struct machine *m = machine_find(c, g->id);
    struct instance i = { 0 };
    int r = m ? store_instance_get(c->store, g->id, &i, e) : 0;

    if (m && r == 0 && i.spec.memory > m->memory)
        r = memory_check(c, g, i.spec.memory, e);
    instance_done(&i);
    return r;
}
