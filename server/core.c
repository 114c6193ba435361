#include "server/core_priv.h"

#include <stdio.h>
#include <string.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/encode.h"
#include "base/file.h"

#define LAZY_COMMIT_MS   1000
#define HOUSEKEEPING_MS  1000
#define PRUNE_BATCH      512
#define SECRET_FILE_MODE 0600

/* ---- the turn: one commit, then the answers ---- */

int core_write(struct core *c, bool durable, struct err *e)
{
    if (store_begin(c->store, e) < 0)
        return -1;
    if (durable)
        c->commit_due = true;
    else if (!loop_timer_armed(c->lazy))
        loop_timer_set(c->lazy, LAZY_COMMIT_MS);
    return 0;
}

void core_ack(struct core *c, uint32_t id, uint16_t status)
{
    if (c->n_acks == c->acks_size) {
        size_t size = c->acks_size ? 2 * c->acks_size : 64;
        struct ack *acks = reallocarray(c->acks, size, sizeof *acks);
        if (!acks)
            return; /* front answers 503 by itself at its deadline */
        c->acks = acks;
        c->acks_size = size;
    }
    c->acks[c->n_acks++] = (struct ack){ id, status };
}

int core_after(struct core *c, void (*fn)(bool, void *), void *arg, struct err *e)
{
    struct after *a = calloc(1, sizeof *a);

    if (!a)
        return err_set(e, ERR_INTERNAL, "out of memory");
    *a = (struct after){ .fn = fn, .arg = arg };
    *c->afters_end = a;
    c->afters_end = &a->next;
    c->commit_due = true;
    return 0;
}

static void send_acks(struct core *c, bool committed)
{
    auto_buf struct buf b = BUF_INIT;
    struct status_reply r;
    struct err e;

    for (size_t i = 0; i < c->n_acks; i++) {
        r.status = committed || c->acks[i].status >= 300 ? c->acks[i].status : 503;
        r.retry_after = r.status == 503 ? 5 : 0;
        status_reply_encode(&r, &b);
        if (c->front && proto_send(c->front, P_HOME_REPLY, c->acks[i].id, &b, NULL, 0, &e) < 0)
            log_debug("core", "reply to front: %s", e.text);
    }
    c->n_acks = 0;
}

static void call_afters(struct core *c, bool committed)
{
    struct after *a = c->afters;

    c->afters = NULL;
    c->afters_end = &c->afters;
    while (a) {
        struct after *next = a->next;
        a->fn(committed, a->arg);
        free(a);
        a = next;
    }
}

static bool commit(struct core *c)
{
    struct err e;

    c->commit_due = false;
    loop_timer_set(c->lazy, -1);
    if (!store_in_transaction(c->store))
        return true;
    if (store_commit(c->store, &e) == 0) {
        c->commits++;
        return true;
    }
    core_disk_full(c, &e);
    return false;
}

static void end_of_turn(void *arg)
{
    struct core *c = arg;
    bool ok;

    if (!c->store)
        return;
    /* What a callback asks for after the commit may itself write: until nothing is left over. */
    while (c->commit_due || c->afters) {
#ifdef ROOST_FAULT_EARLY_ACK /* a build that tests/integration/test_powercut.py must catch */
        send_acks(c, true);
        if (c->front)
            chan_flush(c->front, 1000);
#endif
        ok = commit(c);
        send_acks(c, ok);
        call_afters(c, ok);
        wire_arm(c);
        watches_wake(c);
    }
    send_acks(c, true);
    if (c->reading && !store_in_transaction(c->store))
        store_rollback(c->store); /* the turn's snapshot */
    c->reading = false;
}

static void lazy_due(void *arg)
{
    struct core *c = arg;

    c->commit_due = true;
}

/* ---- faults of the appliance ---- */

void core_fault(struct core *c, const char *fmt, ...)
{
    struct event ev = { .real_ms = loop_now(c->loop).real_ms, .kind = EV_FAULT, .actor = "roost" };
    static char last[sizeof ev.detail];
    static int64_t last_ms;
    char text[sizeof ev.detail];
    struct err e;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!strcmp(text, last) && ev.real_ms - last_ms < 60000)
        return;
    snprintf(last, sizeof last, "%s", text);
    last_ms = ev.real_ms;
    log_error("%s", text);
    event_detail(&ev, "%s", text);
    if (c->store && core_write(c, false, &e) == 0)
        store_event_add(c->store, 0, &ev, &e);
}

/* ---- housekeeping: once a second ---- */

static void prune(struct core *c)
{
    int64_t now = loop_now(c->loop).real_ms;
    struct err e;

    if (core_write(c, false, &e) < 0 ||
        store_events_prune(c->store, now - c->config.events_age, c->config.events_per_instance,
                           PRUNE_BATCH, &e) < 0)
        core_fault(c, "old events could not be dropped: %s", e.text);
}

static void tick(void *arg)
{
    struct core *c = arg;
    static unsigned turns;

    machines_tick(c);
    sights_flush(c, false);
    wire_tick(c);
    if (++turns % 60 == 0)
        prune(c);
    loop_timer_set(c->housekeeping, HOUSEKEEPING_MS);
}

/* ---- start ---- */

static int secret_load(struct core *c, struct err *e)
{
    auto_buf struct buf b = BUF_INIT;
    auto_close int dir = open(c->config.state, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    uint8_t fresh[SECRET_KEY_SIZE];
    struct stat st;

    if (dir < 0)
        return err_sys(e, "state directory %s", c->config.state);
    if (fstatat(dir, FILE_SECRET, &st, AT_SYMLINK_NOFOLLOW) < 0) {
        random_bytes(fresh, sizeof fresh);
        if (file_replace(dir, FILE_SECRET, fresh, sizeof fresh, SECRET_FILE_MODE, NULL, e) < 0)
            return err_wrap(e, "secret key");
    } else if (st.st_mode & 077)
        return err_set(e, ERR_DENIED,
                       "%s/%s can be read by others (mode %04o): its tokens are worth nothing; "
                       "chmod 600 it if you trust them, or remove it and rebuild the guests",
                       c->config.state, FILE_SECRET, st.st_mode & 07777);
    if (file_read(dir, FILE_SECRET, SECRET_KEY_SIZE, &b, e) < 0)
        return -1;
    if (b.len != SECRET_KEY_SIZE)
        return err_set(e, ERR_INVALID, "%s/%s has %zu bytes instead of %d: restore it from a backup",
                       c->config.state, FILE_SECRET, b.len, SECRET_KEY_SIZE);
    memcpy(c->key, b.data, SECRET_KEY_SIZE);
    return 0;
}

static int salt_load(struct core *c, struct err *e)
{
    char hex[2 * sizeof c->salt + 1];

    if (store_meta_get(c->store, "salt", hex, sizeof hex, NULL) == 0)
        return hex_decode(hex, strlen(hex), c->salt) < 0
                   ? err_set(e, ERR_INVALID, "the store's salt is damaged")
                   : 0;
    random_bytes(c->salt, sizeof c->salt);
    hex_encode(c->salt, sizeof c->salt, hex);
    return core_write(c, true, e) < 0 ? -1 : store_meta_set(c->store, "salt", hex, e);
}

/* What goes into documents besides the instance itself: when it changes, all are rendered anew. */
static int seeds_follow_config(struct core *c, struct err *e)
{
    char now[512], was[512] = "";

    if (c->config.advertise[0])
        snprintf(c->base_url, sizeof c->base_url, "%s", c->config.advertise);
    else /* QEMU's user network shows the host's loopback as 10.0.2.2 */
        snprintf(c->base_url, sizeof c->base_url, "http://10.0.2.2:%u", c->seed_at.port);
    snprintf(now, sizeof now, "%s %s tries=%u reporting=%d seal=%d", ROOST_VERSION, c->base_url,
             c->config.phone_home_tries, c->config.reporting, c->config.seal);
    store_meta_get(c->store, "seed-inputs", was, sizeof was, NULL);
    if (!strcmp(now, was))
        return 0;
    if (core_write(c, true, e) < 0 || store_meta_set(c->store, "seed-inputs", now, e) < 0)
        return -1;
    return store_seed_stale_all(c->store, e);
}

/* When both are there: the socket, and the store that its answers come from. */
static int api_start(struct core *c, struct err *e)
{
    if (c->control_fd < 0 || !c->store)
        return 0;
    c->api = api_new(c->loop, c, steal_fd(&c->control_fd), c->config.mode == MODE_SYSTEM, e);
    return c->api ? 0 : -1;
}

static int open_all(struct core *c, struct err *e)
{
    if (secret_load(c, e) < 0 || store_open(c->config.state, &c->store, e) < 0 ||
        salt_load(c, e) < 0 || reserve_make(c, e) < 0 || nets_load(c, e) < 0 ||
        seeds_follow_config(c, e) < 0)
        return -1;
    config_phase_limits(&c->config, true, &c->limits);
    if (!(c->worker = worker_new(c->loop, e)) || sights_new(c, e) < 0 || unknown_new(c, e) < 0 ||
        verdict_new(c, e) < 0 || wire_new(c, e) < 0)
        return -1;
    if (api_start(c, e) < 0)
        return -1;
    loop_timer_set(c->housekeeping, HOUSEKEEPING_MS);
    return machines_adopt(c, e);
}

static void say_ready(struct core *c)
{
    uint64_t n[PHASES], overdue, all = 0;
    auto_buf struct buf b = BUF_INIT;
    char text[160];
    struct err e;

    if (c->ready || c->adopting)
        return;
    if (verdict_load(c, &e) < 0 || store_counts(c->store, n, &overdue, &e) < 0) {
        core_fault(c, "store: %s", e.text);
        return;
    }
    for (int p = 0; p < PHASES; p++)
        all += n[p];
    snprintf(text, sizeof text, "%llu guest%s, %llu home", (unsigned long long)all,
             all == 1 ? "" : "s",
             (unsigned long long)(n[PHASE_HOMED] + n[PHASE_CONFIGURED]));
    c->ready = true;
    text_encode(text, &b);
    if (proto_send(c->roostd, P_READY, 0, &b, NULL, 0, &e) < 0)
        log_error("roostd: %s", e.text);
    /* What was due when the last roost ended. */
    wire_arm(c);
    machines_autostart(c);
}

static void fail(struct core *c, const struct err *e)
{
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
    if (open_all(c, e) < 0)
        return -1;
    say_ready(c);
    return 0;
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
    return take_fd(m, &c->control_fd, e) < 0 ? -1 : api_start(c, e);
}

static int on_accel(struct core *c, const struct chan_msg *m, struct err *e)
{
    struct msg_cur cur = msg_cur(m->data, m->len);

    if (accel_report_decode(&cur, &c->accel, e) < 0)
        return -1;
    c->accel_known = true;
    config_phase_limits(&c->config, c->accel.accel == ACCEL_TCG, &c->limits);
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
    say_ready(c);
    return 0;
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
    say_ready(c);
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

static int on_quit(struct core *c, const struct chan_msg *m, struct err *e)
{
    (void)m, (void)e;
    c->quitting = true;
    sights_flush(c, true);
    c->commit_due = true;
    end_of_turn(c);
    c->done(c->done_arg);
    return 0;
}

static const struct {
    enum proto_type type;
    int (*fn)(struct core *c, const struct chan_msg *m, struct err *e);
} roostd_table[] = {
    { P_HELLO, on_hello },
    { P_CONFIG, on_config },
    { P_CONTROL, on_control },
    { P_SEED_ADDRESS, on_seed_address },
    { P_FRONT_LINK, on_front_link },
    { P_ACCEL, on_accel },
    { P_LAUNCHED, on_launched },
    { P_LAUNCH_FAILED, on_launch_failed },
    { P_ADOPTED, on_launched },
    { P_NOT_RUNNING, on_not_running },
    { P_EXITED, on_exited },
    { P_DONE, on_done },
    { P_QUIT, on_quit },
};

static void roostd_message(const struct chan_msg *m, void *arg)
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

static void roostd_gone(const struct err *err, void *arg)
{
    struct core *c = arg;

    if (err)
        log_error("roostd: %s", err->text);
    if (c->gone || c->quitting)
        return;
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
    store_read(c->store);
    c->reading = true;
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
}

/* ---- life ---- */

static int core_init(struct core *c, int roostd_fd, struct err *e)
{
    auto_buf struct buf b = BUF_INIT;

    if (!(c->turn = loop_hook_new(c->loop, end_of_turn, c, e)) ||
        !(c->lazy = loop_timer_new(c->loop, lazy_due, c, e)) ||
        !(c->housekeeping = loop_timer_new(c->loop, tick, c, e)) ||
        !(c->roostd = chan_new(c->loop, roostd_fd, roostd_message, roostd_gone, c, e)))
        return -1;
    hello_encode("core", &b);
    return proto_send(c->roostd, P_HELLO, 0, &b, NULL, 0, e);
}

struct core *core_new(struct loop *l, int roostd_fd, void (*done)(void *), void *arg, struct err *e)
{
    struct core *c = calloc(1, sizeof *c);

    if (!c) {
        err_set(e, ERR_INTERNAL, "out of memory");
        return NULL;
    }
    c->loop = l;
    c->done = done;
    c->done_arg = arg;
    c->control_fd = -1;
    c->afters_end = &c->afters;
    if (core_init(c, roostd_fd, e) < 0) {
        core_free(c);
        return NULL;
    }
    return c;
}

void core_free(struct core *c)
{
    if (!c)
        return;
    api_free(c->api);
    watches_free(c);
    wire_free(c);
    worker_free(c->worker);
    machines_free(c);
    verdict_free(c);
    unknown_free(c);
    sights_free(c);
    nets_free(c);
    chan_free(c->front);
    chan_free(c->roostd);
    loop_timer_free(c->lazy);
    loop_timer_free(c->housekeeping);
    loop_timer_free(c->full_retry);
    loop_hook_free(c->turn);
    store_close(c->store);
    if (c->control_fd >= 0)
        close(c->control_fd);
    explicit_bzero(c->key, sizeof c->key);
    free(c->acks);
    free(c);
}
