#include <stdlib.h>
#include <string.h>

#include "base/utf8.h"
#include "server/front_priv.h"

#define ASKS_MAX 65536 /* seeds and posts under way: core has not answered */
#define BUCKETS  1024
#define STALE_MS 60000 /* a question that core never answered is forgotten then */

/* A question to core. Of a seed: all requests with the same key wait for one answer; it lives on
 * after their deadline, so that a late answer is there for those who come again. */
struct ask {
    uint32_t id;
    bool seed;
    struct front_key key;
    uint64_t hash;
    int64_t asked_ms;
    struct conns conns;
    TAILQ_ENTRY(ask) by_id, by_key, by_age;
};
TAILQ_HEAD(ask_list, ask);

struct asks {
    struct front *front;
    struct loop_timer *timer; /* the first deadline */
    struct conns waiting;     /* by deadline */
    size_t n_waiting, n;
    struct ask_list ids[BUCKETS], keys[BUCKETS], age;
};

static void deadline_cb(void *arg);

struct asks *asks_new(struct front *f, struct err *e)
{
    struct asks *a = calloc(1, sizeof(*a));

    if (!a) {
        err_set(e, ERR_INTERNAL, "no memory");
        return NULL;
    }
    a->front = f;
    a->timer = loop_timer_new(f->loop, deadline_cb, a, e);
    if (!a->timer) {
        free(a);
        return NULL;
    }
    TAILQ_INIT(&a->waiting);
    TAILQ_INIT(&a->age);
    for (int i = 0; i < BUCKETS; i++) {
        TAILQ_INIT(&a->ids[i]);
        TAILQ_INIT(&a->keys[i]);
    }
    return a;
}

static struct ask *ask_new(struct asks *a, uint32_t id, const struct front_key *key, int64_t now_ms)
{
    struct ask *q = calloc(1, sizeof(*q));

    if (!q)
        return NULL;
    q->id = id;
    q->asked_ms = now_ms;
    TAILQ_INIT(&q->conns);
    TAILQ_INSERT_TAIL(&a->ids[id % BUCKETS], q, by_id);
    TAILQ_INSERT_TAIL(&a->age, q, by_age);
    if (key) {
        q->seed = true;
        q->key = *key;
        q->hash = front_key_hash(key);
        TAILQ_INSERT_TAIL(&a->keys[q->hash % BUCKETS], q, by_key);
    }
    a->n++;
    return q;
}

static void ask_free(struct asks *a, struct ask *q)
{
    TAILQ_REMOVE(&a->ids[q->id % BUCKETS], q, by_id);
    TAILQ_REMOVE(&a->age, q, by_age);
    if (q->seed)
        TAILQ_REMOVE(&a->keys[q->hash % BUCKETS], q, by_key);
    a->n--;
    free(q);
}

void asks_free(struct asks *a)
{
    if (!a)
        return;
    while (!TAILQ_EMPTY(&a->age))
        ask_free(a, TAILQ_FIRST(&a->age));
    loop_timer_free(a->timer);
    free(a);
}

static struct ask *by_id(struct asks *a, uint32_t id, bool seed)
{
    struct ask *q;

    TAILQ_FOREACH(q, &a->ids[id % BUCKETS], by_id)
    {
        if (q->id == id)
            return q->seed == seed ? q : NULL;
    }
    return NULL;
}

static struct ask *by_key(struct asks *a, const struct front_key *k)
{
    uint64_t hash = front_key_hash(k);
    struct ask *q;

    TAILQ_FOREACH(q, &a->keys[hash % BUCKETS], by_key)
    {
        if (q->hash == hash && memcmp(&q->key, k, sizeof(*k)) == 0)
            return q;
    }
    return NULL;
}

/* --- who waits ----------------------------------------------------------------------------- */

static void wait_begin(struct asks *a, struct ask *q, struct conn *c)
{
    int64_t limit = a->front->config.core_deadline;

    c->ask = q;
    c->deadline_ms = loop_now(a->front->loop).boot_ms + limit;
    TAILQ_INSERT_TAIL(&q->conns, c, mate);
    TAILQ_INSERT_TAIL(&a->waiting, c, wait);
    a->n_waiting++;
    if (!loop_timer_armed(a->timer))
        loop_timer_set(a->timer, limit);
}

static void wait_end(struct asks *a, struct conn *c)
{
    TAILQ_REMOVE(&c->ask->conns, c, mate);
    TAILQ_REMOVE(&a->waiting, c, wait);
    a->n_waiting--;
    c->ask = NULL;
}

void ask_leave(struct conn *c)
{
    wait_end(c->listener->front->asks, c);
}

int64_t ask_waits_ms(const struct conn *c)
{
    const struct front *f = c->listener->front;

    return loop_now(f->loop).boot_ms - (c->deadline_ms - f->config.core_deadline);
}

size_t asks_waiting(const struct front *f)
{
    return f->asks->n_waiting;
}

static void forget_stale(struct asks *a, int64_t now_ms)
{
    struct ask *q;

    while ((q = TAILQ_FIRST(&a->age)) && q->asked_ms + STALE_MS <= now_ms && TAILQ_EMPTY(&q->conns))
        ask_free(a, q);
}

static void deadline_cb(void *arg)
{
    struct asks *a = arg;
    int64_t now = loop_now(a->front->loop).boot_ms;
    struct conn *c;

    while ((c = TAILQ_FIRST(&a->waiting)) && c->deadline_ms <= now) {
        struct ask *q = c->ask;
        wait_end(a, c);
        if (!q->seed)
            ask_free(a, q);
        request_answer(c, ANSWER_DEADLINE, 0);
    }
    forget_stale(a, now);
    if (c)
        loop_timer_set(a->timer, c->deadline_ms - now);
}

/* --- asking -------------------------------------------------------------------------------- */

static void caller_of(const struct conn *c, struct caller *ret)
{
    const char *agent =
        MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_USER_AGENT);
    size_t len = agent ? strnlen(agent, sizeof(ret->agent) - 1) : 0;

    *ret = (struct caller){ .peer = c->peer,
                            .claim = c->route.claim,
                            .marks = c->route.marks,
                            .has_token = c->route.has_token };
    if (c->route.claim == CLAIM_TAG)
        ret->tag = c->route.tag;
    memcpy(ret->claimed, c->route.claimed, sizeof(ret->claimed));
    if (c->route.has_token)
        ret->token = c->route.token;
    if (len)
        memcpy(ret->agent, agent, len);
    control_mask(ret->agent); /* also what a cut in the middle of a character left */
}

/* May core be asked something that must be answered? */
static int can_ask(const struct front *f, enum answer *ret_why)
{
    if (!f->core || !f->core_hello) {
        *ret_why = ANSWER_CORE_AWAY;
        return -1;
    }
    if (f->asks->n >= ASKS_MAX || chan_queued(f->core) > FRONT_QUEUE_MAX) {
        *ret_why = ANSWER_FULL;
        return -1;
    }
    return 0;
}

/* Sends what was built in front.out as a new question. */
static struct ask *send_ask(struct front *f, enum proto_type t, const struct front_key *key,
                            enum answer *ret_why)
{
    uint32_t id = chan_next_id(f->core);
    struct ask *q = ask_new(f->asks, id, key, loop_now(f->loop).boot_ms);

    if (q && proto_send(f->core, t, id, &f->out, NULL, 0, NULL) == 0)
        return q;
    if (q)
        ask_free(f->asks, q);
    *ret_why = ANSWER_FULL;
    return NULL;
}

int ask_seed(struct conn *c, enum answer *ret_why)
{
    struct front *f = c->listener->front;
    struct seed_get m = { .doc = c->route.doc, .head = c->head };
    struct front_key key;

    front_key(&c->peer, &c->route, &key);
    struct ask *q = by_key(f->asks, &key);
    if (!q) {
        if (can_ask(f, ret_why) < 0)
            return -1;
        caller_of(c, &m.caller);
        seed_get_encode(&m, &f->out);
        q = send_ask(f, P_SEED_GET, &key, ret_why);
        if (!q)
            return -1;
        c->asked = true;
    }
    wait_begin(f->asks, q, c);
    return 0;
}

static void put_post(struct conn *c)
{
    struct guest_post m = { .body = c->body, .len = c->body_len };

    caller_of(c, &m.caller);
    guest_post_encode(&m, &c->listener->front->out);
}

int ask_home(struct conn *c, enum answer *ret_why)
{
    struct front *f = c->listener->front;

    if (can_ask(f, ret_why) < 0)
        return -1;
    put_post(c);
    struct ask *q = send_ask(f, P_HOME, NULL, ret_why);
    if (!q)
        return -1;
    wait_begin(f->asks, q, c);
    return 0;
}

void ask_report(struct conn *c)
{
    struct front *f = c->listener->front;

    if (f->core && f->core_hello && chan_queued(f->core) < FRONT_HINTS_MAX) {
        put_post(c);
        if (proto_send(f->core, P_REPORT, 0, &f->out, NULL, 0, NULL) == 0)
            return;
    }
    front_tally(f, TALLY_REPORT_DROPPED);
}

/* --- answers ------------------------------------------------------------------------------- */

static void answer_all(struct asks *a, struct ask *q, struct seat *s, enum answer why,
                       unsigned retry_after)
{
    struct conn *c;

    while ((c = TAILQ_FIRST(&q->conns))) {
        wait_end(a, c);
        if (s)
            request_document(c, s);
        else
            request_answer(c, why, retry_after);
    }
}

/* Nobody waits for an unknown id any more: its deadline passed. */
void ask_seed_reply(struct front *f, uint32_t id, const struct seed_reply *m)
{
    struct ask *q = by_id(f->asks, id, true);
    struct seat *s = NULL;
    int64_t keep = m->keep_ms < f->config.cache_keep ? m->keep_ms : f->config.cache_keep;

    if (!q)
        return;
    if (m->status == 200)
        s = seat_new(&q->key, m, front_table_newest(f->table));
    if (s && keep > 0)
        front_table_put(f->table, s, loop_now(f->loop).boot_ms + keep);
    answer_all(f->asks, q, s, m->status == 200 ? ANSWER_ERROR : answer_of_status(m->status),
               m->retry_after);
    ask_free(f->asks, q);
    seat_unref(s);
    front_tick_soon(f);
}

void ask_home_reply(struct front *f, uint32_t id, const struct status_reply *m)
{
    struct ask *q = by_id(f->asks, id, false);

    if (!q)
        return;
    answer_all(f->asks, q, NULL, answer_of_status(m->status), m->retry_after);
    ask_free(f->asks, q);
}

void asks_lost(struct front *f)
{
    struct ask *q;

    while ((q = TAILQ_FIRST(&f->asks->age))) {
        answer_all(f->asks, q, NULL, ANSWER_CORE_AWAY, 0);
        ask_free(f->asks, q);
    }
    loop_timer_set(f->asks->timer, -1);
}
