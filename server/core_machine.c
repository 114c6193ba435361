/* The QEMUs that run: what roostd and QMP tell about them becomes facts. */
#include "server/core_machine.h"

#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/parse.h"
#include "model/layout.h"

#define QMP_CONNECT_MS 10000

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
    struct err e = { .kind = ERR_BUSY, .text = "roost is ending" };
    struct machine **at;

    for (at = &m->c->machines; *at != m; at = &(*at)->next)
        ;
    *at = m->next;
    m->c->n_machines--;
    qmp_close(m->qmp);
    loop_timer_free(m->stop_timer);
    child_forget(m->disk);
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

static struct machine *by_name(struct core *c, const char *name)
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

/* ---- the forward to its SSH ---- */

static void learn_forward(struct machine *m, unsigned port)
{
    struct endpoint at = { .ip = { .family = 4, .b = { 127, 0, 0, 1 } }, .port = port };
    struct core *c = m->c;
    struct guest g;
    struct err e;

    if (store_guest_by_id(c->store, m->id, &g, &e) < 0 ||
        (ip_equal(&g.address.ip, &at.ip) && g.address.port == port))
        return;
    if (core_write(c, true, &e) < 0 || core_address(c, &g, &at, "forward to its SSH", &e) < 0 ||
        core_guest_save(c, &g, &e) < 0)
        core_fault(c, "instance %s: address: %s", m->name.s, e.text);
}

static void forward_listed(const json_t *ret, const struct err *err, void *arg)
{
    struct machine *m = arg;
    unsigned port = ret ? qmp_usernet_port(json_string_value(ret), SSH_PORT) : 0;

    if (port)
        learn_forward(m, port);
    else
        core_fault(m->c, "instance %s: no forward to its SSH: %s", m->name.s,
                   err ? err->text : "QEMU shows none");
}

static void forward_list(struct machine *m)
{
    struct err e;

    if (qmp_hmp(m->qmp, forward_listed, m, &e, "info usernet") < 0)
        core_fault(m->c, "instance %s: %s", m->name.s, e.text);
}

static void forward_any_added(const json_t *ret, const struct err *err, void *arg)
{
    struct machine *m = arg;
    const char *said = ret ? json_string_value(ret) : NULL;

    if (err || (said && *said)) {
        core_fault(m->c, "instance %s: forward to its SSH: %s", m->name.s, err ? err->text : said);
        return;
    }
    forward_list(m);
}

/* The recorded port first, so that what people wrote down stays true; if it is taken, QEMU chooses
 * one itself (port 0) and says which: nobody can take it in between. */
static void forward_added(const json_t *ret, const struct err *err, void *arg)
{
    struct machine *m = arg;
    const char *said = ret ? json_string_value(ret) : NULL;
    struct err e;

    if (!err && (!said || !*said)) {
        forward_list(m);
        return;
    }
    if (qmp_hmp(m->qmp, forward_any_added, m, &e, "hostfwd_add tcp:127.0.0.1:0-:%u", SSH_PORT) < 0)
        core_fault(m->c, "instance %s: %s", m->name.s, e.text);
}

static void forward_seen(const json_t *ret, const struct err *err, void *arg)
{
    struct machine *m = arg;
    unsigned port = ret ? qmp_usernet_port(json_string_value(ret), SSH_PORT) : 0;
    struct guest g;
    struct err e;

    if (port) { /* adopted: it is there already */
        learn_forward(m, port);
        return;
    }
    if (err || store_guest_by_id(m->c->store, m->id, &g, &e) < 0)
        return;
    if (qmp_hmp(m->qmp, forward_added, m, &e, "hostfwd_add tcp:127.0.0.1:%u-:%u",
                g.address.port && ip_is_loopback(&g.address.ip) ? g.address.port : 0, SSH_PORT) < 0)
        core_fault(m->c, "instance %s: %s", m->name.s, e.text);
}

/* ---- QMP ---- */

static void finish(struct machine *m);

static void on_ready(const struct err *err, void *arg)
{
    struct machine *m = arg;
    struct err e;

    if (err) {
        m->qmp = NULL;
        if (m->has_exited)
            finish(m);
        else
            core_fault(m->c, "instance %s: QMP: %s", m->name.s, err->text);
        return;
    }
    m->qmp_ready = m->watched = true;
    if (m->user_network && qmp_hmp(m->qmp, forward_seen, m, &e, "info usernet") < 0)
        core_fault(m->c, "instance %s: %s", m->name.s, e.text);
}

static void on_gone(const struct err *err, void *arg)
{
    struct machine *m = arg;

    m->qmp = NULL;
    m->qmp_ready = false;
    if (m->has_exited)
        finish(m);
    else
        log_debug("machine", "%s: QMP ended: %s", m->name.s, err ? err->text : "closed");
}

static void on_restart(struct machine *m)
{
    struct guest g;
    struct err e;

    if (store_guest_by_id(m->c->store, m->id, &g, &e) < 0)
        return;
    g.boots++;
    sight_boot(m->c, &g);
    if (core_write(m->c, true, &e) < 0 ||
        core_event(m->c, &g, EV_RESTARTED, "guest", &e, "the guest rebooted itself") < 0 ||
        core_guest_save(m->c, &g, &e) < 0)
        core_fault(m->c, "instance %s: %s", m->name.s, e.text);
}

static void on_event(const char *event, const json_t *data, void *arg)
{
    struct machine *m = arg;
    const char *reason = json_string_value(json_object_get(data, "reason"));

    if (!strcmp(event, "SHUTDOWN")) {
        snprintf(m->ended_by, sizeof m->ended_by, "%s", reason ? reason : "shutdown");
    } else if (!strcmp(event, "GUEST_PANICKED")) {
        m->panicked = true;
    } else if (!strcmp(event, "RESET") && json_is_true(json_object_get(data, "guest"))) {
        on_restart(m);
    }
}

void machine_watch(struct machine *m)
{
    static const struct qmp_calls template = { on_ready, on_gone, on_event, NULL };
    struct qmp_calls calls = template;
    char path[PATH_SIZE];
    struct err e;

    calls.arg = m;
    layout_socket(m->c->config.run, &m->name, SUFFIX_QMP, path);
    if (!(m->qmp = qmp_open(m->c->loop, path, QMP_CONNECT_MS, &calls, &e)))
        core_fault(m->c, "instance %s: %s", m->name.s, e.text);
}

/* ---- what roostd tells ---- */

void machine_launched(struct core *c, uint32_t id, const struct launched *v)
{
    struct machine *m = by_name(c, v->instance.s);

    (void)id;
    if (!m || m->launch_id != v->launch_id || m->state != MACHINE_LAUNCHING)
        return;
    m->state = MACHINE_RUNNING;
    core_note(c, m->id, EV_LAUNCHED, m->actor, "pid %u, %s", v->pid, accel_name(v->accel));
    machine_watch(m);
    waiters_call(&m->on_start, NULL, NULL);
}

static void ask(struct core *c, const struct name *name, uint64_t launch_id);

void machine_launch_failed(struct core *c, const struct error_msg *v)
{
    struct machine *m = by_name(c, v->instance.s);
    struct err e = { .kind = v->kind };

    if (!m || m->launch_id != v->launch_id || m->state != MACHINE_LAUNCHING)
        return;
    snprintf(e.text, sizeof e.text, "%s", v->text);
    core_note(c, m->id, EV_LAUNCH_FAILED, m->actor, "%s", v->text);
    waiters_call(&m->on_start, NULL, &e);
    waiters_call(&m->on_end, NULL, NULL);
    machine_free(m);
    if (v->kind == ERR_CONFLICT) /* one runs that was not on record: it is ours to look after */
        ask(c, &v->instance, 0);
}

/* Why it ended: what it was asked, else what QMP told, else how the process ended, else unknown. */
static enum event_kind reason(const struct machine *m, const struct guest *g, char *out, size_t size)
{
    const struct exited *x = &m->exited;
    char status[64];

    if (m->panicked || !strcmp(m->ended_by, "guest-panic")) {
        snprintf(out, size, "the guest's kernel panicked; see: roost console %s", m->name.s);
        return EV_FAILED;
    }
    if (g->stop_wanted && g->stop_wanted == m->launch_id) {
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

static void finish(struct machine *m)
{
    struct core *c = m->c;
    char text[EVENT_DETAIL_MAX];
    struct guest g;
    struct err e;

    if (store_guest_by_id(c->store, m->id, &g, &e) == 0 && core_write(c, true, &e) == 0) {
        enum event_kind k = reason(m, &g, text, sizeof text);
        g.stop_wanted = 0;
        if (core_event(c, &g, k, "roost", &e, "%s", text) < 0 || core_guest_save(c, &g, &e) < 0)
            core_fault(c, "instance %s: %s", m->name.s, e.text);
        sight_boot(c, &g);
    }
    waiters_call(&m->on_start, NULL, NULL);
    struct waiter *ended = steal_ptr(m->on_end);
    machine_free(m);
    waiters_call(&ended, NULL, NULL);
}

void machine_exited(struct core *c, const struct exited *v)
{
    struct machine *m = by_name(c, v->instance.s);

    if (!m || (v->launch_id && m->launch_id != v->launch_id))
        return;
    m->exited = *v;
    m->has_exited = true;
    if (m->qmp && m->qmp_ready)
        return; /* its last words are still in the socket; the end of it follows */
    finish(m);
}

/* ---- adoption ---- */

static void ask(struct core *c, const struct name *name, uint64_t launch_id)
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
        ask(arg, &g->name, g->launch_id);
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
    if (by_name(c, v->instance.s) || core_guest(c, v->instance.s, &g, &e) < 0)
        return;
    if (!(m = machine_new(c, &g, &e))) {
        core_fault(c, "instance %s: %s", g.name.s, e.text);
        return;
    }
    m->launch_id = v->launch_id;
    m->state = MACHINE_RUNNING;
    if (g.launch_id != v->launch_id)
        log_of(LOG_WARN_, g.name.s, "its QEMU is not the one on record; adopted");
    core_note(c, g.id, EV_ADOPTED, "roost", "pid %u", v->pid);
    machine_watch(m);
}

void machine_not_running(struct core *c, const struct verb_ref *v)
{
    struct guest g;
    struct err e;

    if (c->adopting)
        c->adopting--;
    if (by_name(c, v->instance.s) || core_guest(c, v->instance.s, &g, &e) < 0 ||
        !phase_is_running(g.standing.phase))
        return;
    if (g.stop_wanted && g.stop_wanted == g.launch_id)
        core_note(c, g.id, EV_STOPPED, "roost", "stopped as asked, while roost was away");
    else if (g.standing.phase == PHASE_STARTING)
        core_note(c, g.id, EV_FAILED, "roost", "roost ended while starting it; start it again");
    else
        core_note(c, g.id, EV_FAILED, "roost", "ended, reason unknown (roost was away)");
}
