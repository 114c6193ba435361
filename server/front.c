#include "server/front.h"

#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "server/front_priv.h"

#define TICK_MS   1000
#define TALLY_MS  5000
#define POLL_EACH 32   /* requests */
#define QUIT_MS   2000 /* for requests under way, and for who has just connected */

/* --- the end ------------------------------------------------------------------------------- */

static void front_over(struct front *f)
{
    if (f->over)
        return;
    f->over = true;
    f->done(f->done_arg);
}

void front_fail(struct front *f, const struct err *e)
{
    log_error("%s", e->text);
    f->failed = true;
    front_over(f);
}

bool front_failed(const struct front *f)
{
    return f->failed;
}

/* Whoever was let in is owed an answer: a guest may take a closed connection for its last word. */
static bool owes(const struct front *f)
{
    return f->n_requests > 0 || f->n_fresh > 0 || listeners_arrivals(f) > 0;
}

static void send_served(struct front *f)
{
    if (!f->any_given || !f->core || !f->core_hello)
        return;
    served_encode(&f->given, &f->out);
    (void)proto_send(f->core, P_SERVED, 0, &f->out, NULL, 0, NULL);
    f->given = (struct served){ 0 };
    f->any_given = false;
}

static void quit_cb(void *arg)
{
    struct front *f = arg;
    int64_t left = f->quit_ms - loop_now(f->loop).boot_ms;

    if (!owes(f) || left <= 0) {
        send_served(f);
        if (f->core)
            chan_flush(f->core, 100);
        front_over(f);
        return;
    }
    loop_timer_set(f->quit, left < 20 ? left : 20);
}

static void quit_begin(struct front *f)
{
    f->quitting = true;
    listeners_quiesce(f);
    f->quit_ms = loop_now(f->loop).boot_ms + QUIT_MS;
    loop_timer_set(f->quit, 0);
}

/* --- once a second ------------------------------------------------------------------------- */

void front_tick_soon(struct front *f)
{
    if (!loop_timer_armed(f->tick))
        loop_timer_set(f->tick, TICK_MS);
}

void front_tally(struct front *f, enum tally_row r)
{
    f->tally.count[r]++;
    f->tallied = true;
    front_tick_soon(f);
}

static void send_tally(struct front *f, int64_t now)
{
    if (!f->tallied || !f->core || !f->core_hello || f->tally_ms + TALLY_MS > now)
        return;
    tally_encode(&f->tally, &f->out);
    if (proto_send(f->core, P_TALLY, 0, &f->out, NULL, 0, NULL) < 0)
        return;
    memset(&f->tally, 0, sizeof(f->tally));
    f->tallied = false;
    f->tally_ms = now;
}

static void tick_cb(void *arg)
{
    struct front *f = arg;
    int64_t now = loop_now(f->loop).boot_ms;
    size_t before = front_table_seats(f->table);

    send_served(f);
    front_table_sweep(f->table, now);
    drain_sweep(f->drain, now);
    conns_sweep(f);
    listeners_sweep(f);
    send_tally(f, now);
    for (int i = 0; i < f->n_listeners; i++)
        f->listeners[i]->run = true; /* MHD's time-outs */
    loop_hook_soon(f->turn);
    bool more = f->n_conns || front_table_seats(f->table) || drain_any(f->drain) || f->tallied;
    if (more)
        front_tick_soon(f);
    if (!more || (before && !front_table_seats(f->table)))
        malloc_trim(0); /* mallopt() of front_main() keeps more while it is used */
}

static void turn_cb(void *arg)
{
    listeners_run(arg);
}

/* A timer that is over makes a turn, at whose end the hook runs. */
static void again_cb(void *arg)
{
    listeners_look(arg);
}

/* --- core ---------------------------------------------------------------------------------- */

/* Ready is a front that listens and has somebody to ask. */
static int say_ready(struct front *f, struct err *e)
{
    if (f->ready || !f->listening || !f->core_hello || !f->roostd)
        return 0;
    f->ready = true;
    text_encode("", &f->out);
    return proto_send(f->roostd, P_READY, 0, &f->out, NULL, 0, e);
}

static int on_core_hello(struct front *f, const struct chan_msg *m, struct msg_cur *c,
                         struct err *e)
{
    (void)m;
    if (hello_decode(c, "core", e) < 0)
        return -1;
    f->core_hello = true;
    return say_ready(f, e);
}

static int on_seed_reply(struct front *f, const struct chan_msg *m, struct msg_cur *c,
                         struct err *e)
{
    struct seed_reply r;

    if (seed_reply_decode(c, &r, e) < 0)
        return -1;
    ask_seed_reply(f, m->id, &r);
    return 0;
}

static int on_home_reply(struct front *f, const struct chan_msg *m, struct msg_cur *c,
                         struct err *e)
{
    struct status_reply r;

    if (status_reply_decode(c, &r, e) < 0)
        return -1;
    ask_home_reply(f, m->id, &r);
    return 0;
}

static int on_invalidate(struct front *f, const struct chan_msg *m, struct msg_cur *c,
                         struct err *e)
{
    char tag[TAG_MAX_LEN + 1];

    (void)m;
    if (text_decode(c, tag, sizeof(tag), e) < 0)
        return -1;
    front_table_drop(f->table, tag);
    return 0;
}

struct handler {
    uint16_t type;
    int (*take)(struct front *f, const struct chan_msg *m, struct msg_cur *c, struct err *e);
};

static const struct handler from_core[] = {
    { P_HELLO, on_core_hello },
    { P_SEED_REPLY, on_seed_reply },
    { P_HOME_REPLY, on_home_reply },
    { P_INVALIDATE, on_invalidate },
};

static void dispatch(struct front *f, const struct handler *h, size_t n, const char *from,
                     bool greeted, const struct chan_msg *m)
{
    struct msg_cur c = msg_cur(m->data, m->len);
    struct err e = { 0 };

    if (f->over)
        return;
    for (size_t i = 0; i < n; i++) {
        if (h[i].type != m->type || (!greeted && m->type != P_HELLO))
            continue;
        if (h[i].take(f, m, &c, &e) < 0) {
            err_wrap(&e, "from %s", from);
            front_fail(f, &e);
        }
        return;
    }
    err_set(&e, ERR_INVALID, "from %s: message %u is out of place", from, m->type);
    front_fail(f, &e);
}

static void core_msg(const struct chan_msg *m, void *arg)
{
    struct front *f = arg;

    dispatch(f, from_core, ARRAY_SIZE(from_core), "roost-core", f->core_hello, m);
}

static void core_gone(const struct err *err, void *arg)
{
    struct front *f = arg;

    if (err)
        log_warn("core: %s", err->text);
    log_debug("front", "core is away");
    chan_free(steal_ptr(f->core));
    f->core_hello = false;
    asks_lost(f);
}

void front_poll(struct front *f)
{
    if (++f->since_poll < POLL_EACH || f->over)
        return;
    f->since_poll = 0;
    listeners_accept(f);
    if (f->core)
        chan_poll(f->core);
}

static int core_link(struct front *f, int fd, struct err *e)
{
    if (f->core)
        core_gone(NULL, f);
    f->core = chan_new(f->loop, fd, core_msg, core_gone, f, e);
    if (!f->core)
        return -1;
    chan_max_queued(f->core, FRONT_QUEUE_MAX + (1u << 20));
    hello_encode("front", &f->out);
    return proto_send(f->core, P_HELLO, 0, &f->out, NULL, 0, e);
}

/* --- roostd -------------------------------------------------------------------------------- */

static int on_hello(struct front *f, const struct chan_msg *m, struct msg_cur *c, struct err *e)
{
    (void)m;
    f->said_hello = true;
    return hello_decode(c, "roostd", e);
}

static int on_config(struct front *f, const struct chan_msg *m, struct msg_cur *c, struct err *e)
{
    (void)m;
    if (f->configured)
        return err_set(e, ERR_INVALID, "a second configuration");
    if (config_decode(c, &f->config, e) < 0)
        return -1;
    f->table = front_table_new(f->config.cache_size);
    if (!f->table)
        return err_set(e, ERR_INTERNAL, "no memory for the table");
    f->configured = true;
    return 0;
}

static int one_fd(const struct chan_msg *m, struct err *e)
{
    return m->n_fds == 1 ? 0
                         : err_set(e, ERR_INVALID, "message %u without its descriptor", m->type);
}

static int on_listen(struct front *f, const struct chan_msg *m, struct msg_cur *c, struct err *e)
{
    struct listen_msg l;

    if (!f->configured)
        return err_set(e, ERR_INVALID, "a socket before the configuration");
    if (one_fd(m, e) < 0 || listen_msg_decode(c, &l, e) < 0 ||
        listener_add(f, &l, m->fds[0], e) < 0)
        return -1;
    m->fds[0] = -1;
    f->listening = true;
    return say_ready(f, e);
}

static int on_unlisten(struct front *f, const struct chan_msg *m, struct msg_cur *c, struct err *e)
{
    struct listen_msg l;

    (void)m;
    if (listen_msg_decode(c, &l, e) < 0)
        return -1;
    listener_remove(f, l.listener);
    return 0;
}

static int on_core_link(struct front *f, const struct chan_msg *m, struct msg_cur *c, struct err *e)
{
    if (!f->configured)
        return err_set(e, ERR_INVALID, "a channel before the configuration");
    if (one_fd(m, e) < 0 || msg_end(c, "core-link", e) < 0 || core_link(f, m->fds[0], e) < 0)
        return -1;
    m->fds[0] = -1;
    return 0;
}

static int on_ping(struct front *f, const struct chan_msg *m, struct msg_cur *c, struct err *e)
{
    (void)m;
    return msg_end(c, "ping", e) < 0 ? -1
                                     : proto_send(f->roostd, P_PONG, 0, &f->out, NULL, 0, e);
}

static int on_quit(struct front *f, const struct chan_msg *m, struct msg_cur *c, struct err *e)
{
    (void)m;
    if (msg_end(c, "quit", e) < 0)
        return -1;
    if (!f->configured || f->quitting) {
        front_over(f);
        return 0;
    }
    quit_begin(f);
    return 0;
}

static const struct handler from_roostd[] = {
    { P_HELLO, on_hello },       { P_CONFIG, on_config },       { P_LISTEN, on_listen },
    { P_UNLISTEN, on_unlisten }, { P_CORE_LINK, on_core_link }, { P_QUIT, on_quit },
    { P_PING, on_ping },
};

static void roostd_msg(const struct chan_msg *m, void *arg)
{
    struct front *f = arg;

    dispatch(f, from_roostd, ARRAY_SIZE(from_roostd), "roostd", f->said_hello, m);
}

/* However it ended: the next one has the sockets, nobody else has those who were accepted here. */
static void roostd_gone(const struct err *err, void *arg)
{
    struct front *f = arg;

    if (err)
        front_fail(f, err);
    else if (!f->configured)
        front_over(f);
    else if (!f->quitting)
        quit_begin(f);
    chan_free(steal_ptr(f->roostd));
}

/* --- the beginning ------------------------------------------------------------------------- */

static int front_parts(struct front *f, struct err *e)
{
    f->turn = loop_hook_new(f->loop, turn_cb, f, e);
    f->tick = f->turn ? loop_timer_new(f->loop, tick_cb, f, e) : NULL;
    f->again = f->tick ? loop_timer_new(f->loop, again_cb, f, e) : NULL;
    f->quit = f->again ? loop_timer_new(f->loop, quit_cb, f, e) : NULL;
    f->asks = f->quit ? asks_new(f, e) : NULL;
    if (!f->asks)
        return -1;
    f->answers = answers_new();
    f->drain = drain_new(f->loop);
    return f->answers && f->drain ? 0 : err_set(e, ERR_INTERNAL, "no memory");
}

struct front *front_new(struct loop *l, int roostd_fd, void (*done)(void *), void *arg,
                        struct err *e)
{
    struct front *f = calloc(1, sizeof(*f));

    if (!f) {
        err_set(e, ERR_INTERNAL, "no memory");
        return NULL;
    }
    f->loop = l;
    f->done = done;
    f->done_arg = arg;
    TAILQ_INIT(&f->conns);
    TAILQ_INIT(&f->resumed);
    if (front_parts(f, e) == 0)
        f->roostd = chan_new(l, roostd_fd, roostd_msg, roostd_gone, f, e);
    if (f->roostd) {
        hello_encode("front", &f->out);
        if (proto_send(f->roostd, P_HELLO, 0, &f->out, NULL, 0, e) == 0)
            return f;
    }
    front_free(f);
    return NULL;
}

void front_free(struct front *f)
{
    if (!f)
        return;
    f->over = true;
    if (f->asks)
        asks_lost(f); /* MHD cannot stop while a request is suspended */
    if (f->turn)
        listeners_free(f);
    chan_free(f->core);
    f->core = NULL;
    front_table_free(f->table);
    asks_free(f->asks);
    answers_free(f->answers);
    drain_free(f->drain);
    chan_free(f->roostd);
    loop_timer_free(f->tick);
    loop_timer_free(f->again);
    loop_timer_free(f->quit);
    loop_hook_free(f->turn);
    buf_done(&f->out);
    free(f);
}

void front_dump(const struct front *f)
{
    log_info(
        "front: %u connections, %u requests under way, %zu of them wait for core, %llu answered",
        f->n_conns, f->n_requests, asks_waiting(f), (unsigned long long)f->served);
    if (f->table)
        log_info("front: table holds %zu callers' documents, %zu bytes",
                 front_table_seats(f->table), front_table_bytes(f->table));
    for (int i = 0; i < TALLY_ROWS; i++) {
        if (f->tally.count[i])
            log_info("front: %s %llu", tally_row_name((enum tally_row)i),
                     (unsigned long long)f->tally.count[i]);
    }
}
