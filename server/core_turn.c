/* The turn: what its messages wrote is one commit, and only then come the answers. */
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "server/core_priv.h"

#define LAZY_COMMIT_MS 1000
#define FAULT_AGAIN_MS 60000

/* ---- the turn: one commit, then the answers ---- */

void core_read_turn(struct core *c)
{
    store_read(c->store);
    c->reading = true;
}

int core_write(struct core *c, bool durable, struct err *e)
{
    if (store_begin(c->store, e) < 0) {
        /* A transaction that is lost ends with this turn, so that the next one can write again. */
        c->commit_due |= store_in_transaction(c->store);
        return -1;
    }
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
    if (c->n_acks > 0 && c->front)
        chan_flush(c->front, 0); /* guests wait for these; what follows a commit can wait */
    c->n_acks = 0;
}

void core_forget_acks(struct core *c)
{
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

static int64_t now_us(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * INT64_C(1000000) + t.tv_nsec / 1000;
}

static bool commit(struct core *c)
{
    int64_t began = now_us();
    struct err e;

    c->commit_due = false;
    loop_timer_set(c->lazy, -1);
    if (!store_in_transaction(c->store))
        return true;
    if (store_commit(c->store, &e) == 0) {
        c->commits++;
        histogram_add(&c->metrics.commit, &ladder_commit, now_us() - began);
        return true;
    }
    c->metrics.commits_failed++;
    c->follows->not_committed(c, &e);
    return false;
}

void core_turn_end(struct core *c)
{
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
        c->follows->committed(c);
    }
    send_acks(c, true);
    if (c->reading && !store_in_transaction(c->store))
        store_rollback(c->store); /* the turn's snapshot */
    c->reading = false;
}

void core_turn_free(struct core *c)
{
    while (c->afters)
        call_afters(c, false);
    free(c->acks);
}

/* ---- faults of the appliance ---- */

void core_fault(struct core *c, const char *fmt, ...)
{
    struct event ev = { .real_ms = loop_now(c->loop).real_ms, .kind = EV_FAULT, .actor = "roost" };
    char text[sizeof ev.detail];
    struct err e;
    va_list ap;

    va_start(ap, fmt);
    vsnprintf(text, sizeof text, fmt, ap);
    va_end(ap);
    if (!strcmp(text, c->last_fault) && ev.real_ms - c->last_fault_ms < FAULT_AGAIN_MS)
        return;
    snprintf(c->last_fault, sizeof c->last_fault, "%s", text);
    c->last_fault_ms = ev.real_ms;
    c->metrics.events[EV_FAULT]++;
    log_error("%s", text);
    event_detail(&ev, "%s", text);
    if (c->store && core_write(c, false, &e) == 0)
        store_event_add(c->store, NULL, &ev, &e);
}
