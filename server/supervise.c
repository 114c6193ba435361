#include "server/supervise.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "server/notify.h"
#include "server/supervise_priv.h"

#define GONE_MS 2000 /* from the end of a child's channel to its own end */

static const char *const names[ROLES] = { [ROLE_CORE] = "core", [ROLE_FRONT] = "front" };
static const char *const programs[ROLES] = {
    [ROLE_CORE] = "roost-core", [ROLE_FRONT] = "roost-front"
};

const char *role_name(enum role r)
{
    return names[r];
}
const char *role_program(enum role r)
{
    return programs[r];
}

/* --- the end ------------------------------------------------------------------------------- */

static void over_if_all_ended(struct supervisor *s)
{
    if (s->over || !s->quitting || s->kids[ROLE_CORE].alive || s->kids[ROLE_FRONT].alive)
        return;
    s->over = true;
    loop_timer_set(s->limit, -1);
    s->done(s->done_arg);
}

static void limit_cb(void *arg)
{
    struct supervisor *s = arg;

    for (int r = 0; r < ROLES; r++) {
        if (!s->kids[r].alive)
            continue;
        log_warn("%s did not end by itself and is killed", programs[r]);
        s->o.ops->kill((enum role)r, s->o.ops->arg);
    }
}

static void send_quit(struct kid *k)
{
    if (k->alive && k->chan)
        (void)proto_send(k->chan, P_QUIT, 0, &k->s->out, NULL, 0, NULL);
}

void supervisor_quit(struct supervisor *s)
{
    if (s->quitting)
        return;
    s->quitting = true;
    (void)notify_send("STOPPING=1", NULL);
    for (int r = 0; r < ROLES; r++)
        loop_timer_set(s->kids[r].restart, -1);
    loop_timer_set(s->limit, s->o.config->quit_limit);
    send_quit(&s->kids[s->kids[ROLE_FRONT].alive ? ROLE_FRONT : ROLE_CORE]);
    over_if_all_ended(s);
}

void supervisor_fail(struct supervisor *s, const struct err *why, int exit_code)
{
    if (s->failure.kind == ERR_NONE) {
        s->failure = *why;
        s->exit_code = exit_code;
    }
    supervisor_quit(s);
}

const struct err *supervisor_failure(const struct supervisor *s, int *ret_exit_code)
{
    *ret_exit_code = s->exit_code;
    return &s->failure;
}

/* --- their channels --- */

/* The child follows by itself; one that does not is ended. */
static void gone_cb(const struct err *err, void *arg)
{
    struct kid *k = arg;

    if (err)
        log_error("%s: %s", programs[k->role], err->text);
    pulse_end(k);
    chan_free(steal_ptr(k->chan));
    if (k->alive)
        loop_timer_set(k->reap, GONE_MS);
}

static void reap_cb(void *arg)
{
    struct kid *k = arg;

    k->s->o.ops->kill(k->role, k->s->o.ops->arg);
}

/* --- starting ------------------------------------------------------------------------------ */

static int send_fd(struct kid *k, enum proto_type t, int fd, struct err *e)
{
    return proto_send(k->chan, t, 0, &k->s->out, &fd, 1, e);
}

static int greet_core(struct kid *k, struct err *e)
{
    struct supervisor *s = k->s;
    char at[ENDPOINT_TEXT];

    text_encode(endpoint_format(&s->o.seed_at, at), &s->out);
    if (proto_send(k->chan, P_SEED_ADDRESS, 0, &s->out, NULL, 0, e) < 0 ||
        send_fd(k, P_CONTROL, s->o.control_fd, e) < 0)
        return -1;
    guests_core_came(s->guests);
    return 0;
}

static int greet_front(struct kid *k, struct err *e)
{
    struct listen_msg m = { .listener = 0, .at = k->s->o.seed_at };

    listen_msg_encode(&m, &k->s->out);
    if (send_fd(k, P_LISTEN, k->s->o.seed_fd, e) < 0)
        return -1;
    nets_front_came(k->s->nets);
    return 0;
}

static int greet(struct kid *k, struct err *e)
{
    struct buf *out = &k->s->out;

    hello_encode("roostd", out);
    if (proto_send(k->chan, P_HELLO, 0, out, NULL, 0, e) < 0)
        return -1;
    config_encode(k->s->o.config, out);
    if (proto_send(k->chan, P_CONFIG, 0, out, NULL, 0, e) < 0)
        return -1;
    return k->role == ROLE_CORE ? greet_core(k, e) : greet_front(k, e);
}

/* A fresh channel between the two whenever one of them is new. */
static int link_both(struct supervisor *s, struct err *e)
{
    struct kid *core = &s->kids[ROLE_CORE], *front = &s->kids[ROLE_FRONT];
    int pair[2], rc;

    if (!core->chan || !front->chan)
        return 0;
    if (chan_pair(pair, e) < 0)
        return -1;
    rc = send_fd(core, P_FRONT_LINK, pair[0], e);
    if (rc == 0)
        rc = send_fd(front, P_CORE_LINK, pair[1], e);
    close(pair[0]);
    close(pair[1]);
    return rc;
}

static int kid_start(struct kid *k, struct err *e)
{
    struct supervisor *s = k->s;
    int pair[2];

    if (chan_pair(pair, e) < 0)
        return -1;
    k->hello = k->ready = false;
    k->text[0] = '\0';
    k->started_ms = loop_now(s->loop).boot_ms;
    k->chan = chan_new(s->loop, pair[0], supervise_message, gone_cb, k, e);
    if (!k->chan) {
        close(pair[0]);
        close(pair[1]);
        return -1;
    }
    if (s->o.ops->start(k->role, pair[1], s->o.ops->arg, e) < 0) {
        chan_free(steal_ptr(k->chan));
        return -1;
    }
    k->alive = true;
    k->starts++;
    return greet(k, e) < 0 ? -1 : link_both(s, e);
}

/* At once after the first failure, then longer and longer. */
static int64_t next_wait(struct kid *k)
{
    const struct config *c = k->s->o.config;
    int64_t wait = c->restart_first;

    if (loop_now(k->s->loop).boot_ms - k->started_ms >= c->restart_reset)
        k->failures = 0;
    if (k->failures++ == 0)
        return 0;
    for (unsigned i = 2; i < k->failures && wait < c->restart_max; i++)
        wait *= 2;
    return wait < c->restart_max ? wait : c->restart_max;
}

static void restart_cb(void *arg)
{
    struct kid *k = arg;
    struct err e = { 0 };

    if (kid_start(k, &e) == 0 || k->alive)
        return;
    int64_t wait = next_wait(k);
    log_error("cannot start %s: %s; tried again in %" PRId64 " ms", programs[k->role], e.text,
              wait);
    loop_timer_set(k->restart, wait);
}

static void quit_next(struct supervisor *s, enum role ended)
{
    if (ended == ROLE_FRONT)
        send_quit(&s->kids[ROLE_CORE]);
    over_if_all_ended(s);
}

void supervisor_ended(struct supervisor *s, enum role r, int exit_code, const char *text)
{
    struct kid *k = &s->kids[r];
    struct err why = { 0 };

    k->alive = k->hello = k->ready = false;
    chan_free(steal_ptr(k->chan));
    loop_timer_set(k->reap, -1);
    pulse_end(k);
    if (r == ROLE_CORE) {
        guests_core_gone(s->guests);
        hooks_core_gone(s->hooks);
    }
    if (s->quitting) {
        quit_next(s, r);
        return;
    }
    /* What it could not do at the start of everything it will not do a second later either. */
    if (!k->was_ready && exit_code > 0) {
        err_set(&why, ERR_INTERNAL, "%s could not start (%s), its reason stands above", programs[r],
                text);
        supervisor_fail(s, &why, exit_code);
        return;
    }
    int64_t wait = next_wait(k);
    log_error("%s ended: %s; started again %s%" PRId64 " ms", programs[r], text,
              wait ? "in " : "at once, after ",
              wait ? wait : loop_now(s->loop).boot_ms - k->started_ms);
    loop_timer_set(k->restart, wait);
}

/* --- life ---------------------------------------------------------------------------------- */

static void send_core_fd(enum proto_type t, uint32_t id, struct buf *b, int fd, void *arg)
{
    struct kid *core = &((struct supervisor *)arg)->kids[ROLE_CORE];
    struct err e = { 0 };

    if (!core->chan)
        buf_clear(b);
    else if (proto_send(core->chan, t, id, b, &fd, fd >= 0, &e) < 0)
        log_warn("to roost-core: %s", e.text);
}

static void send_core(enum proto_type t, uint32_t id, struct buf *b, void *arg)
{
    send_core_fd(t, id, b, -1, arg);
}

/* A seed socket on a bridge. */
static void listener_cb(uint16_t number, const struct endpoint *at, int fd, void *arg)
{
    struct supervisor *s = arg;
    struct kid *front = &s->kids[ROLE_FRONT];
    struct listen_msg m = { .listener = number, .at = *at };
    struct err e = { 0 };

    if (!front->chan)
        return; /* the next one is told of all */
    listen_msg_encode(&m, &s->out);
    if (proto_send(front->chan, fd < 0 ? P_UNLISTEN : P_LISTEN, 0, &s->out, &fd, fd >= 0, &e) < 0)
        log_warn("to roost-front: %s", e.text);
}

static struct nets *make_nets(struct supervisor *s, struct err *e)
{
    struct nets_opts o = { .config = s->o.config,
                           .place = s->o.place,
                           .libexec = s->o.libexec,
                           .send = send_core,
                           .listener = listener_cb,
                           .arg = s };

    return nets_new(s->loop, &o, e);
}

static int kid_init(struct supervisor *s, enum role r, struct err *e)
{
    struct kid *k = &s->kids[r];

    k->s = s;
    k->role = r;
    k->restart = loop_timer_new(s->loop, restart_cb, k, e);
    k->reap = k->restart ? loop_timer_new(s->loop, reap_cb, k, e) : NULL;
    return k->reap ? pulse_init(k, e) : -1;
}

static int start_all(struct supervisor *s, struct err *e)
{
    s->limit = loop_timer_new(s->loop, limit_cb, s, e);
    if (!s->limit || kid_init(s, ROLE_CORE, e) < 0 || kid_init(s, ROLE_FRONT, e) < 0)
        return -1;
    s->nets = make_nets(s, e);
    s->guests =
        s->nets ? guests_new(s->loop, s->o.config, s->o.place, s->nets, send_core, send_core_fd, s, e) : NULL;
    if (!s->guests)
        return -1;
    s->hooks = hooks_new(s->loop, s->o.config, send_core, s, e);
    if (!s->hooks && s->o.config->n_hooks)
        return -1;
    return kid_start(&s->kids[ROLE_CORE], e) < 0 ? -1 : kid_start(&s->kids[ROLE_FRONT], e);
}

struct supervisor *supervisor_new(struct loop *l, const struct supervisor_opts *o,
                                  void (*done)(void *), void *arg, struct err *e)
{
    struct supervisor *s = calloc(1, sizeof(*s));

    if (!s) {
        err_set(e, ERR_INTERNAL, "no memory");
        return NULL;
    }
    s->loop = l;
    s->o = *o;
    s->done = done;
    s->done_arg = arg;
    if (start_all(s, e) == 0)
        return s;
    supervisor_free(s);
    return NULL;
}

void supervisor_free(struct supervisor *s)
{
    if (!s)
        return;
    for (int r = 0; r < ROLES; r++) {
        chan_free(s->kids[r].chan);
        loop_timer_free(s->kids[r].restart);
        loop_timer_free(s->kids[r].reap);
        loop_timer_free(s->kids[r].pulse);
    }
    hooks_free(s->hooks);
    guests_free(s->guests);
    nets_free(s->nets);
    loop_timer_free(s->limit);
    buf_done(&s->out);
    free(s);
}

void supervisor_dump(const struct supervisor *s)
{
    for (int r = 0; r < ROLES; r++) {
        const struct kid *k = &s->kids[r];
        log_info("%s: %s, %s, %u starts, up %" PRId64 " ms%s%s", programs[r],
                 k->alive ? "alive" : "not running", k->ready ? "ready" : "not ready", k->starts,
                 k->alive ? loop_now(s->loop).boot_ms - k->started_ms : 0, k->text[0] ? ": " : "",
                 k->text);
    }
    guests_dump(s->guests);
    nets_dump(s->nets);
}
