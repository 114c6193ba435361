/* Guests on their way: as a script, as a bundle, and in. */
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "server/api_priv.h"

int api_get_export(struct api_req *r, struct err *e)
{
    const char *form = api_query(r, "for");
    json_t *tree = core_export(r->api->core, r->name, form ? form : "linux", e);

    if (!tree)
        return -1;
    api_answer_json(r, MHD_HTTP_OK, tree);
    json_decref(tree);
    return 0;
}

/* --- out --- */

struct sending {
    struct api_req *r;
    struct bundle_stream *s;
};

static void more(void *arg)
{
    struct sending *o = arg;

    api_wake(o->r);
}

/* libmicrohttpd goes through it once, from the beginning. For 0 it would ask again at once but that
 * the connection is suspended (microhttpd.h, MHD_ContentReaderCallback). */
static ssize_t read_bundle(void *arg, uint64_t pos, char *out, size_t max)
{
    struct sending *o = arg;
    ssize_t n = o->r->api->stopping ? -1 : bundle_stream_read(o->s, out, max);

    (void)pos;
    if (n == BUNDLE_NOT_YET) {
        api_park(o->r);
        bundle_stream_wait(o->s, more, o);
        return 0;
    }
    return n > 0    ? n
           : n == 0 ? MHD_CONTENT_READER_END_OF_STREAM
                    : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void free_bundle(void *arg)
{
    struct sending *o = arg;

    bundle_stream_free(o->s);
    free(o);
}

int api_get_bundle(struct api_req *r, struct err *e)
{
    auto_free struct sending *o = calloc(1, sizeof *o);
    bool bare;

    if (!o)
        return err_set(e, ERR_INTERNAL, "out of memory");
    o->r = r;
    if (api_peer_owner(r, "a bundle, which holds a guest's tokens and password hashes", e) < 0 ||
        api_query_bool(r, "no-image", &bare, e) < 0 ||
        api_room(r->api, e) < 0 || !(o->s = core_bundle(r->api->core, r->name, !bare, e)))
        return -1;
    api_answer_stream(r, "application/x-tar", MHD_SIZE_UNKNOWN, read_bundle, free_bundle,
                      steal_ptr(o));
    return 0;
}

/* --- in --- */

int api_post_import(struct api_req *r, struct err *e)
{
    json_t *body = api_body(r, e);
    struct move_ask ask = { .file = NULL };
    struct api_ticket *t;
    json_error_t why;

    if (!body || api_peer_owner(r, "bringing guests in", e) < 0) {
        json_decref(body);
        return -1;
    }
    if (json_unpack_ex(body, &why, JSON_STRICT, "{s:s, s?s, s?s}", "file", &ask.file, "as", &ask.as,
                       "network", &ask.network) < 0) {
        json_decref(body);
        return err_set(e, ERR_INVALID, "body: %s", why.text);
    }
    if (!(t = api_ticket_new(r, e))) {
        json_decref(body);
        return -1;
    }
    t->keep = body;
    core_import(r->api->core, &ask, &r->who, api_ticket_done, t);
    return api_await(r);
}
