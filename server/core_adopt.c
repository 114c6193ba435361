/* QEMUs that run already when roost comes: asked for at the start, and when a launch finds one. */
#include "server/core_machine.h"

#include "base/cleanup.h"
#include "base/encode.h"

void machine_ask(struct core *c, const struct name *name, uint64_t launch_id)
{
    struct verb_ref v = { *name, launch_id };
    auto_buf struct buf b = BUF_INIT;
    struct err e;

    verb_ref_encode(&v, &b);
    if (proto_send(c->roostd, P_ADOPT, chan_next_id(c->roostd), &b, NULL, 0, &e) < 0)
        core_fault(c, "instance %s: %s", name->s, e.text);
    else
        c->adopting++;
}

static int adopt(const struct guest *g, void *arg)
{
    if (g->launcher == LAUNCHER_ROOST)
        machine_ask(arg, &g->name, g->launch_id);
    return 0;
}

int machines_adopt(struct core *c, struct err *e)
{
    return store_guests_launched(c->store, adopt, c, e);
}

void machine_adopted(struct core *c, const struct launched *v)
{
    struct machine *m;
    struct guest g;
    struct err e;

    if (c->adopting)
        c->adopting--;
    if (machine_by_name(c, v->instance.s) || core_guest(c, v->instance.s, &g, &e) < 0)
        return;
    if (!(m = machine_new(c, &g, &e))) {
        core_fault(c, "instance %s: %s", g.name.s, e.text);
        return;
    }
    m->state = MACHINE_RUNNING;
    m->adopted = true;
    m->pid = (pid_t)v->pid;
    m->accel = v->accel;
    /* 0: nobody knows which launch it is of, so that of the record stands. */
    if (v->launch_id && g.launch_id != v->launch_id) {
        log_of(LOG_WARN_, g.name.s, "its QEMU is not the one on record; adopted");
        g.launch_id = v->launch_id;
    } else if (!g.launch_id) {
        random_bytes(&g.launch_id, sizeof g.launch_id);
        g.launch_id = (g.launch_id >> 1) | 1;
    }
    m->launch_id = g.launch_id;
    if (core_write(c, true, &e) < 0 ||
        core_event(c, &g, EV_ADOPTED, "roost", &e, "pid %u", v->pid) < 0 ||
        core_guest_save(c, &g, &e) < 0)
        core_fault(c, "instance %s: %s", g.name.s, e.text);
    machine_watch(m);
    if (g.stop_wanted && g.stop_wanted == g.launch_id) {
        m->stop_asked_ms = loop_now(c->loop).boot_ms;
        m->stop_forced = bootloop_is_ending(c, m->id);
        machine_stop_on(m); /* roost ended in the middle of it */
    }
}

void machine_not_running(struct core *c, const struct verb_ref *v)
{
    char why[EVENT_DETAIL_MAX];
    struct machine *m;
    struct guest g;
    struct err e;

    if (c->adopting)
        c->adopting--;
    m = machine_by_name(c, v->instance.s);
    if (m && m->state == MACHINE_RUNNING &&
        m->launch_id == v->launch_id) { /* a kill found nobody */
        struct exited x = { .instance = v->instance, .launch_id = v->launch_id };
        machine_exited(c, &x);
        return;
    }
    if (m || core_guest(c, v->instance.s, &g, &e) < 0 || !phase_is_running(g.standing.phase))
        return;
    if (bootloop_verdict(c, g.id, why, sizeof why))
        core_note(c, g.id, EV_FAILED, "roost", "%s", why);
    else if (g.stop_wanted && g.stop_wanted == g.launch_id)
        core_note(c, g.id, EV_STOPPED, "roost", "stopped as asked, while roost was away");
    else if (g.standing.phase == PHASE_STARTING)
        core_note(c, g.id, EV_FAILED, "roost", "roost ended while starting it; start it again");
    else
        core_note(c, g.id, EV_FAILED, "roost", "ended, reason unknown (roost was away)");
}
