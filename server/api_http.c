/* The life of a request: it is read to its end, run, perhaps suspended until core has answered, and
 * answered. An answer is never queued in the handler's first call, since libmicrohttpd then closes
 * the connection behind it; only a body that is announced as too large is refused at once. */
#include <stdlib.h>

#include "base/parse.h"
#include "server/api_priv.h"

static enum MHD_Result queue(struct api_req *r)
{
    enum MHD_Result ok;

    if (!r->reply)
        return MHD_NO;
    ok = MHD_queue_response(r->conn, r->status, r->reply);
    MHD_destroy_response(r->reply);
    r->reply = NULL;
    return ok;
}

/* --- reading --- */

static int authorize(struct api_req *r, struct err *e)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(r->conn, MHD_CONNECTION_INFO_CONNECTION_FD);

    if (!info)
        return err_set(e, ERR_INTERNAL, "the connection has no descriptor");
    return api_peer(info->connect_fd, r->api->system_mode, &r->who, e);
}

static void find_route(struct api_req *r, const char *method, const char *url)
{
    char allow[64] = "";
    struct err e;

    if (authorize(r, &e) == 0 &&
        api_route_find(method, url, &r->route, r->name, allow, sizeof allow, &e) == 0 &&
        api_query_check(r, &e) == 0)
        return;
    r->route = NULL;
    api_answer_err(r, &e);
    if (allow[0]) {
        r->status = MHD_HTTP_METHOD_NOT_ALLOWED;
        api_answer_header(r, MHD_HTTP_HEADER_ALLOW, allow);
    }
}

static size_t body_max(const struct api_req *r)
{
    return r->route && r->route->body_max ? r->route->body_max : API_BODY_MAX;
}

static int check_size(struct api_req *r, uint64_t size, struct err *e)
{
    if (size > body_max(r))
        return err_set(e, ERR_TOO_BIG, "body: more than %zu KiB", body_max(r) >> 10);
    if (r->api->bodies + size > API_BODIES_MAX)
        return err_set(e, ERR_BUSY, "other large requests are being read; try again later");
    return 0;
}

static enum MHD_Result begin(struct api *a, struct MHD_Connection *conn, const char *url,
                             const char *method, void **slot)
{
    const char *length =
        MHD_lookup_connection_value(conn, MHD_HEADER_KIND, MHD_HTTP_HEADER_CONTENT_LENGTH);
    struct api_req *r = calloc(1, sizeof *r);
    uint64_t size;
    struct err e;

    if (!r)
        return MHD_NO;
    r->api = a;
    r->conn = conn;
    r->body.cap = API_APPLY_MAX;
    *slot = r;
    find_route(r, method, url);
    if (length && parse_u64(length, 0, UINT64_MAX, &size, NULL) == 0 &&
        check_size(r, size, &e) < 0) {
        if (r->route)
            api_answer_err(r, &e);
        return queue(r);
    }
    return MHD_YES;
}

static enum MHD_Result take(struct api_req *r, const char *data, size_t len)
{
    struct err e;

    r->received += len;
    if (r->received > body_max(r) + API_BODY_MAX)
        return MHD_NO; /* refused already, and still sending */
    if (r->reply)
        return MHD_YES;
    if (check_size(r, r->received, &e) < 0) {
        api_answer_err(r, &e);
        return MHD_YES;
    }
    buf_put(&r->body, data, len);
    r->api->bodies += len;
    if (buf_check(&r->body, &e) < 0)
        api_answer_err(r, &e);
    return MHD_YES;
}

enum MHD_Result api_handle(void *cls, struct MHD_Connection *conn, const char *url,
                           const char *method, const char *version, const char *data, size_t *len,
                           void **slot)
{
    struct api_req *r = *slot;
    struct err e;

    (void)version;
    if (!r)
        return begin(cls, conn, url, method, slot);
    if (*len) {
        size_t n = *len;
        *len = 0;
        return take(r, data, n);
    }
    if (!r->reply && r->route) {
        const struct api_route *route = r->route;
        r->route = NULL;
        if (route->run(r, &e) < 0)
            api_answer_err(r, &e);
        if (r->parked)
            return MHD_YES;
    }
    return queue(r);
}

void api_completed(void *cls, struct MHD_Connection *conn, void **slot,
                   enum MHD_RequestTerminationCode why)
{
    struct api_req *r = *slot;

    (void)cls;
    (void)conn;
    (void)why;
    if (!r)
        return;
    *slot = NULL;
    if (r->ticket)
        r->ticket->req = NULL;
    core_unwatch(r->watch);
    api_console_drop(r);
    if (r->reply)
        MHD_destroy_response(r->reply);
    api_body_drop(r);
    free(r);
}
