/* Stopping a guest: ACPI, then quit, then kill. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "server/core_machine.h"

#define POWERDOWN_EVERY_MS 5000 /* a guest that is still booting does not hear the first ones */
#define QUIT_MS            3000
#define QMP_LOOK_MS        200 /* until its QMP is there */

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

int machine_stop(struct core *c, const struct guest *g, bool force, const char *actor,
                 core_op_fn *done, void *arg, struct err *e)
{
    struct machine *m = machine_find(c, g->id);

    if (g->launcher != LAUNCHER_ROOST)
        return err_set(e, ERR_CONFLICT,
                       "instance %s is stopped by whoever launched it (launcher: external): shut "
                       "it down there, such as by virsh shutdown or qm shutdown, or log in: "
                       "roost ssh %s",
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
    struct waiter *told = NULL;
    struct guest g;
    struct err e;
    int r = core_guest(c, name, &g, &e);

    if (r == 0 && !machine_find(c, g.id))
        r = autostart_call_off(c, &g, who->text, &e);
    if (r > 0 && (r = waiter_add(&told, done, arg, &e)) == 0)
        waiters_after(c, &told, NULL);
    else if (r == 0)
        r = machine_stop(c, &g, force, who->text, done, arg, &e);
    if (r < 0)
        done(NULL, &e, arg);
}
