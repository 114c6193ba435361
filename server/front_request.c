#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/parse.h"
#include "server/front_priv.h"

static void refuse(struct conn *c, enum answer a)
{
    c->refused = true;
    c->answer = a;
}

/* The request line, before MHD takes it apart: routes decode for themselves. */
void request_begin(struct conn *c, const char *uri)
{
    char path[ROUTE_TARGET_MAX + 1];
    struct err e = { 0 };
    size_t len = uri ? strnlen(uri, sizeof(path)) : 0;

    conn_not_fresh(c);
    c->listener->front->n_requests++;
    c->step = STEP_HEAD;
    c->refused = c->asked = c->head = false;
    c->retry_after = 0;
    if (len == sizeof(path)) {
        refuse(c, ANSWER_URI_TOO_LONG);
        return;
    }
    memcpy(path, uri ? uri : "", len);
    path[len] = '\0';
    char *query = strchr(path, '?');
    if (query)
        *query++ = '\0';
    if (route_parse(path, query, &c->route, &e) < 0)
        refuse(c, e.kind == ERR_TOO_BIG ? ANSWER_URI_TOO_LONG : ANSWER_BAD_REQUEST);
    else if (c->route.kind == ROUTE_NONE)
        refuse(c, ANSWER_NOT_FOUND);
}

static void body_free(struct conn *c)
{
    c->listener->front->bodies -= c->body_size;
    free(c->body);
    c->body = NULL;
    c->body_len = c->body_size = 0;
}

void request_end(struct conn *c)
{
    struct front *f = c->listener->front;

    if (c->step == STEP_IDLE)
        return;
    if (c->step == STEP_WAIT)
        ask_leave(c);
    f->n_requests--;
    body_free(c);
    c->dropped = 0;
    seat_unref(c->seat);
    c->seat = NULL;
    c->step = STEP_IDLE;
}

/* --- the way out --------------------------------------------------------------------------- */

static enum MHD_Result queue(struct conn *c)
{
    struct front *f = c->listener->front;
    unsigned status = 200;
    struct MHD_Response *r = c->seat ? seat_response(c->seat, c->route.doc)
                                     : answer_get(f->answers, c->answer, c->retry_after, &status);
    int row = c->seat ? -1 : answer_tally(c->answer);

    c->step = STEP_QUEUED;
    if (row >= 0)
        front_tally(f, (enum tally_row)row);
    f->served++;
    return r ? MHD_queue_response(c->mhd, status, r) : MHD_NO;
}

static enum MHD_Result queue_answer(struct conn *c, enum answer a)
{
    c->answer = a;
    return queue(c);
}

void request_answer(struct conn *c, enum answer a, unsigned retry_after)
{
    c->answer = a;
    c->retry_after = retry_after;
    c->step = STEP_ANSWER;
    conn_answered(c);
}

/* Core counts for itself what it was asked for. */
static void give(struct conn *c, struct seat *s)
{
    struct front *f = c->listener->front;

    c->seat = seat_ref(s);
    if (c->head)
        return;
    if (!c->asked) {
        f->given.count[c->route.doc]++;
        f->any_given = true;
    }
    front_table_given(f->table, s, c->route.doc);
}

void request_document(struct conn *c, struct seat *s)
{
    give(c, s);
    c->step = STEP_ANSWER;
    conn_answered(c);
}

static enum MHD_Result wait_for_core(struct conn *c)
{
    c->step = STEP_WAIT;
    conn_wait(c);
    front_poll(c->listener->front);
    return MHD_YES;
}

static enum MHD_Result serve_document(struct conn *c)
{
    struct front *f = c->listener->front;
    struct front_key key;
    enum answer why;

    front_key(&c->peer, &c->route, &key);
    struct seat *s = front_table_get(f->table, &key, loop_now(f->loop).boot_ms);
    if (s) {
        give(c, s);
        return queue(c);
    }
    return ask_seed(c, &why) == 0 ? wait_for_core(c) : queue_answer(c, why);
}

static enum MHD_Result serve_home(struct conn *c)
{
    enum answer why;

    if (ask_home(c, &why) < 0)
        return queue_answer(c, why);
    body_free(c); /* the channel has it */
    return wait_for_core(c);
}

/* Reports are hints: answered at once. */
static enum MHD_Result serve_report(struct conn *c)
{
    ask_report(c);
    return queue_answer(c, ANSWER_REPORT);
}

static enum MHD_Result serve_root(struct conn *c)
{
    return queue_answer(c, ANSWER_ROOT);
}

static const struct {
    bool reads; /* GET and HEAD; else POST */
    enum MHD_Result (*serve)(struct conn *c);
} kinds[ROUTE_KINDS] = {
    [ROUTE_SEED] = { true, serve_document },
    [ROUTE_ROOT] = { true, serve_root },
    [ROUTE_HOME] = { false, serve_home },
    [ROUTE_REPORT] = { false, serve_report },
};

/* --- the way in ---------------------------------------------------------------------------- */

static uint64_t announced_length(const struct conn *c)
{
    const char *s =
        MHD_lookup_connection_value(c->mhd, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    uint64_t n;

    return s && parse_u64(s, 0, UINT64_MAX, &n, NULL) == 0 ? n : 0;
}

/* All headers are there. Queuing the answer in this first call would end keep-alive (MHD takes it
 * for an answer before the body), so that is done only where the body is too long to be read for
 * nothing. */
static enum MHD_Result head_done(struct conn *c, const char *method)
{
    bool get = strcmp(method, MHD_HTTP_METHOD_GET) == 0;
    bool post = strcmp(method, MHD_HTTP_METHOD_POST) == 0;

    c->head = strcmp(method, MHD_HTTP_METHOD_HEAD) == 0;
    c->step = STEP_BODY;
    if (!c->refused && !(kinds[c->route.kind].reads ? get || c->head : post))
        refuse(c, kinds[c->route.kind].reads ? ANSWER_USE_GET : ANSWER_USE_POST);
    if (get || c->head)
        return MHD_YES;
    uint64_t len = announced_length(c);
    if (!c->refused && len > FRONT_BODY_MAX)
        refuse(c, ANSWER_TOO_BIG);
    if (len <= FRONT_BODY_DROP)
        return MHD_YES;
    c->linger = true;
    return queue(c);
}

static int body_grow(struct conn *c, size_t need)
{
    struct front *f = c->listener->front;
    size_t size = c->body_size ? c->body_size : 2048;

    while (size < need)
        size *= 2;
    if (size == c->body_size)
        return 0;
    char *body = f->bodies + size - c->body_size > FRONT_BODIES_MAX ? NULL : realloc(c->body, size);
    if (!body)
        return -1;
    f->bodies += size - c->body_size;
    c->body = body;
    c->body_size = size;
    return 0;
}

static enum MHD_Result body_more(struct conn *c, const char *data, size_t len)
{
    if (!c->refused && c->body_len + len > FRONT_BODY_MAX)
        refuse(c, ANSWER_TOO_BIG);
    else if (!c->refused && body_grow(c, c->body_len + len) < 0)
        refuse(c, ANSWER_FULL);
    if (c->refused) {
        c->dropped += len;
        c->linger = c->dropped > FRONT_BODY_DROP;
        return c->linger ? MHD_NO : MHD_YES;
    }
    memcpy(c->body + c->body_len, data, len);
    c->body_len += len;
    return MHD_YES;
}

enum MHD_Result request_step(struct conn *c, const char *method, const char *data, size_t *len)
{
    switch (c->step) {
    case STEP_HEAD:
        return head_done(c, method);
    case STEP_BODY:
        if (*len) {
            size_t n = *len;
            *len = 0;
            return body_more(c, data, n);
        }
        return c->refused ? queue(c) : kinds[c->route.kind].serve(c);
    case STEP_ANSWER:
        return queue(c);
    case STEP_WAIT: /* a look that was due to another connection */
        return MHD_YES;
    case STEP_IDLE:
    case STEP_QUEUED:
        break;
    }
    return MHD_NO;
}
