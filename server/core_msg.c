/* What roostd and front tell, by one table each. */
#include <string.h>

#include "base/cleanup.h"
#include "server/core_hook.h"
#include "server/core_machine.h"
#include "server/core_network.h"

static void fail(struct core *c, const struct err *e)
{
    if (c->gone)
        return;
    log_error("%s", e->text);
    c->gone = c->failed = true;
    c->why = *e;
    c->done(c->done_arg);
}

/* ---- messages of roostd ---- */

static int on_config(struct core *c, const struct chan_msg *m, struct err *e)
{
    struct msg_cur cur = msg_cur(m->data, m->len);

    if (config_decode(&cur, &c->config, e) < 0)
        return -1;
    c->configured = true;
    return 0;
}

static int on_seed_address(struct core *c, const struct chan_msg *m, struct err *e)
{
    struct msg_cur cur = msg_cur(m->data, m->len);
    char text[ENDPOINT_TEXT];

    if (text_decode(&cur, text, sizeof text, e) < 0 || endpoint_parse(text, &c->seed_at, e) < 0)
        return -1;
    if (!c->configured || c->store)
        return err_set(e, ERR_INTERNAL, "SEED_ADDRESS out of order");
    return core_open(c, e) < 0 ? -1 : core_say_ready(c, e);
}

static int take_fd(const struct chan_msg *m, int *ret, struct err *e)
{
    if (m->n_fds != 1 || m->len)
        return err_set(e, ERR_INVALID, "message %u without its descriptor", m->type);
    *ret = steal_fd(&m->fds[0]);
    return 0;
}

static void front_message(const struct chan_msg *m, void *arg);
static void front_gone(const struct err *err, void *arg);

static int on_front_link(struct core *c, const struct chan_msg *m, struct err *e)
{
    auto_close int fd = -1;
    auto_buf struct buf b = BUF_INIT;

    if (take_fd(m, &fd, e) < 0)
        return -1;
    chan_free(c->front);
    core_forget_acks(c); /* numbers of requests are each front's own */
    c->front = chan_new(c->loop, fd, front_message, front_gone, c, e);
    if (!c->front)
        return -1;
    steal_fd(&fd);
    hello_encode("core", &b);
    return proto_send(c->front, P_HELLO, 0, &b, NULL, 0, e);
}

static int on_control(struct core *c, const struct chan_msg *m, struct err *e)
{
    if (c->control_fd >= 0 || c->api)
        return err_set(e, ERR_INTERNAL, "CONTROL twice");
    return take_fd(m, &c->control_fd, e) < 0 ? -1 : core_api_start(c, e);
}

static int on_accel(struct core *c, const struct chan_msg *m, struct err *e)
{
    struct msg_cur cur = msg_cur(m->data, m->len);

    if (accel_report_decode(&cur, &c->accel, e) < 0)
        return -1;
    c->accel_known = true;
    config_phase_limits(&c->config, c->accel.accel == ACCEL_TCG, &c->limits);
    config_phase_limits(&c->config, true, &c->limits_tcg);
    core_reprobed(c);
    return 0;
}

static int on_launched(struct core *c, const struct chan_msg *m, struct err *e)
{
    struct msg_cur cur = msg_cur(m->data, m->len);
    struct launched v;

    if (launched_decode(&cur, &v, e) < 0)
        return -1;
    if (m->type == P_LAUNCHED)
        machine_launched(c, m->id, &v);
    else
        machine_adopted(c, &v);
    return core_say_ready(c, e);
}

static int on_launch_failed(struct core *c, const struct chan_msg *m, struct err *e)
{
    struct msg_cur cur = msg_cur(m->data, m->len);
    struct error_msg v;

    if (error_msg_decode(&cur, &v, e) < 0)
        return -1;
    machine_launch_failed(c, &v);
    return 0;
}

static int on_exited(struct core *c, const struct chan_msg *m, struct err *e)
{
    struct msg_cur cur = msg_cur(m->data, m->len);
    struct exited v;

    if (exited_decode(&cur, &v, e) < 0)
        return -1;
    machine_exited(c, &v);
    return 0;
}

static int on_not_running(struct core *c, const struct chan_msg *m, struct err *e)
{
    struct msg_cur cur = msg_cur(m->data, m->len);
    struct verb_ref v;

    if (verb_ref_decode(&cur, &v, e) < 0)
        return -1;
    machine_not_running(c, &v);
    return core_say_ready(c, e);
}

static int on_net_step(struct core *c, const struct chan_msg *m, struct err *e)
{
    struct msg_cur cur = msg_cur(m->data, m->len);
    struct net_step v;

    if (net_step_decode(&cur, &v, e) < 0)
        return -1;
    network_step(c, m->id, &v);
    return 0;
}

static int on_net_state(struct core *c, const struct chan_msg *m, struct err *e)
{
    struct msg_cur cur = msg_cur(m->data, m->len);
    struct net_state v;

    if (net_state_decode(&cur, &v, e) < 0)
        return -1;
    if (m->type == P_NET_PLANNED)
        network_planned(c, m->id, &v);
    else
        network_state(c, &v);
    return 0;
}

static int on_net_done(struct core *c, const struct chan_msg *m, struct err *e)
{
    struct msg_cur cur = msg_cur(m->data, m->len);
    struct error_msg v;

    if (error_msg_decode(&cur, &v, e) < 0)
        return -1;
    network_done(c, m->id, &v);
    return 0;
}

static int on_net_finding(struct core *c, const struct chan_msg *m, struct err *e)
{
    struct msg_cur cur = msg_cur(m->data, m->len);
    struct net_finding v;

    if (net_finding_decode(&cur, &v, e) < 0)
        return -1;
    network_finding(c, m->id, &v);
    return 0;
}

static int on_lease(struct core *c, const struct chan_msg *m, struct err *e)
{
    struct msg_cur cur = msg_cur(m->data, m->len);
    struct net_lease v;

    if (net_lease_decode(&cur, &v, e) < 0)
        return -1;
    network_lease(c, &v);
    return 0;
}

static int on_hook_done(struct core *c, const struct chan_msg *m, struct err *e)
{
    struct msg_cur cur = msg_cur(m->data, m->len);
    struct hook_done v;

    if (hook_done_decode(&cur, &v, e) < 0)
        return -1;
    core_hook_done(c, m->id, &v);
    return 0;
}

static int on_medium(struct core *c, const struct chan_msg *m, struct err *e)
{
    struct msg_cur cur = msg_cur(m->data, m->len);
    struct error_msg v;

    if (error_msg_decode(&cur, &v, e) < 0)
        return -1;
    if (m->n_fds != (v.kind == ERR_NONE))
        return err_set(e, ERR_INVALID, "MEDIUM with %d descriptors", m->n_fds);
    medium_opened(c, m->id, &v, m->n_fds ? m->fds[0] : -1);
    return 0;
}

static int on_done(struct core *c, const struct chan_msg *m, struct err *e)
{
    struct msg_cur cur = msg_cur(m->data, m->len);
    struct error_msg v;

    if (error_msg_decode(&cur, &v, e) < 0)
        return -1;
    if (v.kind != ERR_NONE)
        core_fault(c, "instance %s: vm.sh: %s", v.instance.s, v.text);
    return 0;
}

static int on_hello(struct core *c, const struct chan_msg *m, struct err *e)
{
    struct msg_cur cur = msg_cur(m->data, m->len);

    (void)c;
    return hello_decode(&cur, "roostd", e);
}

static int on_ping(struct core *c, const struct chan_msg *m, struct err *e)
{
    auto_buf struct buf nothing = BUF_INIT;
    struct msg_cur cur = msg_cur(m->data, m->len);

    return msg_end(&cur, "ping", e) < 0 ? -1
                                        : proto_send(c->roostd, P_PONG, 0, &nothing, NULL, 0, e);
}

static int on_fault(struct core *c, const struct chan_msg *m, struct err *e)
{
    struct msg_cur cur = msg_cur(m->data, m->len);

    if (text_decode(&cur, c->told, sizeof c->told, e) < 0)
        return -1;
    c->told_boot_ms = loop_now(c->loop).boot_ms;
    core_fault(c, "%s", c->told);
    return 0;
}

/* What waited for a lazy commit, before the end. */
static void last_words(struct core *c)
{
    if (!c->store)
        return;
    sights_flush(c, true);
    c->commit_due = true;
    core_turn_end(c);
}

static int on_quit(struct core *c, const struct chan_msg *m, struct err *e)
{
    (void)m, (void)e;
    last_words(c);
    c->quitting = c->gone = true;
    c->done(c->done_arg);
    return 0;
}

static const struct {
    enum proto_type type;
    int (*fn)(struct core *c, const struct chan_msg *m, struct err *e);
} roostd_table[] = {
    { P_HELLO, on_hello },           { P_CONFIG, on_config },
    { P_CONTROL, on_control },       { P_SEED_ADDRESS, on_seed_address },
    { P_FRONT_LINK, on_front_link }, { P_ACCEL, on_accel },
    { P_LAUNCHED, on_launched },     { P_LAUNCH_FAILED, on_launch_failed },
    { P_ADOPTED, on_launched },      { P_NOT_RUNNING, on_not_running },
    { P_EXITED, on_exited },         { P_DONE, on_done },
    { P_NET_STEP, on_net_step },     { P_NET_PLANNED, on_net_state },
    { P_NET_DONE, on_net_done },     { P_NET_STATE, on_net_state },
    { P_LEASE, on_lease },           { P_NET_FINDING, on_net_finding },
    { P_HOOK_DONE, on_hook_done },   { P_PING, on_ping },
    { P_FAULT, on_fault },           { P_MEDIUM, on_medium },
    { P_QUIT, on_quit },
};

void core_roostd_message(const struct chan_msg *m, void *arg)
{
    struct core *c = arg;
    struct err e;

    for (size_t i = 0; i < ARRAY_SIZE(roostd_table); i++) {
        if (roostd_table[i].type != m->type)
            continue;
        if (!c->gone && roostd_table[i].fn(c, m, &e) < 0)
            fail(c, &e);
        return;
    }
    err_set(&e, ERR_INTERNAL, "unknown message %u from roostd", m->type);
    fail(c, &e);
}

void core_roostd_gone(const struct err *err, void *arg)
{
    struct core *c = arg;

    if (err)
        log_error("roostd: %s", err->text);
    if (c->gone)
        return;
    last_words(c); /* nobody will ask for them */
    c->gone = true;
    c->done(c->done_arg);
}

/* ---- messages of front ---- */

static int from_front(struct core *c, const struct chan_msg *m, struct err *e)
{
    struct msg_cur cur = msg_cur(m->data, m->len);
    struct seed_get get;
    struct guest_post post;
    struct served served;
    struct tally tally;

    switch (m->type) {
    case P_HELLO:
        return hello_decode(&cur, "front", e);
    case P_SEED_GET:
        if (seed_get_decode(&cur, &get, e) < 0)
            return -1;
        core_seed_get(c, m->id, &get);
        return 0;
    case P_HOME:
    case P_REPORT:
        if (guest_post_decode(&cur, &post, e) < 0)
            return -1;
        if (m->type == P_HOME)
            core_home(c, m->id, &post);
        else
            core_report(c, &post);
        return 0;
    case P_SERVED:
        if (served_decode(&cur, &served, e) < 0)
            return -1;
        core_served(c, &served);
        return 0;
    case P_TALLY:
        if (tally_decode(&cur, &tally, e) < 0)
            return -1;
        for (int i = 0; i < TALLY_ROWS; i++)
            c->tally.count[i] += tally.count[i];
        return 0;
    default:
        return err_set(e, ERR_INTERNAL, "unknown message %u from front", m->type);
    }
}

static void front_message(const struct chan_msg *m, void *arg)
{
    struct core *c = arg;
    struct err e;

    if (c->gone || !c->store)
        return; /* front answers 503 by itself */
    core_read_turn(c);
    if (from_front(c, m, &e) < 0) {
        err_wrap(&e, "front");
        fail(c, &e);
    }
}

static void front_gone(const struct err *err, void *arg)
{
    struct core *c = arg;

    if (err)
        log_error("front: %s", err->text);
    chan_free(c->front);
    c->front = NULL;
    core_forget_acks(c);
}
