/* The QEMUs that run: the list of them, who waits for them, and what roostd tells. */
#include "server/core_machine.h"
#include "server/core_network.h"

#include <signal.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"

#define LAST_WORDS_MS 1000 /* of a QEMU on QMP */
#define END_AGAIN_MS  1000

/* ---- waiters ---- */

int waiter_add(struct waiter **list, core_op_fn *done, void *arg, struct err *e)
{
    struct waiter *w = calloc(1, sizeof *w);

    if (!w)
        return err_set(e, ERR_INTERNAL, "out of memory");
    *w = (struct waiter){ *list, done, arg };
    *list = w;
    return 0;
}

void waiters_call(struct waiter **list, const json_t *result, const struct err *err)
{
    struct waiter *w = *list;

    *list = NULL;
    while (w) {
        struct waiter *next = w->next;
        w->done(result, err, w->arg);
        free(w);
        w = next;
    }
}

void waiter_drop(struct waiter **list)
{
    struct waiter *w = *list;

    *list = w->next;
    free(w);
}

struct told {
    struct waiter *list;
    struct err err; /* kind ERR_NONE: it went well */
};

static void tell(bool committed, void *arg)
{
    struct told *t = arg;

    if (t->err.kind == ERR_NONE && !committed)
        err_set(&t->err, ERR_IO, "it was done, but could not be recorded");
    waiters_call(&t->list, NULL, t->err.kind == ERR_NONE ? NULL : &t->err);
    free(t);
}

void waiters_after(struct core *c, struct waiter **list, const struct err *err)
{
    struct told *t;

    if (!*list)
        return;
    if (!(t = calloc(1, sizeof *t))) {
        waiters_call(list, NULL, err);
        return;
    }
    t->list = steal_ptr(*list);
    if (err)
        t->err = *err;
    if (core_after(c, tell, t, NULL) < 0)
        tell(true, t);
}

/* ---- list ---- */

struct machine *machine_new(struct core *c, const struct guest *g, struct err *e)
{
    const struct network *n = core_network(c, g->network.s);
    struct machine *m = calloc(1, sizeof *m);

    if (!m) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    m->c = c;
    m->id = g->id;
    m->name = g->name;
    m->launch_id = g->launch_id;
    m->user_network = !n || n->kind == NETWORK_USER;
    core_token(c, TOKEN_SEED, g, &m->seed);
    m->next = c->machines;
    c->machines = m;
    c->n_machines++;
    return m;
}

void machine_free(struct machine *m)
{
    struct err e = { .kind = ERR_BUSY, .text = "roost is stopping" };
    struct machine **at;

    for (at = &m->c->machines; *at != m; at = &(*at)->next)
        ;
    *at = m->next;
    m->c->n_machines--;
    keyscan_end(m);
    hostfwds_end(m);
    mediums_end(m->c, m->id,
                &(struct err){ .kind = ERR_CONFLICT, .text = "the guest has just ended" });
    qmp_close(m->qmp);
    loop_timer_free(m->stop_timer);
    loop_timer_free(m->qmp_again);
    loop_timer_free(m->end_timer);
    disk_give_up(m);
    waiters_call(&m->on_start, NULL, &e);
    waiters_call(&m->on_end, NULL, &e);
    free(m);
}

struct machine *machine_find(struct core *c, int64_t id)
{
    struct machine *m = c->machines;

    while (m && m->id != id)
        m = m->next;
    return m;
}

struct machine *machine_by_token(struct core *c, const struct token *t)
{
    struct machine *m = c->machines;

    while (m && !token_equal(&m->seed, t))
        m = m->next;
    return m;
}

int64_t machine_id(const struct machine *m)
{
    return m->id;
}

struct machine *machine_by_name(struct core *c, const char *name)
{
    struct machine *m = c->machines;

    while (m && strcmp(m->name.s, name))
        m = m->next;
    return m;
}

void machines_free(struct core *c)
{
    while (c->machines)
        machine_free(c->machines);
}

void machine_kill(struct machine *m)
{
    struct verb_ref v = { m->name, m->launch_id };
    auto_buf struct buf b = BUF_INIT;
    struct err e;

    verb_ref_encode(&v, &b);
    if (proto_send(m->c->roostd, P_KILL, chan_next_id(m->c->roostd), &b, NULL, 0, &e) < 0)
        core_fault(m->c, "instance %s: kill: %s", m->name.s, e.text);
}

void machine_cancel(struct machine *m)
{
    struct core *c = m->c;
    struct waiter *waiting = steal_ptr(m->on_start);
    struct err e;

    err_set(&e, ERR_CONFLICT, "instance %s was stopped before it was started", m->name.s);
    machine_free(m);
    waiters_after(c, &waiting, &e);
}

/* ---- what roostd tells ---- */

void machine_launched(struct core *c, uint32_t id, const struct launched *v)
{
    struct machine *m = machine_by_name(c, v->instance.s);

    (void)id;
    if (!m || m->launch_id != v->launch_id || m->state != MACHINE_LAUNCHING)
        return;
    m->state = MACHINE_RUNNING;
    m->pid = (pid_t)v->pid;
    m->accel = v->accel;
    core_note(c, m->id, EV_LAUNCHED, m->actor, "pid %u, %s", v->pid, accel_name(v->accel));
    machine_watch(m);
    waiters_after(c, &m->on_start, NULL);
    machine_stop_on(m); /* somebody could not wait */
}

void machine_launch_failed(struct core *c, const struct error_msg *v)
{
    struct machine *m = machine_by_name(c, v->instance.s);
    struct err e = { .kind = v->kind };

    if (!m || m->launch_id != v->launch_id || m->state != MACHINE_LAUNCHING)
        return;
    snprintf(e.text, sizeof e.text, "%s", v->text);
    core_note(c, m->id, EV_LAUNCH_FAILED, m->actor, "%s", v->text);
    waiters_after(c, &m->on_start, &e);
    waiters_after(c, &m->on_end, NULL);
    machine_free(m);
    if (v->kind == ERR_CONFLICT) /* one runs that was not on record: it is ours to look after */
        machine_ask(c, &v->instance, 0);
}

/* Why it ended: what it was asked, else what QMP told, else how the process ended, else unknown. */
static enum event_kind reason(const struct machine *m, const struct guest *g, char *out,
                              size_t size)
{
    const struct exited *x = &m->exited;
    char status[64];

    if (m->panicked || !strcmp(m->ended_by, "guest-panic")) {
        snprintf(out, size, "the guest's kernel panicked; see: roost console %s", m->name.s);
        return EV_FAILED;
    }
    if (m->stop_asked_ms || (g->stop_wanted && g->stop_wanted == m->launch_id)) {
        snprintf(out, size, "%s", m->stop_how[0] ? m->stop_how : "stopped as asked");
        return EV_STOPPED;
    }
    if (!strcmp(m->ended_by, "guest-shutdown")) {
        snprintf(out, size, "the guest shut itself down");
        return EV_STOPPED;
    }
    if (x->status_known && x->status != 0) {
        snprintf(out, size, "QEMU ended: %s%s%.300s", child_status_text(x->status, false, status),
                 x->tail[0] ? "; its last words: " : "", x->tail);
        return EV_FAILED;
    }
    if (m->ended_by[0]) {
        snprintf(out, size, "ended: %s", m->ended_by);
        return EV_STOPPED;
    }
    if (m->watched && !x->status_known) {
        snprintf(out, size, "QEMU ended without a shutdown, killed or crashed%s%.300s",
                 x->tail[0] ? "; its last words: " : "", x->tail);
        return EV_FAILED;
    }
    snprintf(out, size, "ended, reason unknown (roost was away)%s%.300s",
             x->tail[0] ? "; QEMU's last words: " : "", x->tail);
    return x->tail[0] ? EV_FAILED : EV_STOPPED;
}

static enum event_kind end_of(struct machine *m, const struct guest *g, char *out, size_t size)
{
    bool asked = m->stop_asked_ms || (g->stop_wanted && g->stop_wanted == m->launch_id);
    enum event_kind k;

    if (bootloop_verdict(m->c, m->id, out, size))
        return EV_FAILED;
    k = reason(m, g, out, size);
    if (!asked)
        ended_at_once(m->c, g, &k, out, size);
    return k;
}

static void end_again(void *arg)
{
    machine_finish(arg);
}

static void end_soon(struct machine *m, int64_t ms)
{
    struct err e;

    if (!m->end_timer && !(m->end_timer = loop_timer_new(m->c->loop, end_again, m, &e)))
        core_fault(m->c, "instance %s: %s", m->name.s, e.text);
    else
        loop_timer_set(m->end_timer, ms);
}

struct ended {
    struct core *c;
    int64_t id;
};

/* A guest that has ended and stands on record as running would be lost: tried again until it is
 * written. */
static void ended(bool committed, void *arg)
{
    struct ended *n = arg;
    struct machine *m = n->c->ending ? NULL : machine_find(n->c, n->id);

    free(n);
    if (!m || m->state != MACHINE_ENDED)
        return;
    if (!committed) {
        end_soon(m, END_AGAIN_MS);
        return;
    }
    struct waiter *waiting = steal_ptr(m->on_end);
    disk_throw_away(m->c, m->name.s);
    machine_free(m);
    waiters_call(&waiting, NULL, NULL);
}

static int record_end(struct machine *m, struct err *e)
{
    struct core *c = m->c;
    char text[EVENT_DETAIL_MAX];
    struct ended *n;
    struct guest g;

    if (core_write(c, true, e) < 0 || store_guest_by_id(c->store, m->id, &g, e) < 0)
        return -1;
    enum event_kind k = end_of(m, &g, text, sizeof text);
    g.stop_wanted = 0;
    if (core_event(c, &g, k, "roost", e, "%s", text) < 0 || core_guest_save(c, &g, e) < 0)
        return -1;
    sight_boot(c, &g);
    if (!(n = calloc(1, sizeof *n)))
        return err_set(e, ERR_INTERNAL, "out of memory");
    *n = (struct ended){ c, m->id };
    if (core_after(c, ended, n, e) == 0)
        return 0;
    free(n);
    return -1;
}

void machine_finish(struct machine *m)
{
    struct err e;

    m->state = MACHINE_ENDED;
    qmp_close(steal_ptr(m->qmp));
    m->qmp_ready = false;
    if (m->stop_timer)
        loop_timer_set(m->stop_timer, -1);
    if (record_end(m, &e) == 0)
        return;
    core_fault(m->c, "instance %s: its end could not be recorded: %s", m->name.s, e.text);
    end_soon(m, END_AGAIN_MS);
}

void machine_exited(struct core *c, const struct exited *v)
{
    struct machine *m = machine_by_name(c, v->instance.s);

    if (!m || m->has_exited || m->state == MACHINE_PREPARING ||
        (v->launch_id && m->launch_id != v->launch_id))
        return;
    m->exited = *v;
    m->has_exited = true;
    if (m->qmp && m->qmp_ready)
        end_soon(m,
                 LAST_WORDS_MS); /* they are still in the socket; its end calls machine_finish() */
    else
        machine_finish(m);
}

bool machines_on(struct core *c, const char *network, struct name *ret)
{
    struct guest g;

    for (struct machine *m = c->machines; m; m = m->next) {
        if (store_guest_by_id(c->store, m->id, &g, NULL) < 0 || !core_nics_on(c, &g, network))
            continue;
        *ret = m->name;
        return true;
    }
    return false;
}
