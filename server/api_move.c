/* Guests on their way: as a script, as a bundle, and in. */
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

static ssize_t read_bundle(void *arg, uint64_t pos, char *out, size_t max)
{
    ssize_t n = bundle_stream_read(arg, out, max);

    (void)pos; /* libmicrohttpd goes through it once, from the beginning */
    return n > 0    ? n
           : n == 0 ? MHD_CONTENT_READER_END_OF_STREAM
                    : MHD_CONTENT_READER_END_WITH_ERROR;
}

static void free_bundle(void *arg)
{
    bundle_stream_free(arg);
}

int api_get_bundle(struct api_req *r, struct err *e)
{
    struct bundle_stream *s;
    bool bare;

    if (api_peer_owner(r, "a bundle, which holds a guest's tokens and password hashes", e) < 0 ||
        api_query_bool(r, "no-image", &bare, e) < 0 ||
        !(s = core_bundle(r->api->core, r->name, !bare, e)))
        return -1;
    api_answer_stream(r, "application/x-tar", MHD_SIZE_UNKNOWN, read_bundle, free_bundle, s);
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
