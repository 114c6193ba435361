/* What QMP tells about a QEMU, and the forward to its guest's SSH. */
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "bootstrap/usernet.h"
#include "model/layout.h"
#include "server/core_machine.h"

#define QMP_CONNECT_MS  10000
#define QMP_AGAIN_MS    2000
#define RESETS_A_MINUTE 6    /* that are recorded: a guest can do it all day */
#define RESET_TWICE_MS  2000 /* q35: one reboot is two resets, 40 ms apart (seen with QEMU 7.2) */

/* ---- the forward to its SSH ---- */

static void learn_forward(struct machine *m, unsigned port)
{
    struct endpoint at = { .ip = { .family = 4, .b = { 127, 0, 0, 1 } }, .port = port };
    struct core *c = m->c;
    struct guest g;
    struct err e;

    m->forward_known = true;
    m->ssh_port = (uint16_t)port;
    if (store_guest_by_id(c->store, m->id, &g, &e) < 0 ||
        (ip_equal(&g.address.ip, &at.ip) && g.address.port == port))
        return;
    if (core_write(c, true, &e) < 0 || core_address(c, &g, &at, "forward to its SSH", &e) < 0 ||
        core_guest_save(c, &g, &e) < 0)
        core_fault(c, "instance %s: address: %s", m->name.s, e.text);
}

bool machine_lost(const struct machine *m)
{
    return !m->qmp || !qmp_is_ready(m->qmp);
}

/* Its own forward to its SSH, of those that QEMU lists; 0: there is none. */
static unsigned listed_port(const struct machine *m, const json_t *ret)
{
    const char *text = ret ? json_string_value(ret) : NULL;
    struct instance i = { 0 };
    struct usernet is;
    struct guest g;
    unsigned port = 0;

    if (text && store_guest_by_id(m->c->store, m->id, &g, NULL) == 0 &&
        store_instance_get(m->c->store, m->id, &i, NULL) == 0) {
        usernet_read(text, &is);
        port = usernet_own(&is, SSH_PORT, ip_is_loopback(&g.address.ip) ? g.address.port : 0,
                           i.spec.forwards, i.spec.n_forwards);
    }
    instance_done(&i);
    return port;
}

/* What the operator publishes comes behind it, so that the two are told from each other. */
static void forward_known(struct machine *m, unsigned port)
{
    learn_forward(m, port);
    hostfwds_follow(m);
}

static void forward_listed(const json_t *ret, const struct err *err, void *arg)
{
    struct machine *m = arg;
    unsigned port = listed_port(m, ret);

    if (port) {
        forward_known(m, port);
    } else if (!machine_lost(m)) {
        core_fault(m->c, "instance %s: no forward to its SSH: %s", m->name.s,
                   err ? err->text : "QEMU shows none");
        hostfwds_follow(m);
    }
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

    if (machine_lost(m))
        return;
    if (err || (said && *said)) {
        core_fault(m->c, "instance %s: forward to its SSH: %s", m->name.s, err ? err->text : said);
        hostfwds_follow(m);
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

    if (machine_lost(m))
        return;
    if (!err && (!said || !*said)) {
        forward_list(m);
        return;
    }
    if (qmp_hmp(m->qmp, forward_any_added, m, &e, "hostfwd_add net0 tcp:127.0.0.1:0-:%u", SSH_PORT) < 0)
        core_fault(m->c, "instance %s: %s", m->name.s, e.text);
}

static void forward_seen(const json_t *ret, const struct err *err, void *arg)
{
    struct machine *m = arg;
    unsigned port = listed_port(m, ret);
    struct guest g;
    struct err e;

    if (port) { /* adopted: it is there already */
        forward_known(m, port);
        return;
    }
    if (machine_lost(m))
        return;
    if (err || store_guest_by_id(m->c->store, m->id, &g, &e) < 0) {
        core_fault(m->c, "instance %s: forward to its SSH: %s", m->name.s,
                   err ? err->text : e.text);
        return;
    }
    if (qmp_hmp(m->qmp, forward_added, m, &e, "hostfwd_add net0 tcp:127.0.0.1:%u-:%u",
                g.address.port && ip_is_loopback(&g.address.ip) ? g.address.port : 0, SSH_PORT) < 0)
        core_fault(m->c, "instance %s: %s", m->name.s, e.text);
}

/* ---- QMP ---- */

static void on_ready(const struct err *err, void *arg)
{
    struct machine *m = arg;
    struct err e;

    (void)err; /* a failure comes as the end */
    m->qmp_ready = m->watched = true;
    log_debug("machine", "%s: its QMP answers", m->name.s);
    keyscan_begin(m);
    if (!m->user_network)
        hostfwds_follow(m); /* it may have a further card on one */
    else if (qmp_hmp(m->qmp, forward_seen, m, &e, "info usernet") < 0)
        core_fault(m->c, "instance %s: %s", m->name.s, e.text);
}

static void connect_again(void *arg)
{
    machine_watch(arg);
}

/* Without QMP there is no graceful stop and no forward: as long as QEMU lives it is tried again. */
static void on_gone(const struct err *err, void *arg)
{
    struct machine *m = arg;
    bool was_ready = m->qmp_ready;
    struct err e;

    qmp_close(steal_ptr(m->qmp));
    m->qmp_ready = false;
    if (m->has_exited) {
        machine_finish(m);
        return;
    }
    if (was_ready) /* mostly since QEMU has just ended */
        log_debug("machine", "%s: QMP: %s", m->name.s, err->text);
    else
        core_fault(m->c, "instance %s: QMP: %s", m->name.s, err->text);
    if (m->qmp_again || (m->qmp_again = loop_timer_new(m->c->loop, connect_again, m, &e)))
        loop_timer_set(m->qmp_again, QMP_AGAIN_MS);
}

/* The phase follows at once, at most so often a minute: what a guest can do all day is not to fill
 * the record. */
static void record_restart(struct machine *m)
{
    struct core *c = m->c;
    struct guest g;
    struct err e;

    if (!ration_take(&m->resets, loop_now(c->loop).boot_ms, RESETS_A_MINUTE))
        return;
    if (store_guest_by_id(c->store, m->id, &g, &e) < 0)
        return;
    g.boots++;
    sight_boot(c, &g);
    core_invalidate(c, g.tag.s); /* its next seed request is to be heard, not answered by front */
    if (core_write(c, false, &e) < 0 ||
        core_event(c, &g, EV_RESTARTED, "guest", &e, "the guest rebooted itself") < 0 ||
        core_guest_save(c, &g, &e) < 0)
        core_fault(c, "instance %s: %s", m->name.s, e.text);
    keyscan_begin(m);
}

static void on_restart(struct machine *m)
{
    int64_t now = loop_now(m->c->loop).boot_ms;
    bool loops;

    if (now - m->reset_ms < RESET_TWICE_MS)
        return;
    m->reset_ms = now;
    loops = bootloop_reset(m);
    record_restart(m);
    if (loops)
        bootloop_end(m);
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
