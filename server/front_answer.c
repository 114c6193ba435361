#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "server/front_priv.h"

static const struct {
    unsigned status;
    int tally; /* -1: core knows of it, or it is no refusal */
    unsigned retry_after;
    const char *allow;
    const char *text;
} rows[ANSWERS] = {
    [ANSWER_ROOT] = { 200, -1, 0, NULL,
                      "roost: seeds for guests, at /TAG/TOKEN/{meta-data,user-data,vendor-data,"
                      "network-config}\n" },
    [ANSWER_HOME] = { 200, -1, 0, NULL, "welcome home\n" },
    [ANSWER_REPORT] = { 200, -1, 0, NULL, "noted\n" },
    [ANSWER_NOT_FOUND] = { 404, TALLY_NOT_FOUND, 0, NULL,
                           "not a path of roost's: a seed is at /TAG/TOKEN/meta-data\n" },
    [ANSWER_BAD_REQUEST] = { 400, TALLY_BAD_REQUEST, 0, NULL,
                             "the request cannot be read: check the URL's escapes\n" },
    [ANSWER_URI_TOO_LONG] = { 414, TALLY_TOO_BIG, 0, NULL, "the URL is longer than 2048 bytes\n" },
    [ANSWER_TOO_BIG] = { 413, TALLY_TOO_BIG, 0, NULL, "the body is larger than 65536 bytes\n" },
    [ANSWER_USE_GET] = { 405, TALLY_METHOD, 0, "GET, HEAD",
                         "documents are read with GET or HEAD\n" },
    [ANSWER_USE_POST] = { 405, TALLY_METHOD, 0, "POST", "this is a place to POST to\n" },
    [ANSWER_DENIED] = { 403, -1, 0, NULL,
                        "this caller may not speak for that guest: wrong or missing token\n" },
    [ANSWER_CONFLICT] = { 409, -1, 0, NULL,
                          "this contradicts what is on record; see roost events\n" },
    [ANSWER_TOO_MANY] = { 429, -1, 60, NULL, "too many of these in a short time\n" },
    [ANSWER_ERROR] = { 500, -1, 0, NULL, "roost could not do this; see its log\n" },
    [ANSWER_HOLD] = { 503, -1, 10, NULL, "not known here yet, or not ready: come again\n" },
    [ANSWER_CORE_AWAY] = { 503, TALLY_CORE_AWAY, 2, NULL, "roost is starting: come again\n" },
    [ANSWER_DEADLINE] = { 503, TALLY_DEADLINE, 2, NULL, "roost is busy: come again\n" },
    [ANSWER_FULL] = { 503, TALLY_CORE_AWAY, 2, NULL, "too many requests at once: come again\n" },
};

struct answers {
    struct MHD_Response *ready[ANSWERS];
    /* The last one with another Retry-After than its row's: core tells all unknown callers the
     * same. */
    struct MHD_Response *other;
    enum answer other_of;
    unsigned other_retry;
};

static bool add(struct MHD_Response *r, const char *name, const char *value)
{
    return MHD_add_response_header(r, name, value) == MHD_YES;
}

static struct MHD_Response *make(enum answer which, unsigned retry_after)
{
    char seconds[16];
    const char *text = rows[which].text;
    struct MHD_Response *r = MHD_create_response_from_buffer(strlen(text), (void *)(uintptr_t)text,
                                                             MHD_RESPMEM_PERSISTENT);

    if (!r)
        return NULL;
    snprintf(seconds, sizeof(seconds), "%u", retry_after);
    if (add(r, MHD_HTTP_HEADER_CONTENT_TYPE, "text/plain") &&
        (!retry_after || add(r, MHD_HTTP_HEADER_RETRY_AFTER, seconds)) &&
        (!rows[which].allow || add(r, MHD_HTTP_HEADER_ALLOW, rows[which].allow)))
        return r;
    MHD_destroy_response(r);
    return NULL;
}

struct answers *answers_new(void)
{
    struct answers *a = calloc(1, sizeof(*a));

    for (int i = 0; a && i < ANSWERS; i++) {
        a->ready[i] = make((enum answer)i, rows[i].retry_after);
        if (!a->ready[i]) {
            answers_free(a);
            return NULL;
        }
    }
    return a;
}

void answers_free(struct answers *a)
{
    if (!a)
        return;
    for (int i = 0; i < ANSWERS; i++) {
        if (a->ready[i])
            MHD_destroy_response(a->ready[i]);
    }
    if (a->other)
        MHD_destroy_response(a->other);
    free(a);
}

struct MHD_Response *answer_get(struct answers *a, enum answer which, unsigned retry_after,
                                unsigned *ret_status)
{
    *ret_status = rows[which].status;
    if (!retry_after || retry_after == rows[which].retry_after)
        return a->ready[which];
    if (a->other && a->other_of == which && a->other_retry == retry_after)
        return a->other;
    if (a->other)
        MHD_destroy_response(a->other);
    a->other = make(which, retry_after);
    a->other_of = which;
    a->other_retry = retry_after;
    return a->other;
}

enum answer answer_of_status(unsigned status)
{
    static const struct {
        unsigned status;
        enum answer answer;
    } known[] = {
        { 200, ANSWER_HOME },     { 400, ANSWER_BAD_REQUEST }, { 403, ANSWER_DENIED },
        { 409, ANSWER_CONFLICT }, { 413, ANSWER_TOO_BIG },     { 429, ANSWER_TOO_MANY },
        { 503, ANSWER_HOLD },
    };

    for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
        if (known[i].status == status)
            return known[i].answer;
    }
    return ANSWER_ERROR;
}

int answer_tally(enum answer which)
{
    return rows[which].tally;
}
