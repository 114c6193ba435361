/* Events, and followers that wait for the next one. */
#include <string.h>

#include "base/cleanup.h"
#include "server/api_priv.h"

#define EVENTS_LIMIT     100
#define EVENTS_LIMIT_MAX 1000

struct asked {
    const char *instance; /* NULL: all */
    uint64_t after, limit, wait;
    bool newest;
};

static int read_query(const struct api_req *r, struct asked *q, struct err *e)
{
    q->instance = api_query(r, "instance");
    if (api_query_number(r, "after", 0, INT64_MAX, 0, &q->after, e) < 0 ||
        api_query_number(r, "limit", 1, EVENTS_LIMIT_MAX, EVENTS_LIMIT, &q->limit, e) < 0 ||
        api_query_number(r, "wait", 0, API_WAIT_MAX_S, 0, &q->wait, e) < 0 ||
        api_query_bool(r, "newest", &q->newest, e) < 0)
        return -1;
    if (q->newest && q->wait)
        return err_set(e, ERR_INVALID,
                       "newest and wait do not go together: wait for what is "
                       "after a number");
    return 0;
}

static bool is_empty(const json_t *reply)
{
    return json_array_size(json_object_get(reply, "events")) == 0;
}

static void woken(void *arg);

/* Answers, or waits (again) while there is nothing to say and time is left. */
static int look(struct api_req *r, struct err *e)
{
    struct asked q;
    json_t *reply;
    int64_t left, last;

    if (read_query(r, &q, e) < 0)
        return -1;
    if (!core_settled(r->api->core)) {
        r->watch = core_settle(r->api->core, woken, r, e);
        return r->watch ? 0 : -1;
    }
    reply = core_events(r->api->core, q.instance, (int64_t)q.after, (int)q.limit, q.newest, e);
    if (!reply)
        return -1;
    left = r->until_ms - loop_now(r->api->loop).boot_ms;
    last = json_integer_value(json_object_get(reply, "last"));
    if (!is_empty(reply) || left <= 0) {
        api_answer_json(r, MHD_HTTP_OK, reply);
        json_decref(reply);
        return 0;
    }
    json_decref(reply);
    /* What came since is about others: this follower waits for what comes behind it. */
    if (last > r->after)
        r->after = last;
    r->watch = core_watch(r->api->core, r->after, left, woken, r, e);
    return r->watch ? 0 : -1;
}

static void woken(void *arg)
{
    struct api_req *r = arg;
    struct err e;

    r->watch = NULL;
    if (look(r, &e) < 0)
        api_answer_err(r, &e);
    if (r->reply)
        api_wake(r);
}

int api_get_events(struct api_req *r, struct err *e)
{
    struct asked q;

    if (read_query(r, &q, e) < 0 ||
        ((q.wait || !core_settled(r->api->core)) && api_room(r->api, e) < 0))
        return -1;
    r->after = (int64_t)q.after;
    r->until_ms = loop_now(r->api->loop).boot_ms + (int64_t)q.wait * 1000;
    if (look(r, e) < 0)
        return -1;
    if (r->watch)
        api_park(r);
    return 0;
}
